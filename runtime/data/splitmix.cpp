// Arrays from splitmix64; see splitmix.h.
#include "runtime/data/splitmix.h"

#include <array>
#include <cstring>

#include "fmt/format.h"
#include "runtime/store/checkpoint.h"

namespace nnc::runtime {

void splitmix_uniform(uint64_t seed, double lo, double hi, uint64_t first, uint64_t count,
                      unsigned char* out) {
  for (uint64_t i = 0; i < count; ++i) {
    // 24 random bits, as a signed number: the only kind that x86-64 converts in one instruction.
    const auto bits = static_cast<int64_t>(splitmix_word(seed, first + i + 1) >> 40);
    const auto value = static_cast<float>(lo + (hi - lo) * static_cast<double>(bits) / 16777216.0);
    std::memcpy(out + i * sizeof value, &value, sizeof value);
  }
}

Status splitmix_parameters(const Bundle& bundle, std::span<const SplitmixRange> ranges, unsigned char* state,
                           Diagnostics& diagnostics) {
  bool good = true;
  for (size_t k = 0; k < ranges.size(); ++k) {
    if (ranges[k].parameter.empty()) continue;
    const TensorInfo* tensor = bundle.find_tensor(ranges[k].parameter);
    if (tensor == nullptr || tensor->role != TensorRole::param || tensor->dtype != DType::f32) {
      diagnostics.error_at(DiagnosticKind::missing_program, "",
                           fmt::format("the model has no f32 parameter {}", ranges[k].parameter));
      good = false;
      continue;
    }
    // Drawn in row-major order, a block at a time; each value then goes where the layout wants it.
    constexpr int64_t kBlock = 1024;
    std::array<unsigned char, kBlock * sizeof(float)> block;
    each_element(*tensor, [&](int64_t i, int64_t offset) {
      if (i % kBlock == 0)
        splitmix_uniform(100 + k, ranges[k].lo, ranges[k].hi, static_cast<uint64_t>(i), kBlock, block.data());
      std::memcpy(state + tensor->offset + offset * 4, block.data() + i % kBlock * 4, 4);
    });
  }
  if (!good) return Failure{};
  return Done{};
}

}  // namespace nnc::runtime
