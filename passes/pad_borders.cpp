// A convolution whose vectors run along its filters takes the pictures with their border: a tile's rows are places beside each
// other, of which those at an edge would see other taps. The batch is small then (passes/product_lanes.h), and the copy is
// little beside the products.
//   conv x, w {padding = [1, 1]}        →  conv pad(x), w {padding = [0, 0]}
//   conv_input g, w {padding = [1, 1]}  →  conv_input pad(g), w {padding = [2, 2]}
// So does a weight gradient whose vectors run along the filters: a tile's rows are taps beside each other.
//   conv_weight x, g {padding = [1, 1]} →  conv_weight pad(x), g {padding = [0, 0]}
#include <algorithm>

#include "passes/pass.h"
#include "passes/product_lanes.h"
#include "passes/rewrite.h"

namespace nnc::passes {
namespace {

using Specs = std::vector<ContractSpec>;

// The places along one axis that the products read of their first operand: `before` the first that exists, and `after` the last.
struct Border {
  int64_t before = 0, after = 0;
};

Border border(const Specs& specs, size_t axis, int64_t places) {
  Border around;
  for (const ContractSpec& spec : specs) {
    Shape extents = spec.output;
    extents.insert(extents.end(), spec.over.begin(), spec.over.end());
    if (std::ranges::find(extents, 0) != extents.end()) continue;  // reads nothing
    int64_t lowest = spec.a[axis].constant, highest = lowest;
    for (const kernel::Term& term : spec.a[axis].terms)
      (term.coefficient < 0 ? lowest : highest) += term.coefficient * (extents[term.axis.index] - 1);
    around.before = std::max(around.before, -lowest);
    around.after = std::max(around.after, highest - (places - 1));
  }
  return around;
}

// Whether the vectors of the product run along the axis of the filters.
bool runs_along_filters(const Graph& graph, const Node& node, const Specs& specs) {
  const ProductLanes lanes = product_lanes(graph, specs, node.operands);
  if (node.op != Op::conv_weight) return lanes.along_weight;
  return specs[0].order == Order::serial &&
         dimension_of(specs[0].b, kernel::AxisId{static_cast<uint32_t>(lanes.axis)}) >= 0;
}

std::optional<std::vector<Value>> padded(Rewriter& rewriter, NodeId id, const Node& node) {
  if (node.op != Op::conv && node.op != Op::conv_input && node.op != Op::conv_weight) return std::nullopt;
  const Graph& graph = rewriter.source();
  const std::vector<TensorType> types = {graph.type(node.operands[0]), graph.type(node.operands[1])};
  const Specs specs = std::get<ContractRule>(op_def(node.op).lower).specs(node, types);
  if (!runs_along_filters(graph, node, specs)) return std::nullopt;
  auto attrs = std::get<ConvAttrs>(node.attrs);
  const size_t first = types[0].shape.size() - attrs.size.size();
  PadAttrs pad{types[0].shape, std::vector<int64_t>(types[0].shape.size(), 0)};
  for (size_t i = 0; i < attrs.size.size(); ++i) {
    const Border around = border(specs, first + i, types[0].shape[first + i]);
    pad.begin[first + i] = around.before;
    pad.shape[first + i] += around.before + around.after;
    attrs.padding[i] += node.op == Op::conv_input ? around.before * attrs.stride[i] : -around.before;
  }
  if (pad.shape == types[0].shape) return std::nullopt;
  const std::vector<Value> operands = rewriter.operands(id);
  const Value bordered = rewriter.builder().make(Op::pad, {operands[0]}, pad);
  return std::vector{rewriter.builder().make(node.op, {bordered, operands[1]}, attrs)};
}

}  // namespace

Graph pad_borders(const Graph& graph) {
  return rebuild(graph, padded);
}

}  // namespace nnc::passes
