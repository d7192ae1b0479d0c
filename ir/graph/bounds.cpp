// See bounds.h. What an op does to bounds is in its row of the op table (OpDef::bounds).
#include "ir/graph/bounds.h"

#include <algorithm>
#include <vector>

#include "ir/graph/builder.h"
#include "ir/graph/graph.h"

namespace nnc {
namespace {

// What is computed in more steps than this from what is known counts as unknown. The limit keeps the search short: where
// each node reads the one before it twice, every step doubles the work.
constexpr int kDepth = 8;

Bounds range_of(DType dtype) {
  switch (dtype) {
    case DType::boolean:
      return {0, 1};
    case DType::u8:
      return {0, UINT8_MAX};
    case DType::i32:
      return {INT32_MIN, INT32_MAX};
    default:
      return {};
  }
}

Bounds bounds_at(const Graph& graph, Value value, int depth) {
  const Node& node = graph.node(value);
  const Bounds range = range_of(graph.type(value).dtype);
  const BoundsFn rule = op_def(node.op).bounds;
  if (rule == nullptr || depth == 0 || is_float(graph.type(value).dtype)) return range;
  std::vector<Bounds> operands;
  for (const Value operand : node.operands) operands.push_back(bounds_at(graph, operand, depth - 1));
  const Bounds found = rule(graph, node, operands);
  const bool fits = found.low >= range.low && found.high <= range.high;
  return fits ? found : range;  // what does not fit wraps
}

}  // namespace

Bounds bounds_of(const Graph& graph, Value value) {
  return bounds_at(graph, value, kDepth);
}

bool lies_within(const Graph& graph, Value label, int64_t classes) {
  const Bounds bounds = bounds_of(graph, label);
  return bounds.low >= 0 && bounds.high < classes;
}

Value clamped(Builder& builder, Value index, int64_t extent) {
  if (lies_within(builder.graph(), index, extent)) return index;
  const Value from_0 = builder.make(Op::maximum, {index, builder.full_like(index, 0)});
  return builder.make(Op::minimum, {from_0, builder.full_like(index, static_cast<double>(extent - 1))});
}

}  // namespace nnc
