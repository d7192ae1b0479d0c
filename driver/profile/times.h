// How long each launch and barrier of a compiled step takes.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "runtime/training/trainer.h"

namespace nnc::driver {

// Microseconds.
struct StepTimes {
  std::vector<double>
      items;        // of the entry, in order: the median over the steps of the mean over the threads
  double step = 0;  // median, from outside: with waking the threads and waiting for them
  int64_t steps = 0;
  // The step that took the median time: of each thread when it entered and when it was done with each item, from the first
  // one's entering.
  std::vector<std::vector<double>> example;
};

// Runs steps for so many seconds, and at least five; a step of its own before. `take_step` runs the entry once, with `memory`,
// which keeps times.
StepTimes time_steps(runtime::Session& memory, const EntryPoint& entry, int threads, double seconds,
                     const std::function<void()>& take_step);

}  // namespace nnc::driver
