// How much scratch a kernel's locals take, without LLVM.
#pragma once

#include "ir/kernel.h"

namespace nnc::codegen {

// Bytes of one local, and of all of a kernel's, each aligned to a cache line.
int64_t local_bytes(const kernel::Kernel& kernel, kernel::BufferId id);
int64_t scratch_bytes(const kernel::Kernel& kernel);

}  // namespace nnc::codegen
