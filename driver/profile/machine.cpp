#include "driver/profile/machine.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "support/clock.h"
#include "support/fma_peak.h"

namespace nnc::driver {
namespace {

constexpr int64_t kBeyond = 64 << 20;  // bytes a thread, more than its share of any cache
constexpr int64_t kLine = 64;
constexpr int kTurns = 1600;  // some 40 ms: processors take a while to reach the clock of wide vectors

// Reads whole cache lines, as fast as they come: nothing waits for what was read.
void read_lines(const unsigned char* from, int64_t bytes) {
  const unsigned char* const end = from + bytes / (4 * kLine) * (4 * kLine);
  asm volatile(
      "1: vmovups (%0), %%ymm0\n vmovups 32(%0), %%ymm1\n vmovups 64(%0), %%ymm2\n vmovups 96(%0), %%ymm3\n"
      "vmovups 128(%0), %%ymm4\n vmovups 160(%0), %%ymm5\n vmovups 192(%0), %%ymm6\n vmovups 224(%0), "
      "%%ymm7\n"
      "add $256, %0\n cmp %1, %0\n jb 1b\n vzeroupper"
      : "+r"(from)
      : "r"(end)
      : "cc", "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7");
}

struct Measurement {
  std::vector<unsigned char*> buffers;
  std::vector<double> result;
  int64_t bytes = 0;
  int64_t rounds = 0;
  int bits = 0;
};

// Bytes a second, all threads together: the best of a few turns.
double read_speed(runtime::ThreadPool& pool, Measurement& m, int64_t bytes, int64_t rounds) {
  m.bytes = bytes;
  m.rounds = rounds;
  double best = 0;
  for (int turn = 0; turn < 5; ++turn) {
    const auto start = std::chrono::steady_clock::now();
    pool.run(
        [](void* data, int32_t thread, int32_t) {
          const Measurement& of = *static_cast<const Measurement*>(data);
          for (int64_t round = 0; round < of.rounds; ++round)
            read_lines(of.buffers[static_cast<size_t>(thread)], of.bytes);
        },
        &m);
    const double all = static_cast<double>(bytes * rounds) * pool.threads();
    if (turn > 0) best = std::max(best, all / (ms_since(start) * 1e-3));
  }
  return best;
}

}  // namespace

Machine measure_machine(runtime::ThreadPool& pool, int vector_bits) {
  Machine machine;
  const long l2 = sysconf(_SC_LEVEL2_CACHE_SIZE);
  machine.cache = l2 > 0 ? l2 : 1 << 20;
  Measurement m;
  m.bits = vector_bits;
  m.result.resize(static_cast<size_t>(pool.threads()));
  m.buffers.resize(m.result.size());
  pool.run(
      [](void* data, int32_t thread, int32_t) {
        Measurement& of = *static_cast<Measurement*>(data);
        double& best = of.result[static_cast<size_t>(thread)];
        for (int turn = 0; turn < kTurns; ++turn) best = std::max(best, multiply_adds_per_second(of.bits));
        auto* memory = static_cast<unsigned char*>(std::aligned_alloc(kLine, kBeyond));
        if (memory != nullptr) std::memset(memory, 1, kBeyond);
        of.buffers[static_cast<size_t>(thread)] = memory;
      },
      &m);
  machine.multiply_adds = *std::min_element(m.result.begin(), m.result.end());
  if (std::ranges::find(m.buffers, nullptr) == m.buffers.end()) {
    machine.cache_bytes = read_speed(pool, m, machine.cache / 2, 40) / pool.threads();
    machine.memory_bytes = read_speed(pool, m, kBeyond, 1);
  }
  for (unsigned char* memory : m.buffers) std::free(memory);
  return machine;
}

}  // namespace nnc::driver
