// The kernel-IR interpreter: slow, plain, and right to the bit. It ignores schedules, computes f32 in f32 with the
// primitive operations of ir/scalar/scalar.h and flush-to-zero, and honors `order`.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "ir/kernel/kernel.h"

namespace nnc::kernel {

// Runs every task, in order. The kernel has to be sound (verify()). Locals are NaN (all bits set) at a task's start.
// `arguments` points at one memory block per parameter, in the parameter's layout, each of
// storage_elements(shape, layout) elements of its dtype (bool as one byte).
void evaluate(const Kernel& kernel, std::span<std::byte* const> arguments);

// Runs the items in order; `memory` holds one pointer per slot; those of constants are not looked at.
void evaluate(const Program& program, std::span<std::byte* const> memory);

}  // namespace nnc::kernel
