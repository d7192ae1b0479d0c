// A convolution whose vectors run along its filters takes the pictures with their border: a tile's rows are places beside each
// other, of which those at an edge would see other taps. The batch is small then (passes/product_lanes.h), and the copy is
// little beside the products.
//   conv x, w {padding = [1, 1]}        →  conv pad(x), w {padding = [0, 0]}
//   conv_input g, w {padding = [1, 1]}  →  conv_input pad(g), w {padding = [2, 2]}
// So does a weight gradient whose vectors run along the filters: a tile's rows are taps beside each other.
//   conv_weight x, g {padding = [1, 1]} →  conv_weight pad(x), g {padding = [0, 0]}
#include "passes/pass.h"
#include "passes/product_lanes.h"
#include "passes/rewrite.h"

namespace nnc::passes {
namespace {

int64_t floor_div(int64_t a, int64_t b) {
  return a >= 0 ? a / b : -((-a + b - 1) / b);
}

// The places that the result needs of the operand along one axis: `before` the first and `after` the last that exists.
struct Border {
  int64_t before = 0, after = 0;
};

// `other` is the second operand's extent along the axis.
Border border(Op op, const ConvAttrs& attrs, size_t axis, int64_t places, int64_t other) {
  const int64_t stride = attrs.stride[axis], padding = attrs.padding[axis], size = attrs.size[axis];
  const int64_t taps = op == Op::conv_weight ? size : other;
  const int64_t reach = (taps - 1) * attrs.dilation[axis];
  int64_t lowest = -padding;
  int64_t highest = ((op == Op::conv_weight ? other : size) - 1) * stride + reach - padding;
  if (op == Op::conv_input) {
    lowest = -floor_div(reach - padding, stride);
    highest = floor_div(size - 1 + padding, stride);
  }
  return {std::max<int64_t>(0, -lowest), std::max<int64_t>(0, highest - (places - 1))};
}

// Whether the vectors of the product run along the axis of the filters.
bool runs_along_filters(const Graph& graph, const Node& node, std::span<const TensorType> types) {
  const ContractSpec spec = std::get<ContractRule>(op_def(node.op).lower).specs(node, types)[0];
  const ProductLanes lanes = product_lanes(graph, spec, node.operands);
  if (node.op != Op::conv_weight) return lanes.along_weight;
  return spec.order == Order::serial &&
         dimension_of(spec.b, kernel::AxisId{static_cast<uint32_t>(lanes.axis)}) >= 0;
}

std::optional<std::vector<Value>> padded(Rewriter& rewriter, NodeId id, const Node& node) {
  if (node.op != Op::conv && node.op != Op::conv_input && node.op != Op::conv_weight) return std::nullopt;
  const Graph& graph = rewriter.source();
  const std::vector<TensorType> types = {graph.type(node.operands[0]), graph.type(node.operands[1])};
  if (!runs_along_filters(graph, node, types)) return std::nullopt;
  auto attrs = std::get<ConvAttrs>(node.attrs);
  const size_t first = types[0].shape.size() - attrs.size.size();
  PadAttrs pad{types[0].shape, std::vector<int64_t>(types[0].shape.size(), 0)};
  for (size_t i = 0; i < attrs.size.size(); ++i) {
    const Border around = border(node.op, attrs, i, types[0].shape[first + i],
                                 types[1].shape[types[1].shape.size() - attrs.size.size() + i]);
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
