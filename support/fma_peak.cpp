#include "support/fma_peak.h"

#include <chrono>
#include <cstdint>

#include "support/clock.h"

namespace nnc {
namespace {

// `rounds` times ten multiply-adds that do not wait for each other: enough for two units with a latency of four cycles.
#define NNC_MULTIPLY_ADDS(vector)                                                                        \
  asm volatile(                                                                                          \
      "vzeroall\n 1: .irp r, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10\n"                                            \
      "vfmadd231ps %%" vector "0, %%" vector "0, %%" vector "\\r\n .endr\n dec %0\n jnz 1b\n vzeroupper" \
      : "+r"(rounds)                                                                                     \
      :                                                                                                  \
      : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",   \
        "xmm11", "xmm12", "xmm13", "xmm14", "xmm15")

void multiply_adds_256(int64_t rounds) {
  NNC_MULTIPLY_ADDS("ymm");
}

void multiply_adds_512(int64_t rounds) {
  NNC_MULTIPLY_ADDS("zmm");
}

#undef NNC_MULTIPLY_ADDS

}  // namespace

double multiply_adds_per_second(int bits) {
  constexpr int64_t kRounds = 1000;
  const auto start = std::chrono::steady_clock::now();
  (bits == 512 ? multiply_adds_512 : multiply_adds_256)(kRounds);
  return 10.0 * kRounds * (bits / 32) / (ms_since(start) * 1e-3);
}

}  // namespace nnc
