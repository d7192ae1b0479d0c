// What is done with a graph when elaboration is through: throw away what no output needs, put the inputs
// first in signature order, and cut a metric at its sums over the batch.
//
//   %3 = reduce_sum %2        eval:   sum.0 <- sum.0 + cast(%3)
//   %4 = accumulate %3   →    finish: %0 = sum.0
//   %5 = div %4, …                    %1 = div %0, …
#include <fmt/format.h>

#include <algorithm>

#include "frontend/elaborator.h"

namespace nnc::frontend {
namespace {

std::vector<bool> needed_nodes(const Graph& graph) {
  std::vector<bool> needed(graph.nodes.size(), false);
  for (const Output& output : graph.outputs) {
    needed[output.value.node.index] = true;
    if (output.replaces) needed[output.replaces->index] = true;
  }
  for (size_t i = graph.nodes.size(); i-- > 0;) {
    if (!needed[i]) continue;
    for (const Value& operand : graph.nodes[NodeId{static_cast<uint32_t>(i)}].operands)
      needed[operand.node.index] = true;
  }
  return needed;
}

// Copies nodes of one graph into another, remembering where each went.
struct Copier {
  const Graph& from;
  Builder builder;
  std::vector<std::optional<std::vector<Value>>> copied;

  Copier(const Graph& source, Graph& to)
      : from(source), builder(to, Builder::Interning::on), copied(source.nodes.size()) {}

  Value at(Value value) const { return (*copied[value.node.index])[value.result]; }

  void copy(NodeId id) {
    if (copied[id.index]) return;
    const Node& node = from.nodes[id];
    std::vector<Value> operands;
    operands.reserve(node.operands.size());
    for (const Value& operand : node.operands) operands.push_back(at(operand));
    copied[id.index] = builder.copy(node, std::move(operands));
  }
};

int role_rank(const Node& node) {
  switch (std::get<InputAttrs>(node.attrs).role) {
    case Role::input:
      return 0;
    case Role::param:
      return 1;
    case Role::state:
      return 2;
    case Role::scalar:
      return 3;
  }
  return 4;
}

}  // namespace

Graph cleaned(const Graph& graph, std::string name) {
  const std::vector<bool> needed = needed_nodes(graph);
  std::vector<NodeId> inputs;
  for (const NodeId id : graph.inputs) {
    if (needed[id.index]) inputs.push_back(id);
  }
  std::stable_sort(inputs.begin(), inputs.end(),
                   [&](NodeId a, NodeId b) { return role_rank(graph.nodes[a]) < role_rank(graph.nodes[b]); });
  Graph out;
  out.name = std::move(name);
  Copier copier(graph, out);
  for (const NodeId id : inputs) copier.copy(id);
  for (uint32_t i = 0; i < graph.nodes.size(); ++i) {
    if (needed[i]) copier.copy(NodeId{i});
  }
  for (const Output& output : graph.outputs) {
    std::optional<NodeId> replaces;
    if (output.replaces) replaces = copier.at(Value{*output.replaces, 0}).node;
    copier.builder.output(output.name, copier.at(output.value), replaces);
  }
  return out;
}

std::optional<Split> split_metrics(const Graph& graph, std::span<const MetricGoal> goals,
                                   Diagnostics& diagnostics) {
  const std::vector<bool> needed = needed_nodes(graph);
  // Per node: whether a data column reaches it without a sum over the batch between, and whether such a sum
  // does.
  std::vector<bool> per_batch(graph.nodes.size(), false), has_sum(graph.nodes.size(), false);
  std::vector<NodeId> sums;
  bool good = true;
  const auto blame = [&](const Node& node, const std::string& message, const std::string& help) {
    good = false;
    const Span span = node.spans.empty() ? Span() : node.spans.front();
    diagnostics.error(DiagnosticKind::metric_not_exact, span, message).suggest(help);
  };
  for (uint32_t i = 0; i < graph.nodes.size(); ++i) {
    if (!needed[i]) continue;
    const Node& node = graph.nodes[NodeId{i}];
    for (const Value& operand : node.operands) {
      per_batch[i] = per_batch[i] || per_batch[operand.node.index];
      has_sum[i] = has_sum[i] || has_sum[operand.node.index];
    }
    if (node.op == Op::input) per_batch[i] = std::get<InputAttrs>(node.attrs).role == Role::input;
    if (node.op == Op::grad && has_sum[i]) {
      blame(node, "this gradient goes through a sum over the whole set", "write the sum inside grad(…)");
    }
    if (node.op != Op::accumulate) continue;
    if (has_sum[i]) {
      blame(node, "this sum over the batch needs another one first, over the whole set: two passes",
            "mean(x^2) - mean(x)^2 takes one pass where mean((x - mean(x))^2) takes two");
    }
    per_batch[i] = false;
    has_sum[i] = true;
    sums.push_back(NodeId{i});
  }
  for (size_t i = 0; i < graph.outputs.size(); ++i) {
    if (!per_batch[graph.outputs[i].value.node.index]) continue;
    good = false;
    diagnostics
        .error(DiagnosticKind::metric_not_exact, goals[i].span,
               fmt::format("{} depends on single examples after the sums over the batch", goals[i].name))
        .suggest("sum or mean over the batch last, then plain arithmetic");
  }
  if (!good) return std::nullopt;

  Split split;
  Graph eval, finish;
  {
    Copier copier(graph, eval);
    std::vector<bool> wanted(graph.nodes.size(), false);
    for (const NodeId id : sums) wanted[graph.nodes[id].operands[0].node.index] = true;
    for (size_t i = graph.nodes.size(); i-- > 0;) {
      if (!wanted[i]) continue;
      for (const Value& operand : graph.nodes[NodeId{static_cast<uint32_t>(i)}].operands)
        wanted[operand.node.index] = true;
    }
    for (uint32_t i = 0; i < graph.nodes.size(); ++i) {
      if (wanted[i]) copier.copy(NodeId{i});
    }
    for (size_t k = 0; k < sums.size(); ++k) {
      const Node& node = graph.nodes[sums[k]];
      copier.builder.set_spans(node.spans);
      const std::string name = fmt::format("sum.{}", k);
      const Value old = copier.builder.input(name, Role::state, node.types[0]);
      copier.builder.output(name, copier.builder.add(old, copier.at(node.operands[0])), old.node);
    }
    split.eval = cleaned(eval, "eval");
  }
  {
    Copier copier(graph, finish);
    std::vector<bool> wanted(graph.nodes.size(), false);
    for (const Output& output : graph.outputs) wanted[output.value.node.index] = true;
    for (size_t i = graph.nodes.size(); i-- > 0;) {
      const Node& node = graph.nodes[NodeId{static_cast<uint32_t>(i)}];
      if (!wanted[i] || node.op == Op::accumulate) continue;
      for (const Value& operand : node.operands) wanted[operand.node.index] = true;
    }
    for (uint32_t i = 0; i < graph.nodes.size(); ++i) {
      if (!wanted[i]) continue;
      const Node& node = graph.nodes[NodeId{i}];
      if (node.op == Op::accumulate) {
        const auto k = std::find(sums.begin(), sums.end(), NodeId{i}) - sums.begin();
        copier.builder.set_spans(node.spans);
        copier.copied[i] = {copier.builder.input(fmt::format("sum.{}", k), Role::state, node.types[0])};
      } else {
        copier.copy(NodeId{i});
      }
    }
    for (const Output& output : graph.outputs) copier.builder.output(output.name, copier.at(output.value));
    split.finish = cleaned(finish, "finish");
  }
  return split;
}

}  // namespace nnc::frontend
