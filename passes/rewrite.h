// What the rewriting passes share: rebuilding a graph node by node, who reads a value, and small questions
// about the nodes behind a value.
#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "ir/graph/builder.h"
#include "ir/graph/graph.h"
#include "support/check.h"

namespace nnc::passes {

class Rewriter;

// The new results of node `id`, or nothing to have it copied. Nodes made in the rule carry the old node's
// spans. A rule may ask for the new value of any node that does not need `id` itself, also of a later one.
using NodeRule = std::function<std::optional<std::vector<Value>>(Rewriter&, NodeId id, const Node& node)>;

// Builds a new graph from `source`, which must outlive it. The inputs are there from the start, in signature
// order. With a rule, every other node is rebuilt when its new value is first asked for; without one, each must
// be given its new value with `copy` or `set`, in order.
class Rewriter {
 public:
  explicit Rewriter(const Graph& source, Builder::Interning interning = Builder::Interning::off)
      : Rewriter(source, NodeRule(), interning) {}
  Rewriter(const Graph& source, NodeRule rule, Builder::Interning interning);
  Rewriter(const Rewriter&) = delete;
  Rewriter& operator=(const Rewriter&) = delete;

  const Graph& source() const { return source_; }
  Graph& result() { return result_; }
  Builder& builder() { return builder_; }

  // The new value of an old one.
  Value operator[](Value old);
  std::vector<Value> operands(NodeId old);

  // An old node's results are these new values, which take over what it is called.
  void set(NodeId old, std::span<const Value> values);
  // For a rule: what it gives is not the old value itself but this one, which all who read the old one know how to do with.
  void becomes(NodeId old) { named_after_ = old; }
  // A new node like the old one, its operands mapped.
  void copy(NodeId old) { set(old, builder_.copy(source_.nodes[old], operands(old))); }

  // Maps the outputs, and the gradients as far as they were rebuilt, and drops what the outputs do not need. Ends the
  // rewriter: the graph is moved out.
  Graph finish();

 private:
  Value& at(Value old) { return map_[first_[old.node] + old.result]; }
  bool is_set(NodeId old) { return at({old, 0}).node.valid(); }
  void require(NodeId old);
  void apply_rule(NodeId old);

  const Graph& source_;
  NodeRule rule_;
  Graph result_;
  Builder builder_;
  std::vector<Value> map_;            // the new values of all results, node by node
  IdVector<NodeId, uint32_t> first_;  // where a node's begin
  IdVector<NodeId, char> in_progress_;
  NodeId named_after_;  // instead of the node that a rule is for
};

// The source with the rule applied to every node but the inputs.
Graph rebuild(const Graph& source, NodeRule rule, Builder::Interning interning = Builder::Interning::off);

// For reports of internal errors: names the pass and keeps the graph it was given, which must outlive this.
WorkingOn working_on(std::string_view pass, const Graph& graph);
// The graph itself. Checked: verify() finds nothing wrong with what the pass has made.
Graph verified(std::string_view pass, Graph after);

// The graph without the nodes that no output needs. Inputs stay: they are the signature. `kept` becomes those that are left, in
// order.
Graph without_dead(Graph graph, std::vector<NodeId>* kept = nullptr);

// Who reads each value. An output counts as a reader with an invalid id.
class Readers {
 public:
  explicit Readers(const Graph& graph);
  const std::vector<NodeId>& of(Value value) const { return readers_[value.node][value.result]; }
  size_t count(Value value) const { return of(value).size(); }

 private:
  IdVector<NodeId, std::vector<std::vector<NodeId>>> readers_;
};

// The node behind `value` if it is an `op`, else null. Valid until the graph grows.
const Node* made_by(const Graph& graph, Value value, Op op);

// The number every element of `value` is, when a constant says so, seen through broadcast and reshape.
std::optional<double> uniform_value(const Graph& graph, Value value);

// `x` as a compiled step holds it in this dtype: f32 is rounded and a subnormal becomes zero; other dtypes
// keep it. The f32 is given as the shortest decimal that means it, 0.1 and not 0.10000000149, so that texts
// stay readable.
double rounded_to(DType dtype, double x);

// The rank-0 value that `value` repeats in every element: itself if it is one, a broadcast's operand, seen
// through several broadcasts and reshapes. A constant of rank > 0 has none.
std::optional<Value> repeated_scalar(const Graph& graph, Value value);

// The results of such a node as constants, if its operands are constants and it is small enough to compute
// now (fold_constants.cpp).
std::optional<std::vector<Value>> fold_constant_node(Builder& builder, Op op, std::span<const Value> operands,
                                                     const Attrs& attrs);

// The span sets of several nodes, joined.
SpanSet spans_of(const Graph& graph, std::span<const NodeId> nodes);

// All ids of a graph's nodes, in order.
inline std::vector<NodeId> node_ids(const Graph& graph) {
  std::vector<NodeId> ids;
  ids.reserve(graph.nodes.size());
  for (uint32_t i = 0; i < graph.nodes.size(); ++i) ids.push_back(NodeId{i});
  return ids;
}

}  // namespace nnc::passes
