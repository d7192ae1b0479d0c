// The reference interpreter. Tensors are freed after their last reader, so that whole training steps fit.
#include "ir/graph/eval.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "ir/graph/text.h"
#include "support/check.h"

namespace nnc {
namespace {

using Results = std::vector<DenseTensor>;

// What is detached in one evaluation of a graph and of the bodies of its scans: kept the first time, given the next.
struct Detaching {
  std::vector<DenseTensor>& all;
  size_t next = 0;

  DenseTensor through(const DenseTensor& value) {
    if (next == all.size()) all.push_back(value);
    return all[next++];
  }
};

TensorMap walk(const Graph& graph, const TensorMap& inputs, Detaching* detaching);

Results compute(const Graph& graph, NodeId id, const TensorMap& inputs, std::vector<Results>& known,
                Detaching* detaching = nullptr) {
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
  if (detaching != nullptr && node.op == Op::detach) return {detaching->through(operands[0])};
  if (const auto* scan = std::get_if<ScanAttrs>(&node.attrs); scan != nullptr && detaching != nullptr)
    return evaluate_scan(*scan, operands, node.types,
                         [&](const TensorMap& step) { return walk(*scan->body, step, detaching); });
  return op_def(node.op).eval(operands, node.attrs, node.types);
}

TensorMap walk(const Graph& graph, const TensorMap& inputs, Detaching* detaching) {
  std::vector<uint32_t> last_reader(graph.nodes.size(), 0);
  for (uint32_t i = 0; i < graph.nodes.size(); ++i)
    for (const Value& operand : graph.nodes[NodeId{i}].operands) last_reader[operand.node.index] = i;
  for (const Output& output : graph.outputs) last_reader[output.value.node.index] = UINT32_MAX;

  std::vector<Results> known(graph.nodes.size());
  for (uint32_t i = 0; i < graph.nodes.size(); ++i) {
    known[i] = compute(graph, NodeId{i}, inputs, known, detaching);
    for (const Value& operand : graph.nodes[NodeId{i}].operands)
      if (last_reader[operand.node.index] == i) known[operand.node.index].clear();
  }
  TensorMap outputs;
  for (const Output& output : graph.outputs)
    outputs.emplace(output.name, known[output.value.node.index][output.value.result]);
  return outputs;
}

}  // namespace

TensorMap evaluate(const Graph& graph, const TensorMap& inputs) {
  return walk(graph, inputs, nullptr);
}

Neighborhood::Neighborhood(Graph graph, TensorMap inputs)
    : graph_(std::move(graph)), inputs_(std::move(inputs)), values_(graph_.nodes.size()) {
  Detaching detaching{detached_};
  for (uint32_t i = 0; i < graph_.nodes.size(); ++i) {
    detached_before_.push_back(detaching.next);
    values_[i] = compute(graph_, NodeId{i}, inputs_, values_, &detaching);
  }
}

const DenseTensor& Neighborhood::output(std::string_view name) const {
  const auto it = std::ranges::find(graph_.outputs, name, &Output::name);
  NNC_CHECK(it != graph_.outputs.end(), fmt::format("no output {}", name));
  return values_[it->value.node.index][it->value.result];
}

const std::vector<NodeId>& Neighborhood::dependents(NodeId input) {
  const auto [it, is_new] = dependents_.try_emplace(input);
  if (!is_new) return it->second;
  std::vector<bool> depends(graph_.nodes.size());
  depends[input.index] = true;
  for (uint32_t i = 0; i < graph_.nodes.size(); ++i) {
    const Node& node = graph_.nodes[NodeId{i}];
    if (node.op == Op::detach) continue;
    for (const Value& operand : node.operands) depends[i] = depends[i] || depends[operand.node.index];
    if (depends[i] && i != input.index) it->second.push_back(NodeId{i});
  }
  return it->second;
}

TensorMap Neighborhood::outputs(std::string_view input, const DenseTensor& value) {
  const auto of_name =
      std::ranges::find(graph_.inputs, input, [&](NodeId id) { return graph_.input_name(id); });
  if (of_name == graph_.inputs.end()) return {};
  std::vector<std::pair<NodeId, Results>> before;
  const auto put = [&](NodeId id, Results results) {
    before.emplace_back(id, std::exchange(values_[id.index], std::move(results)));
  };
  put(*of_name, {value});
  for (const NodeId id : dependents(*of_name)) {
    Detaching detaching{detached_, detached_before_[id.index]};
    put(id, compute(graph_, id, inputs_, values_, &detaching));
  }
  TensorMap outputs;
  for (const Output& o : graph_.outputs) {
    const auto is_of = [&](const auto& entry) { return entry.first == o.value.node; };
    if (std::ranges::any_of(before, is_of))
      outputs.emplace(o.name, values_[o.value.node.index][o.value.result]);
  }
  for (auto& [id, results] : before) values_[id.index] = std::move(results);
  return outputs;
}

std::vector<DenseTensor> evaluate_scan(const ScanAttrs& scan, std::span<const DenseTensor> x,
                                       std::span<const TensorType> types,
                                       const std::function<TensorMap(const TensorMap&)>& step_of) {
  const Graph& body = *scan.body;
  const auto states = static_cast<size_t>(scan.states), steps = static_cast<size_t>(scan.steps);
  std::vector<DenseTensor> results;
  for (const TensorType& type : types)
    results.push_back({type, std::vector<double>(static_cast<size_t>(type.elements()))});
  TensorMap inputs;
  for (size_t i = 0; i < x.size(); ++i)
    if (i < states || i >= states + steps) inputs.insert_or_assign(body.input_name(body.inputs[i]), x[i]);
  const auto put = [](DenseTensor& stack, int64_t t, const DenseTensor& slice) {
    std::ranges::copy(slice.data, stack.data.begin() + t * static_cast<std::ptrdiff_t>(slice.data.size()));
  };
  for (int64_t step = 0; step < scan.length; ++step) {
    const int64_t t = scan.reversed ? scan.length - 1 - step : step;
    for (size_t i = states; i < states + steps; ++i) {
      const TensorType& type = body.nodes[body.inputs[i]].types[0];
      DenseTensor slice{type, std::vector<double>(static_cast<size_t>(type.elements()))};
      const auto begin = x[i].data.begin() + t * static_cast<std::ptrdiff_t>(slice.data.size());
      slice.data.assign(begin, begin + static_cast<std::ptrdiff_t>(slice.data.size()));
      inputs.insert_or_assign(body.input_name(body.inputs[i]), std::move(slice));
    }
    for (size_t i = 0; i < states; ++i)
      put(results[states + i], t, inputs.at(body.input_name(body.inputs[i])));
    const TensorMap outputs = step_of(inputs);
    for (size_t i = 0; i < states; ++i)
      inputs.insert_or_assign(body.input_name(body.inputs[i]), outputs.at(body.outputs[i].name));
    for (size_t i = states; i < body.outputs.size(); ++i)
      put(results[states + i], t, outputs.at(body.outputs[i].name));
  }
  for (size_t i = 0; i < states; ++i) results[i] = inputs.at(body.input_name(body.inputs[i]));
  return results;
}

std::vector<std::vector<DenseTensor>> evaluate_all(const Graph& graph, const TensorMap& inputs) {
  std::vector<Results> known(graph.nodes.size());
  for (uint32_t i = 0; i < graph.nodes.size(); ++i) known[i] = compute(graph, NodeId{i}, inputs, known);
  return known;
}

}  // namespace nnc
