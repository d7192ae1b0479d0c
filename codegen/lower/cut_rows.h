// The tasks of kernels that go through elements and rows, without products of their own.
#pragma once

#include <cstdint>
#include <functional>

#include "codegen/target.h"
#include "ir/kernel/kernel.h"

namespace nnc::codegen {

// Tasks per thread: enough that an uneven one does not leave the others waiting long.
inline constexpr int64_t kTasksPerThread = 4;

inline int64_t ceil_div(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

// A number from `low` to `high`, for random schedules.
using Pick = std::function<int64_t(int64_t low, int64_t high)>;

// Cuts the grid: for the threads, and so that locals stay in the cache. With `pick`, anyhow. The statements have their lanes.
void cut_rows(kernel::Kernel& kernel, const Target& target, int threads, const Pick& pick);

}  // namespace nnc::codegen
