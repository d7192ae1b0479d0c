// This machine's peak of fused multiply-adds in f32, one thread, from registers only: what shares of "the peak" in
// bench/ refer to. Prints GFLOP/s, the best of several tries, for 512-bit vectors where there are any, else 256-bit.
#include <immintrin.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

namespace {

constexpr int kChains = 16;  // independent accumulators: enough to hide the latency of a multiply-add
constexpr int kTurns = 2'000'000;

__attribute__((target("avx512f"))) float run_512() {
  __m512 sums[kChains];
  for (int i = 0; i < kChains; ++i) sums[i] = _mm512_set1_ps(static_cast<float>(i));
  const __m512 a = _mm512_set1_ps(0.9999f);
  const __m512 b = _mm512_set1_ps(1e-4f);
  for (int turn = 0; turn < kTurns; ++turn)
#pragma GCC unroll 16
    for (int i = 0; i < kChains; ++i) sums[i] = _mm512_fmadd_ps(sums[i], a, b);
  float lanes[16];
  float total = 0;
  for (int i = 0; i < kChains; ++i) {
    _mm512_storeu_ps(lanes, sums[i]);
    total += lanes[0];
  }
  return total;
}

__attribute__((target("avx2,fma"))) float run_256() {
  __m256 sums[kChains];
  for (int i = 0; i < kChains; ++i) sums[i] = _mm256_set1_ps(static_cast<float>(i));
  const __m256 a = _mm256_set1_ps(0.9999f);
  const __m256 b = _mm256_set1_ps(1e-4f);
  for (int turn = 0; turn < kTurns; ++turn)
#pragma GCC unroll 16
    for (int i = 0; i < kChains; ++i) sums[i] = _mm256_fmadd_ps(sums[i], a, b);
  float total = 0;
  for (int i = 0; i < kChains; ++i) total += _mm256_cvtss_f32(sums[i]);
  return total;
}

}  // namespace

int main() {
  const bool wide = __builtin_cpu_supports("avx512f");
  double best = 0;
  volatile float sink = 0;  // keeps the loops
  for (int attempt = 0; attempt < 8; ++attempt) {
    const auto start = std::chrono::steady_clock::now();
    sink = sink + (wide ? run_512() : run_256());
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    best = std::max(best, 2.0 * (wide ? 16 : 8) * kChains * kTurns / seconds * 1e-9);
  }
  std::printf("%.1f\n", best);
}
