// How much a kernel does: what schedules and cost estimates are made from.
#pragma once

#include "ir/kernel/kernel.h"

namespace nnc::codegen {

// How often the statement's body runs; contractions are counted in multiply-adds, below.
int64_t points(const kernel::Kernel& kernel, const kernel::Statement& statement);
// Multiply-adds, times two, of the kernel's contractions; terms that lie outside are none.
double flops(const kernel::Kernel& kernel);
// Instructions for single elements of everything else: arithmetic (ir/scalar/count.h), loads and stores. What does not vary
// along an axis of a statement is computed once for all of it.
double operations(const kernel::Kernel& kernel);

// Whether a program, scheduled for `threads` threads, is to be shared among them: what that saves, kernel by kernel as
// far as its tasks go, must outweigh the barriers and the waking.
bool worth_sharing(const kernel::Program& program, int threads);

}  // namespace nnc::codegen
