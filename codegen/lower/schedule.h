// Schedules: which axis vectors run along, register tiles, how the work is cut into tasks. Kernel IR → kernel
// IR; the meaning and the order of sums stay, so no choice made here changes a bit.
#pragma once

#include <cstdint>

#include "codegen/target.h"
#include "ir/kernel/kernel.h"

namespace nnc::codegen {

struct ScheduleOptions {
  int threads = 1;
  uint64_t seed = 0;  // not 0: random legal choices, for tests
};

void schedule_kernel(kernel::Kernel& kernel, const Target& target, const ScheduleOptions& options);

}  // namespace nnc::codegen
