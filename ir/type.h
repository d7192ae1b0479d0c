// Tensor types: what is known about a value before anything runs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/dtype.h"

namespace nnc {

using Shape = std::vector<int64_t>;  // extents, outermost first; empty for a scalar

// The product of the extents; -1 when it does not fit in 2^40 (more than any tensor we accept).
int64_t element_count(const Shape& shape);
// "[64, 784]", "[]"
std::string to_string(const Shape& shape);

struct TensorType {
  DType dtype = DType::f32;
  Shape shape;

  int64_t rank() const { return static_cast<int64_t>(shape.size()); }
  int64_t elements() const { return element_count(shape); }
  int64_t bytes() const { return elements() * dtype_bytes(dtype); }
  bool operator==(const TensorType&) const = default;
};

std::string to_string(const TensorType& type);  // "f32[64, 784]", "f32[]"

// How a tensor lies in memory. Users, checkpoints and random numbers only ever see the logical shape; passes choose
// layouts (passes/assign_layout.cpp).
struct Layout {
  // Logical axes from outermost to innermost in memory; empty: as written (row-major).
  std::vector<int64_t> order;
  int64_t pitch = 0;  // elements from one run of the innermost axis to the next; 0: no padding
  int64_t gap = 0;    // elements between what lies at one place of the outermost axis and at the next

  bool is_default() const { return order.empty() && pitch == 0 && gap == 0; }
  bool operator==(const Layout&) const = default;
};

// Elements between neighbors along each logical axis, and how many elements the whole takes with padding.
std::vector<int64_t> strides_of(const Shape& shape, const Layout& layout);
int64_t storage_elements(const Shape& shape, const Layout& layout);

// Extent and stride of each axis, with neighbors that lie together joined and without axes of one element: equal for two
// shapes if their elements, in row-major order, lie in the same places.
std::vector<std::pair<int64_t, int64_t>> joined_axes(const Shape& shape, const Layout& layout);

}  // namespace nnc
