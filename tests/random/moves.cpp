// Chains of what only moves elements, where each link is folded into the one before it; windows of one value; and
// products of what was moved, which read it in strides.
#include <algorithm>

#include "growth.h"

namespace nnc::random {
namespace {

// One more link of the chain, of six kinds. What would become too large, or does not go, leaves the value as it was.
Value moved_once(Growth& growth, Value x, size_t kind) {
  Builder& b = growth.builder;
  Draw& draw = growth.draw;
  const Shape shape = b.type(x).shape;
  const size_t rank = shape.size();
  switch (kind) {
    case 0:
    case 1: {
      std::vector<int64_t> order(rank);
      for (size_t i = 0; i < rank; ++i) order[i] = static_cast<int64_t>(i);
      draw.shuffle(order);
      return b.permute(x, order);
    }
    case 2: {  // repeated along a new axis
      const int64_t count = draw.one_of({1, 2, 3, 3});
      if (rank > 4 || b.type(x).elements() * count > growth.limit()) return x;
      const size_t at = draw.below(rank + 1);
      Shape wider = shape;
      wider.insert(wider.begin() + static_cast<ptrdiff_t>(at), count);
      std::vector<int64_t> axes;
      for (size_t i = 0; i < rank; ++i) axes.push_back(static_cast<int64_t>(i < at ? i : i + 1));
      return b.broadcast(x, wider, axes);
    }
    case 3: {  // two axes as one, or one as two
      if (rank == 0) return b.reshape(x, {1});
      const size_t at = draw.below(rank);
      Shape other = shape;
      if (at + 1 < rank && draw.chance(0.5)) {
        other[at] *= other[at + 1];
        other.erase(other.begin() + static_cast<ptrdiff_t>(at) + 1);
      } else {
        const int64_t part = draw.one_of({2, 3, 5});
        if (rank > 4 || shape[at] % part != 0) return x;
        other[at] = shape[at] / part;
        other.insert(other.begin() + static_cast<ptrdiff_t>(at) + (draw.chance(0.5) ? 1 : 0), part);
      }
      return b.reshape(x, other);
    }
    case 4: {
      SliceAttrs slice{std::vector<int64_t>(rank, 0), shape};
      for (size_t i = 0; i < rank; ++i) {
        if (shape[i] < 2 || draw.chance(0.5)) continue;
        slice.begin[i] = static_cast<int64_t>(draw.below(2));
        slice.end[i] -= static_cast<int64_t>(draw.below(static_cast<size_t>(shape[i] - slice.begin[i])));
      }
      return b.make(Op::slice, {x}, slice);
    }
    default: {
      PadAttrs pad{shape, std::vector<int64_t>(rank, 0)};
      for (size_t i = 0; i < rank; ++i) {
        if (draw.chance(0.5)) continue;
        pad.begin[i] = static_cast<int64_t>(draw.below(3));
        pad.shape[i] += pad.begin[i] + static_cast<int64_t>(draw.below(3));
      }
      return element_count(pad.shape) > growth.limit() ? x : b.make(Op::pad, {x}, pad);
    }
  }
}

// The value's elements as rows and columns.
Value as_matrix(Growth& growth, Value x) {
  const Shape shape = growth.builder.type(x).shape;
  int64_t rows = 1;
  for (size_t i = 0; i + 1 < shape.size() && rows < 8; ++i) rows *= shape[i];
  const int64_t columns = growth.builder.type(x).elements() / rows;
  return growth.builder.reshape(x, {rows, columns});
}

}  // namespace

Value moved(Growth& growth, Value x) {
  size_t kind = 0;
  for (size_t links = 2 + growth.draw.below(4); links > 0; --links) {
    // Two of a kind become one.
    if (links % 2 == 0 || growth.draw.chance(0.5)) kind = growth.draw.below(6);
    x = moved_once(growth, x, kind);
    growth.learn();
  }
  return x;
}

// Neighbors along an axis: two or more parts of one value, of one shape.
Value windows(Growth& growth, Value x) {
  Builder& b = growth.builder;
  Draw& draw = growth.draw;
  const Shape shape = b.type(x).shape;
  const size_t axis = draw.below(shape.size());
  const int64_t count = 2 + static_cast<int64_t>(draw.below(2));
  if (shape[axis] < count) return x;
  std::optional<Value> sum;
  for (int64_t begin = 0; begin < count; ++begin) {
    SliceAttrs slice{std::vector<int64_t>(shape.size(), 0), shape};
    slice.begin[axis] = begin;
    slice.end[axis] = shape[axis] - count + 1 + begin;
    const Value part = b.make(Op::slice, {x}, slice);
    sum = !sum ? part : draw.chance(0.5) ? b.sub(*sum, part) : b.mul(*sum, part);
  }
  return *sum;
}

// Rows times rows, or columns times columns, of matrices that are other values in another shape.
Value product_of_moved(Growth& growth, Value x) {
  Builder& b = growth.builder;
  Draw& draw = growth.draw;
  x = as_matrix(growth, growth.within(moved(growth, x), -5, 5));
  const Shape shape = b.type(x).shape;
  const bool along_rows = draw.chance(0.6);  // sums over the columns, as a dot product of rows
  const int64_t depth = along_rows ? shape[1] : shape[0];
  const int64_t others = draw.one_of({1, 2, 3, 5});
  if (depth * others > growth.limit() || b.type(x).elements() * others > 30000) return x;
  Value w = growth.want({DType::f32, {depth * others}});
  w = b.reshape(w, along_rows ? Shape{others, depth} : Shape{depth, others});
  if (draw.chance(0.3)) w = b.permute(b.reshape(w, {b.type(w).shape[1], b.type(w).shape[0]}), {1, 0});
  const bool first = draw.chance(0.5);
  return b.make(Op::matmul, {first ? x : w, first ? w : x}, MatmulAttrs{!along_rows, along_rows});
}

}  // namespace nnc::random
