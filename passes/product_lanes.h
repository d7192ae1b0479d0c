// Along which axis of its result the vectors of a product run, whatever its order of sums allows besides: what layouts are
// chosen by, and what has to be so before they are.
#pragma once

#include <span>

#include "ir/graph/graph.h"
#include "ir/kernel/kernel.h"
#include "ir/ops/op.h"

namespace nnc::passes {

// The dimension of an operand that moves with `axis` alone and one by one; -1 if there is none.
int64_t dimension_of(const std::vector<kernel::Index>& map, kernel::AxisId axis);

struct ProductLanes {
  int64_t axis = 0;           // of the result
  bool along_weight = false;  // a parameter has it, though the other operand has axes of its own
};

// A product with a parameter runs its vectors along the first axis that only the other operand has (the batch), so that
// weights need not be moved; along the last axis that only the parameter has where moving it costs less than the lanes that
// a small batch leaves empty. Any other product runs them along the last axis that one operand has, or the last that the other
// has if that leaves far fewer lanes empty. Where those of one operand alone leave most lanes empty, they run along an axis
// that both have: the channels of a depthwise convolution. `parts` are one or more that compute it together, whose axes are the
// same.
ProductLanes product_lanes(const Graph& graph, std::span<const ContractSpec> parts,
                           std::span<const Value> operands);

}  // namespace nnc::passes
