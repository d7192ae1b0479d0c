// Where padding pays.
#include "ir/layout.h"

#include <algorithm>

namespace nnc {
namespace {

constexpr int64_t kLine = 16;  // f32 elements of a cache line
constexpr int64_t kSetStride =
    128;  // rows that are a multiple of this many elements apart share few cache sets

constexpr int64_t kPageOfSets = 1024;  // planes that are a multiple of this apart start in the same sets
constexpr int64_t kSpread = 32;  // of which planes side by side are shifted by this part of one, and a row

}  // namespace

Layout padded_layout(const Shape& shape, std::vector<int64_t> order, bool shifts) {
  if (shape.size() < 2) return {};
  const size_t last = order.empty() ? shape.size() - 1 : static_cast<size_t>(order.back());
  Layout layout;
  if (!std::is_sorted(order.begin(), order.end())) layout.order = std::move(order);
  const int64_t inner = shape[last];
  if (inner < kLine) return layout;
  int64_t pitch = (inner + kLine - 1) / kLine * kLine;
  // Rows that lie across lines cost a few percent; padding is worth a third more memory, not twice as much (17 → 32).
  if (3 * pitch > 4 * inner) return layout;
  if (pitch % kSetStride == 0) pitch += kLine;
  if (pitch != inner) layout.pitch = pitch;
  if (shape.size() > 2 && (shifts || !layout.order.empty())) {
    const auto outermost = layout.order.empty() ? 0 : static_cast<size_t>(layout.order.front());
    const int64_t plane = strides_of(shape, layout)[outermost];
    if (shape[outermost] > 1 && plane % kPageOfSets == 0 && plane >= 8 * pitch)
      layout.gap = (plane / kSpread + pitch - 1) / pitch * pitch + pitch;
    else if (shape[outermost] > 1 && plane % kSetStride == 0)
      layout.gap = kLine;
  }
  return layout;
}

}  // namespace nnc
