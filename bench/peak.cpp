// This machine's peak of fused multiply-adds in f32, one thread, from registers only: what shares of "the peak" in
// bench/ refer to. Prints GFLOP/s, the best of many runs, for 512-bit vectors where there are any, else 256-bit.
#include <algorithm>
#include <cstdio>

#include "support/fma_peak.h"

int main() {
  constexpr int kRuns = 8000;  // some 0.2 s
  const int bits = __builtin_cpu_supports("avx512f") ? 512 : 256;
  double best = 0;
  for (int run = 0; run < kRuns; ++run) best = std::max(best, nnc::multiply_adds_per_second(bits));
  std::printf("%.1f\n", 2e-9 * best);
}
