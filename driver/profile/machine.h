// What this machine can do, measured: the limits that a profile holds kernels against.
#pragma once

#include "runtime/thread_pool.h"

namespace nnc::driver {

struct Machine {
  double multiply_adds = 0;  // of f32, a second and thread
  double cache_bytes = 0;    // that a second reads from the second-level cache, each thread its own
  double memory_bytes = 0;   // from beyond, all threads together
  int64_t cache = 0;         // bytes of a second-level cache
};

// All threads of the pool measure at the same time, as they run in a step; some 100 ms.
Machine measure_machine(runtime::ThreadPool& pool, int vector_bits);

}  // namespace nnc::driver
