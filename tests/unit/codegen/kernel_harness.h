// Kernels of their own: random schedules for them, and their compiled result against the kernel interpreter.
#pragma once

#include <random>

#include "ir/kernel/kernel.h"

namespace nnc::test {

using Random = std::mt19937_64;
int64_t pick(Random& random, int64_t low, int64_t high);  // both included

// The kernel under another schedule, cut into other tasks.
kernel::Kernel variant(const kernel::Kernel& kernel, uint64_t seed);

// Compiles for each instruction set and compares all memory with what the interpreter leaves, to the bit, where all NaNs
// are one. Odd seeds have zeros of both signs, infinities and NaNs among the inputs.
void same_bits_compiled(const kernel::Kernel& kernel, uint64_t seed);

}  // namespace nnc::test
