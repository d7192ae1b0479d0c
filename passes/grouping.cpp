// What lies in memory because of its readers, and counts of code.
#include "passes/grouping.h"

#include <algorithm>
#include <unordered_set>

#include "ir/kernel/element_expr.h"
#include "ir/ops/op.h"
#include "ir/order.h"
#include "passes/simplify.h"

namespace nnc::passes {
namespace {

using kernel::Index;

// How much of a group's code a value that belongs to no group may be where it is read.
constexpr size_t kMostInlinedCode = 100;

// What a contraction or a loop needs in memory to read this operand: what lies behind views, but not where it looks beyond the
// operand's ends and they are others there.
Value stored_behind(const Graph& graph, Value operand, const std::vector<ContractSpec>& specs,
                    size_t number) {
  for (const ContractSpec& spec : specs)
    for (const Index& index : number == 0 ? spec.a : spec.b)
      if (index.checked) {
        while (graph.node(operand).op == Op::permute) operand = graph.node(operand).operands[0];
        return operand;
      }
  while (is_view(graph, operand.node) || (!specs.empty() && lanes_through_reshape(graph, operand)))
    operand = graph.node(operand).operands[0];
  return operand;
}

}  // namespace

std::vector<char> needed_in_memory(const Graph& graph) {
  std::vector<char> needed(graph.nodes.size(), 0);
  for (const Output& output : graph.outputs) needed[output.value.node.index] = 1;
  for (const Node& node : graph.nodes)
    if (const auto* rule = std::get_if<ContractRule>(&op_def(node.op).lower)) {
      std::vector<TensorType> types;
      for (Value operand : node.operands) types.push_back(graph.type(operand));
      const std::vector<ContractSpec> specs = rule->specs(node, types);
      for (size_t i = 0; i < node.operands.size(); ++i)
        needed[stored_behind(graph, node.operands[i], specs, i).node.index] = 1;
    } else if (std::holds_alternative<LoopRule>(op_def(node.op).lower)) {
      // All but the first states, which are read once.
      const auto states = static_cast<size_t>(std::get<ScanAttrs>(node.attrs).states);
      for (size_t i = states; i < node.operands.size(); ++i)
        needed[stored_behind(graph, node.operands[i], {}, i).node.index] = 1;
    }
  return needed;
}

std::optional<int64_t> lanes_through_reshape(const Graph& graph, Value value) {
  const Node& node = graph.node(value);
  if (node.op != Op::reshape) return std::nullopt;
  const TensorType& type = graph.type(node.operands[0]);
  const std::vector<int64_t>& order = graph.layout(node.operands[0]).order;
  const auto inner = static_cast<size_t>(order.empty() ? type.rank() - 1 : order.back());
  std::optional<int64_t> lanes;
  for (const Run& run : runs_of(type.shape, node.types[0].shape)) {
    const size_t axes = run.from_end - run.from;
    if (run.to_end - run.to != 1 || axes < 1 || axes > 2) return std::nullopt;
    if (inner + 1 == run.from_end && (axes == 1 || type.shape[inner] % kLanes == 0))
      lanes = static_cast<int64_t>(run.to);
  }
  return lanes;
}

bool is_free(const Node& node) {
  const OpDef& def = op_def(node.op);
  return std::holds_alternative<ElementRule>(def.lower) && !def.has(kElementwise) && !def.has(kRandom) &&
         node.operands.size() <= 1 && node.op != Op::relayout;
}

bool is_alone(const LowerRule& rule) {
  return std::holds_alternative<ScatterRule>(rule) || std::holds_alternative<LoopRule>(rule);
}

bool is_own_row(const Read& read, size_t axes) {
  for (uint32_t d = 0; d < axes; ++d)
    if (d >= read.index.size() || read.index[d] != kernel::Index::of(kernel::AxisId{d})) return false;
  return true;
}

size_t code_of(const Node& node) {
  return op_def(node.op).has(kExpensive) ? 8 : std::max<size_t>(1, node.types.size());
}

size_t inlined_code(const Graph& graph, NodeId id, size_t most) {
  size_t code = 0;
  std::vector<NodeId> pending{id};
  std::unordered_set<NodeId> seen;
  while (!pending.empty() && code <= most) {
    const NodeId at = pending.back();
    pending.pop_back();
    for (Value operand : graph.nodes[at].operands) {
      if (!is_inlined(graph, operand) || !seen.insert(operand.node).second) continue;
      code += code_of(graph.node(operand));
      pending.push_back(operand.node);
    }
  }
  return code;
}

bool is_short_enough_to_inline(const Graph& graph, NodeId id) {
  const size_t most = is_free(graph.nodes[id]) ? 2 * kMostInlinedCode : kMostInlinedCode;
  return code_of(graph.nodes[id]) + inlined_code(graph, id, most) <= most;
}

std::set<AxisPlace> axes_of(const Graph& graph, NodeId id) {
  std::set<AxisPlace> axes;
  const auto insert = [&](const Shape& shape) {
    for (size_t d = 0; d < shape.size(); ++d) axes.emplace(d, shape[d]);
  };
  for (const TensorType& type : graph.nodes[id].types) insert(type.shape);
  for (Value operand : graph.nodes[id].operands) insert(graph.type(operand).shape);
  return axes;
}

int64_t work_of(const Graph& graph, NodeId id) {
  const Node& node = graph.nodes[id];
  int64_t work = 0;
  const LowerRule& lower = op_def(node.op).lower;
  if (std::holds_alternative<ReduceRule>(lower) || std::holds_alternative<ScatterRule>(lower))
    for (Value operand : node.operands) work += graph.type(operand).elements();
  else
    for (const TensorType& type : node.types) work += type.elements();
  return work;
}

}  // namespace nnc::passes
