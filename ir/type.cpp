// Sizes and strides of tensor types.
#include "ir/type.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace nnc {
namespace {

constexpr int64_t kMostElements = int64_t{1} << 40;

}  // namespace

int64_t element_count(const Shape& shape) {
  int64_t count = 1;
  for (const int64_t extent : shape) {
    if (extent < 0) return -1;
    if (extent == 0) return 0;
    if (count > kMostElements / extent) return -1;
    count *= extent;
  }
  return count;
}

std::string to_string(const Shape& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

std::string to_string(const TensorType& type) {
  return fmt::format("{}{}", dtype_name(type.dtype), to_string(type.shape));
}

std::vector<int64_t> strides_of(const Shape& shape, const Layout& layout) {
  const size_t rank = shape.size();
  std::vector<int64_t> strides(rank, 1);
  int64_t stride = 1;
  for (size_t i = rank; i-- > 0;) {
    const size_t axis = layout.order.empty() ? i : static_cast<size_t>(layout.order[i]);
    if (i == 0 && rank > 1) stride += layout.gap;
    strides[axis] = stride;
    stride *= (i + 1 == rank && layout.pitch > 0) ? layout.pitch : shape[axis];
  }
  return strides;
}

std::vector<std::pair<int64_t, int64_t>> joined_axes(const Shape& shape, const Layout& layout) {
  const std::vector<int64_t> strides = strides_of(shape, layout);
  std::vector<std::pair<int64_t, int64_t>> axes;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 1) continue;
    if (!axes.empty() && axes.back().second == shape[i] * strides[i])
      axes.back() = {axes.back().first * shape[i], strides[i]};
    else
      axes.emplace_back(shape[i], strides[i]);
  }
  return axes;
}

int64_t storage_elements(const Shape& shape, const Layout& layout) {
  if (shape.empty()) return 1;
  const size_t outermost = layout.order.empty() ? 0 : static_cast<size_t>(layout.order.front());
  if (shape.size() == 1) return layout.pitch > 0 ? layout.pitch : shape[0];
  return strides_of(shape, layout)[outermost] * shape[outermost];
}

}  // namespace nnc
