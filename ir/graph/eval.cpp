// The reference interpreter. Tensors are freed after their last reader, so that whole training steps fit.
#include "ir/graph/eval.h"

#include <fmt/format.h>

#include "ir/graph/text.h"
#include "support/check.h"

namespace nnc {
namespace {

using Results = std::vector<DenseTensor>;

Results compute(const Graph& graph, NodeId id, const TensorMap& inputs, std::vector<Results>& known) {
  const Node& node = graph.nodes[id];
  if (node.op == Op::input) {
    const std::string& name = std::get<InputAttrs>(node.attrs).name;
    const auto it = inputs.find(name);
    NNC_CHECK(it != inputs.end(), "no value for the input " + name);
    NNC_CHECK(it->second.type == node.types[0] &&
                  static_cast<int64_t>(it->second.data.size()) == node.types[0].elements(),
              fmt::format("the input {} is {}, given {}", name, to_string(node.types[0]),
                          to_string(it->second.type)));
    return {it->second};
  }
  std::vector<DenseTensor> operands;
  for (const Value& operand : node.operands) operands.push_back(known[operand.node.index][operand.result]);
  return op_def(node.op).eval(operands, node.attrs, node.types);
}

}  // namespace

TensorMap evaluate(const Graph& graph, const TensorMap& inputs) {
  std::vector<uint32_t> last_reader(graph.nodes.size(), 0);
  for (uint32_t i = 0; i < graph.nodes.size(); ++i)
    for (const Value& operand : graph.nodes[NodeId{i}].operands) last_reader[operand.node.index] = i;
  for (const Output& output : graph.outputs) last_reader[output.value.node.index] = UINT32_MAX;

  std::vector<Results> known(graph.nodes.size());
  for (uint32_t i = 0; i < graph.nodes.size(); ++i) {
    known[i] = compute(graph, NodeId{i}, inputs, known);
    for (const Value& operand : graph.nodes[NodeId{i}].operands)
      if (last_reader[operand.node.index] == i) known[operand.node.index].clear();
  }
  TensorMap outputs;
  for (const Output& output : graph.outputs)
    outputs.emplace(output.name, known[output.value.node.index][output.value.result]);
  return outputs;
}

std::vector<std::vector<DenseTensor>> evaluate_all(const Graph& graph, const TensorMap& inputs) {
  std::vector<Results> known(graph.nodes.size());
  for (uint32_t i = 0; i < graph.nodes.size(); ++i) known[i] = compute(graph, NodeId{i}, inputs, known);
  return known;
}

}  // namespace nnc
