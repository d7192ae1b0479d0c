// Rebuilding graphs, and the small questions that patterns ask.
#include "passes/rewrite.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <unordered_set>
#include <utility>

#include "ir/graph/names.h"
#include "ir/graph/verify.h"

namespace nnc::passes {

Rewriter::Rewriter(const Graph& source, NodeRule rule, Builder::Interning interning)
    : source_(source), rule_(std::move(rule)), builder_(result_, interning) {
  result_.name = source.name;
  result_.batch = source.batch;
  result_.next_number = source.next_number;
  for (const Node& node : source.nodes) {
    first_.push_back(static_cast<uint32_t>(map_.size()));
    map_.resize(map_.size() + node.types.size());
  }
  in_progress_.resize(source.nodes.size(), 0);
  for (NodeId id : source.inputs) {
    const Node& node = source.nodes[id];
    const auto& attrs = std::get<InputAttrs>(node.attrs);
    builder_.set_spans(node.spans);
    Value made = builder_.input(attrs, node.types[0]);
    result_.nodes[made.node].layouts = node.layouts;
    at({id, 0}) = made;
  }
  builder_.set_spans({});
}

void Rewriter::set(NodeId old, std::span<const Value> values) {
  std::ranges::copy(values, map_.begin() + first_[old]);
  const NodeId namesake = std::exchange(named_after_, NodeId());
  const Node& node = source_.nodes[namesake.valid() ? namesake : old];
  for (size_t i = 0; i < node.names.size(); ++i) name_value(result_, values[i], node.names[i]);
  Node& made = result_.nodes[values[0].node];
  const bool is_same =
      values[0].result == 0 && made.types.size() == node.types.size() && made.op != Op::input;
  if (is_same && made.number == kNoNumber) made.number = node.number;
}

Value Rewriter::operator[](Value old) {
  if (!is_set(old.node)) require(old.node);
  return at(old);
}

std::vector<Value> Rewriter::operands(NodeId old) {
  std::vector<Value> mapped;
  mapped.reserve(source_.nodes[old].operands.size());
  for (Value value : source_.nodes[old].operands) mapped.push_back((*this)[value]);
  return mapped;
}

// Rebuilds `old` and what it needs, ascending, so that a long chain does not become a deep recursion.
void Rewriter::require(NodeId old) {
  NNC_CHECK(rule_, "a node is used before its new value is set");
  std::vector<NodeId> missing;
  std::vector<NodeId> open = {old};
  std::unordered_set<NodeId> seen = {old};
  while (!open.empty()) {
    const NodeId id = open.back();
    open.pop_back();
    NNC_CHECK(!in_progress_[id], "a rewrite of " + std::string(op_def(source_.nodes[id].op).name) +
                                     " asks for a value that needs the rewritten one");
    missing.push_back(id);
    for (Value operand : source_.nodes[id].operands)
      if (!is_set(operand.node) && seen.insert(operand.node).second) open.push_back(operand.node);
  }
  std::sort(missing.begin(), missing.end());
  for (NodeId id : missing)
    if (!is_set(id)) apply_rule(id);
}

void Rewriter::apply_rule(NodeId old) {
  const Node& node = source_.nodes[old];
  SpanSet around = builder_.set_spans(node.spans);
  in_progress_[old] = 1;
  if (auto values = rule_(*this, old, node)) {
    NNC_CHECK(values->size() == node.types.size(), "a rule must give a value for each result");
    for (size_t i = 0; i < values->size(); ++i) {
      NNC_CHECK(builder_.type((*values)[i]) == node.types[i],
                std::string(op_def(node.op).name) + " changed type in a rewrite");
    }
    set(old, *values);
  } else {
    copy(old);
  }
  in_progress_[old] = 0;
  builder_.set_spans(std::move(around));
}

Graph Rewriter::finish() {
  for (const Output& output : source_.outputs) {
    Output mapped = output;
    mapped.value = (*this)[output.value];
    for (std::optional<NodeId>* input : {&mapped.replaces, &mapped.of})
      if (*input) *input = at({**input, 0}).node;
    result_.outputs.push_back(std::move(mapped));
  }
  for (const ParameterGradient& gradient : source_.gradients)
    if (const Value value = at(gradient.value); value.valid())
      result_.add_gradient(at({gradient.of, 0}).node, value);
  return without_dead(std::move(result_));
}

Graph rebuild(const Graph& source, NodeRule rule, Builder::Interning interning) {
  Rewriter rewriter(source, std::move(rule), interning);
  for (NodeId id : node_ids(source))
    for (uint32_t r = 0; r < source.nodes[id].types.size(); ++r) rewriter[Value{id, r}];
  return rewriter.finish();
}

WorkingOn working_on(std::string_view pass, const Graph& graph) {
  return {"the pass " + std::string(pass) + " on @" + graph.name, ".nnir", [&graph] { return print(graph); }};
}

Graph verified(std::string_view pass, Graph after) {
  std::string broken;
  for (const std::string& sentence : verify(after)) broken += "\n  " + sentence;
  NNC_CHECK(broken.empty(), "after " + std::string(pass) + ":" + broken);
  return after;
}

Graph without_dead(Graph graph, std::vector<NodeId>* kept) {
  IdVector<NodeId, char> live;
  live.resize(graph.nodes.size(), 0);
  for (const Output& output : graph.outputs) live[output.value.node] = 1;
  for (NodeId id : graph.inputs) live[id] = 1;
  for (uint32_t i = static_cast<uint32_t>(graph.nodes.size()); i-- > 0;) {
    if (!live[NodeId{i}]) continue;
    for (Value operand : graph.nodes[NodeId{i}].operands) live[operand.node] = 1;
  }
  if (kept != nullptr)
    for (NodeId id : node_ids(graph))
      if (live[id]) kept->push_back(id);
  if (std::ranges::all_of(live, [](char is_live) { return is_live != 0; })) return graph;

  IdVector<NodeId, Node> nodes;
  IdVector<NodeId, NodeId> map;
  map.resize(graph.nodes.size());
  for (NodeId id : node_ids(graph)) {
    if (!live[id]) continue;
    Node& node = graph.nodes[id];
    for (Value& operand : node.operands) operand.node = map[operand.node];
    map[id] = nodes.push_back(std::move(node));
  }
  graph.nodes = std::move(nodes);
  for (NodeId& id : graph.inputs) id = map[id];
  for (Output& output : graph.outputs) {
    output.value.node = map[output.value.node];
    if (output.replaces) output.replaces = map[*output.replaces];
    if (output.of) output.of = map[*output.of];
  }
  std::erase_if(graph.gradients, [&](const ParameterGradient& g) { return !live[g.value.node]; });
  for (ParameterGradient& gradient : graph.gradients) {
    gradient.of = map[gradient.of];
    gradient.value.node = map[gradient.value.node];
  }
  return graph;
}

Readers::Readers(const Graph& graph) {
  readers_.resize(graph.nodes.size());
  for (NodeId id : node_ids(graph)) {
    readers_[id].resize(graph.nodes[id].types.size());
    for (Value operand : graph.nodes[id].operands) readers_[operand.node][operand.result].push_back(id);
  }
  for (const Output& output : graph.outputs) {
    readers_[output.value.node][output.value.result].push_back(NodeId());
  }
}

const Node* made_by(const Graph& graph, Value value, Op op) {
  const Node& node = graph.node(value);
  return node.op == op ? &node : nullptr;
}

std::optional<double> uniform_value(const Graph& graph, Value value) {
  for (;;) {
    const Node& node = graph.node(value);
    if (op_def(node.op).has(kMoves)) {
      value = node.operands[0];
      continue;
    }
    if (node.op != Op::constant) return std::nullopt;
    const std::vector<double>& values = std::get<ConstantAttrs>(node.attrs).values;
    if (values.empty()) return std::nullopt;
    for (double v : values) {
      if (!(v == values[0]) || std::signbit(v) != std::signbit(values[0])) return std::nullopt;
    }
    return values[0];
  }
}

double rounded_to(DType dtype, double x) {
  if (dtype != DType::f32) return x;
  auto rounded = static_cast<float>(x);
  if (std::fabs(rounded) < std::numeric_limits<float>::min()) return std::copysign(0.0, x);
  if (!std::isfinite(rounded)) return rounded;
  char digits[32];
  auto end = std::to_chars(digits, digits + sizeof digits, rounded).ptr;
  double shortest = rounded;
  std::from_chars(digits, end, shortest);
  return shortest;
}

std::optional<Value> repeated_scalar(const Graph& graph, Value value) {
  for (;;) {
    if (graph.type(value).shape.empty()) return value;
    const Node& node = graph.node(value);
    if (!op_def(node.op).has(kMoves)) return std::nullopt;
    value = node.operands[0];
  }
}

SpanSet spans_of(const Graph& graph, std::span<const NodeId> nodes) {
  SpanSet spans;
  for (NodeId id : nodes) spans = join(spans, graph.nodes[id].spans);
  return spans;
}

}  // namespace nnc::passes
