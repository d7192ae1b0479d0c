// What is done with a graph when elaboration is through: throw away what no output needs, put the inputs
// first in signature order, and cut a metric at its sums over the batch.
//
//   %3 = reduce_sum %2        eval:   sum.0 <- sum.0 + cast(%3)
//   %4 = accumulate %3   →    finish: %0 = sum.0
//   %5 = div %4, …                    %1 = div %0, …
#include <fmt/format.h>

#include <algorithm>

#include "frontend/elaborate/saved_names.h"
#include "frontend/finish_graph.h"
#include "ir/graph/builder.h"
#include "ir/graph/names.h"

namespace nnc::frontend {
namespace {

// Marks what the marked nodes are made from; behind the sums over the batch only if asked.
std::vector<bool> with_operands(const Graph& graph, std::vector<bool> marked, bool behind_sums = true) {
  for (size_t i = graph.nodes.size(); i-- > 0;) {
    const Node& node = graph.nodes[NodeId{static_cast<uint32_t>(i)}];
    if (!marked[i] || (node.op == Op::accumulate && !behind_sums)) continue;
    for (const Value& operand : node.operands) marked[operand.node.index] = true;
  }
  return marked;
}

std::vector<bool> needed_nodes(const Graph& graph) {
  std::vector<bool> needed(graph.nodes.size(), false);
  for (const Output& output : graph.outputs) {
    needed[output.value.node.index] = true;
    if (output.replaces) needed[output.replaces->index] = true;
    if (output.of) needed[output.of->index] = true;
  }
  return with_operands(graph, std::move(needed));
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

  void output(Output output) {
    output.value = at(output.value);
    for (std::optional<NodeId>* input : {&output.replaces, &output.of})
      if (*input) *input = at(Value{**input, 0}).node;
    builder.graph().outputs.push_back(std::move(output));
  }
};

int role_rank(const Node& node) {
  const Role role = std::get<InputAttrs>(node.attrs).role;
  return role == Role::input ? 0 : role == Role::param ? 1 : is_kept(role) ? 2 : 3;
}

}  // namespace

void number_values(Graph& graph) {
  for (const Output& output : graph.outputs)
    if (output.kind != OutputKind::gradient)  // is called as differentiation calls it
      name_value(graph, output.value, output.replaces ? output.name + ".new" : output.name);
  for (Node& node : graph.nodes) node.number = kNoNumber;
  settle_names(graph);
}

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
  for (const Output& output : graph.outputs) copier.output(output);
  const bool has_column = std::any_of(out.inputs.begin(), out.inputs.end(), [&](NodeId id) {
    return std::get<InputAttrs>(out.nodes[id].attrs).role == Role::input;
  });
  out.batch = has_column ? graph.batch : 0;
  number_values(out);
  return out;
}

namespace {

// Where a graph is cut: its sums over the batch, in order, each the value of an `accumulate` node.
struct Cut {
  std::vector<NodeId> sums;
  bool good = true;  // false: no such split exists, and why is reported
};

Cut find_cut(const Graph& graph, std::span<const MetricGoal> goals, Diagnostics& diagnostics) {
  const std::vector<bool> needed = needed_nodes(graph);
  // Per node: whether a data column reaches it without a sum over the batch between, and whether such a sum
  // does.
  std::vector<bool> per_batch(graph.nodes.size(), false), has_sum(graph.nodes.size(), false);
  Cut cut;
  const auto blame = [&](const Node& node, const std::string& message, const std::string& help) {
    cut.good = false;
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
            "mean((x - c)^2) - mean(x - c)^2 takes one pass; with a number c near the mean it keeps its "
            "digits");
    }
    per_batch[i] = false;
    has_sum[i] = true;
    cut.sums.push_back(NodeId{i});
  }
  for (size_t i = 0; i < graph.outputs.size(); ++i) {
    if (!per_batch[graph.outputs[i].value.node.index]) continue;
    cut.good = false;
    diagnostics
        .error(DiagnosticKind::metric_not_exact, goals[i].span,
               fmt::format("{} depends on single examples after the sums over the batch", goals[i].name))
        .suggest("sum or mean over the batch last, then plain arithmetic");
  }
  return cut;
}

// sum.K <- sum.K + what enters sum K, for each of them.
Graph before_cut(const Graph& graph, const Cut& cut) {
  std::vector<bool> wanted(graph.nodes.size(), false);
  for (const NodeId id : cut.sums) wanted[graph.nodes[id].operands[0].node.index] = true;
  wanted = with_operands(graph, std::move(wanted));
  Graph eval;
  eval.batch = graph.batch;
  Copier copier(graph, eval);
  for (uint32_t i = 0; i < graph.nodes.size(); ++i) {
    if (wanted[i]) copier.copy(NodeId{i});
  }
  for (size_t k = 0; k < cut.sums.size(); ++k) {
    const Node& node = graph.nodes[cut.sums[k]];
    copier.builder.set_spans(node.spans);
    const Value old = copier.builder.input(sum_name(k), Role::sum, node.types[0]);
    copier.builder.output(sum_name(k), copier.builder.add(old, copier.at(node.operands[0])), old.node);
  }
  return cleaned(eval, "eval");
}

// The outputs, with an input sum.K in the place of sum K.
Graph after_cut(const Graph& graph, const Cut& cut) {
  std::vector<bool> wanted(graph.nodes.size(), false);
  for (const Output& output : graph.outputs) wanted[output.value.node.index] = true;
  wanted = with_operands(graph, std::move(wanted), false);
  Graph finish;
  Copier copier(graph, finish);
  for (uint32_t i = 0; i < graph.nodes.size(); ++i) {
    if (!wanted[i]) continue;
    const Node& node = graph.nodes[NodeId{i}];
    if (node.op != Op::accumulate) {
      copier.copy(NodeId{i});
      continue;
    }
    const auto k = std::find(cut.sums.begin(), cut.sums.end(), NodeId{i}) - cut.sums.begin();
    copier.builder.set_spans(node.spans);
    copier.copied[i] = {copier.builder.input(sum_name(static_cast<size_t>(k)), Role::sum, node.types[0])};
  }
  for (const Output& output : graph.outputs) copier.output(output);
  return cleaned(finish, "finish");
}

}  // namespace

std::optional<Split> split_metrics(const Graph& graph, std::span<const MetricGoal> goals,
                                   Diagnostics& diagnostics) {
  const Cut cut = find_cut(graph, goals, diagnostics);
  if (!cut.good) return std::nullopt;
  return Split{before_cut(graph, cut), after_cut(graph, cut)};
}

}  // namespace nnc::frontend
