// Packing: before each pass over a contraction's sum, what the pass reads of one operand is copied into a local in which the
// vectors of a tile lie in one piece, while memory has another axis innermost.
#pragma once

#include <optional>
#include <vector>

#include "ir/kernel/kernel.h"

namespace nnc::kernel {

// Sums that wait from pass to pass, in vectors: as many elements as the caches keep beside what a pass reads. The layouts of large
// operands count on a schedule that packs them where the sums are no more (passes/assign_layout.cpp).
inline constexpr int64_t kMostSumsWaiting = 1 << 16;

struct Packing {
  ExprId operand;
  // The operand's dimensions as the local has them: the one along which the sum's first axis goes first, then the others from
  // outermost to innermost in memory, last the one that vectors run along.
  std::vector<size_t> order;
  Shape extents;         // that the local needs for one pass of one task, in that order
  size_t innermost = 0;  // which of them is the operand's innermost in memory

  size_t passes() const { return order.front(); }
  size_t lanes() const { return order.back(); }
};

// How a serial contraction packs with vectors along `lanes` and passes of `block` terms of its sum's first axis: nothing if neither
// operand can be packed. It can if it is an element of an f32 parameter at subscripts that are computed from axes, one of which is
// `lanes` alone and another moves along the sum's first axis, and if it does not have `lanes` innermost in memory; the other operand
// does not vary along `lanes`.
std::optional<Packing> packing_of(const Kernel& kernel, const Contract& contract, AxisId lanes,
                                  int64_t block);

// From which index of a dimension and to which (exclusive) subscripts reach that move along an axis from `begin` to `end`
// (exclusive) with the coefficient `step` > 0: those begin * step + from and end * step + to, within the dimension, and from where
// the task's first values of the other axes are.
struct Reach {
  int64_t step, from, to;
};
Reach reach_of(const Kernel& kernel, const Index& index, AxisId axis);

}  // namespace nnc::kernel
