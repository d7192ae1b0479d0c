// Reverse-mode differentiation. The graph is rebuilt in order; at a `grad` node a walk goes backwards from
// its scalar over the nodes, already rebuilt, that the scalar depends on and that depend on one of the `of`
// values, and calls each op's own rule (OpDef::derivative), and then the same in the bodies of scans. As `grad` nodes are in order, one inside
// another's path is ordinary graph by the time the outer one is met: derivatives of derivatives need nothing
// special.
//
// Order of accumulation (it fixes the bits): nodes are visited from the last to the first, a node's operands
// from the first to the last; the adjoint of a value is ((c1 + c2) + c3) + … with its contributions in the
// order met.
#include <algorithm>
#include <optional>
#include <string>

#include "ir/graph/builder.h"
#include "ir/graph/names.h"
#include "passes/pass.h"
#include "passes/rewrite.h"
#include "support/check.h"

namespace nnc::passes {
namespace {

// The name of the input behind a value, or a description.
std::string subject(const Graph& graph, Value value) {
  const Node& node = graph.node(value);
  if (node.op == Op::input) return std::get<InputAttrs>(node.attrs).name;
  return "this " + std::string(op_def(node.op).name);
}

bool is_param(const Node& node) {
  const auto* input = std::get_if<InputAttrs>(&node.attrs);
  return input != nullptr && input->role == Role::param;
}

Span span_of(const Node& node) {
  return node.spans.empty() ? Span() : node.spans.front();
}

// One `grad` node: everything about the walk from `scalar` to the `of` values.
class Gradient {
 public:
  Gradient(Builder& builder, Value scalar, std::vector<Value> of)
      : builder_(builder), graph_(builder.graph()), scalar_(scalar), of_(std::move(of)) {
    size_ = scalar_.node.index + 1;
    mark_path();
    adjoints_.resize(size_);
    for (uint32_t i = 0; i < size_; ++i) adjoints_[i].resize(graph_.nodes[NodeId{i}].types.size());
  }

  // One value per `of`; zeros where no gradient arrives, which is explained if it is to be. `at`: the spans of the grad node.
  std::vector<Value> compute(const SpanSet& at, Diagnostics* explanations) {
    builder_.set_spans(at);
    adjoint(scalar_) = builder_.full_like(scalar_, 1);
    for (uint32_t i = size_; i-- > 0;) visit(NodeId{i});
    builder_.set_spans(at);
    std::vector<Value> results;
    for (Value value : of_) {
      if (value.node.index < size_ && adjoint(value)) {
        name_adjoint(value);
        results.push_back(*adjoint(value));
        continue;
      }
      if (explanations) explain(value, at.empty() ? Span() : at.front(), *explanations);
      results.push_back(builder_.full_like(value, 0));
    }
    return results;
  }

 private:
  // Where a path from an `of` value ends.
  enum class EndKind { detached, zero, no_rule };
  struct End {
    NodeId node;
    EndKind kind;
  };

  std::optional<Value>& adjoint(Value value) { return adjoints_[value.node.index][value.result]; }

  bool is_of(Value value) const { return std::find(of_.begin(), of_.end(), value) != of_.end(); }
  bool active(Value value) const {
    return value.node.index < size_ && (depends_[value.node.index] || is_of(value));
  }

  // needed_: the scalar depends on the node; depends_: the node depends on an `of` value.
  void mark_path() {
    needed_.assign(size_, 0);
    depends_.assign(size_, 0);
    needed_[scalar_.node.index] = 1;
    for (uint32_t i = size_; i-- > 0;) {
      if (!needed_[i]) continue;
      for (Value operand : graph_.nodes[NodeId{i}].operands) needed_[operand.node.index] = 1;
    }
    for (uint32_t i = 0; i < size_; ++i) {
      for (Value operand : graph_.nodes[NodeId{i}].operands) {
        if (active(operand)) depends_[i] = 1;
      }
    }
  }

  void visit(NodeId id) {
    if (!needed_[id.index] || !depends_[id.index]) return;
    const auto& given = adjoints_[id.index];
    if (std::none_of(given.begin(), given.end(), [](const auto& a) { return a.has_value(); })) return;
    VjpFn vjp = op_def(graph_.nodes[id].op).derivative.vjp;
    if (vjp == nullptr) return;

    for (uint32_t i = 0; i < given.size(); ++i) name_adjoint({id, i});
    builder_.set_spans(graph_.nodes[id].spans);
    std::vector<Value> operands = graph_.nodes[id].operands;
    std::string name(op_def(graph_.nodes[id].op).name);
    std::vector<std::optional<Value>> parts = vjp(VjpContext{builder_, id, given});
    NNC_CHECK(parts.size() == operands.size(), name + ": one adjoint per operand");
    for (size_t k = 0; k < operands.size(); ++k) {
      if (!parts[k] || !active(operands[k])) continue;
      NNC_CHECK(graph_.type(*parts[k]) == graph_.type(operands[k]),
                name + ": the adjoint of an operand has the operand's type");
      std::optional<Value>& sum = adjoint(operands[k]);
      sum = sum ? builder_.add(*sum, *parts[k]) : *parts[k];
    }
  }

  // All contributions have been added: it is the derivative by what has that name.
  void name_adjoint(Value value) {
    const std::string name = ValueNames::plain(graph_, value);
    if (!name.empty() && adjoint(value)) name_value(builder_.graph(), *adjoint(value), derivative_name(name));
  }

  // Follows every path from `from` towards the scalar until it ends: each end once, in graph order.
  std::vector<End> ends_of(Value from) const {
    std::vector<End> ends;
    std::vector<char> reached(size_, 0);  // values of these nodes carry the dependence on `from`
    auto carries = [&](Value v) { return v == from || (v.node.index < size_ && reached[v.node.index]); };
    for (uint32_t i = from.node.index + 1; i < size_; ++i) {
      const Node& node = graph_.nodes[NodeId{i}];
      if (!needed_[i] || std::none_of(node.operands.begin(), node.operands.end(), carries)) continue;
      bool is_real = false;
      for (const TensorType& type : node.types) is_real |= is_float(type.dtype);
      bool arrived = false;
      for (const auto& a : adjoints_[i]) arrived |= a.has_value();
      bool no_rule = op_def(node.op).derivative.vjp == nullptr;
      if (node.op == Op::detach) {
        ends.push_back({NodeId{i}, EndKind::detached});
      } else if (no_rule) {
        ends.push_back({NodeId{i}, is_boolean(node) ? EndKind::zero : EndKind::no_rule});
      } else if (!is_real || arrived) {
        ends.push_back({NodeId{i}, EndKind::zero});
      } else {
        reached[i] = 1;
      }
    }
    return ends;
  }

  static bool is_boolean(const Node& node) { return node.types[0].dtype == DType::boolean; }

  // Says why no gradient reaches `value`. `at`: the place that asked for it.
  void explain(Value value, Span at, Diagnostics& diagnostics) const {
    std::string name = subject(graph_, value);
    Span declared = span_of(graph_.node(value));
    std::vector<End> ends;
    if (value.node.index < size_) ends = ends_of(value);
    if (ends.empty()) {
      Diagnostic& error =
          diagnostics.error(DiagnosticKind::no_gradient_path, declared.valid() ? declared : at,
                            "no gradient reaches " + name + ": nothing that is differentiated uses it");
      if (declared.valid() && at.valid() && at != declared) error.label(at, "the gradient is asked for here");
      error.suggest("use it where the loss is computed, or leave it out");
      return;
    }

    auto has = [&](EndKind kind) {
      return std::find_if(ends.begin(), ends.end(), [&](const End& e) { return e.kind == kind; });
    };
    const Node& input = graph_.node(value);
    bool learned = is_param(input);
    auto no_rule = has(EndKind::no_rule);
    auto detached = has(EndKind::detached);
    auto zero = has(EndKind::zero);
    if (no_rule == ends.end() && detached != ends.end()) {
      const Node& end = graph_.nodes[detached->node];
      Diagnostic& warning = diagnostics.warning(DiagnosticKind::not_trained, place(end, declared, at),
                                                name + " is not trained: its only path ends at a detach");
      if (declared.valid()) warning.label(declared, name);
      return;
    }

    const Node& end = graph_.nodes[no_rule != ends.end() ? no_rule->node : zero->node];
    std::string op(op_def(end.op).name);
    if (no_rule == ends.end() && !learned) {
      Diagnostic& warning =
          diagnostics.warning(DiagnosticKind::gradient_is_zero, place(end, declared, at),
                              "the gradient of " + name + " is zero everywhere: its path ends at " + op +
                                  ", which is constant but for jumps");
      if (declared.valid()) warning.label(declared, name);
      return;
    }
    Diagnostic& error = diagnostics.error(DiagnosticKind::no_gradient_path, place(end, declared, at),
                                          "no gradient reaches " + name + ": its path ends at " + op);
    if (declared.valid()) error.label(declared, name);
    std::string_view why = op_def(end.op).derivative.why_not;
    error.note(
        op + " has no gradient: " + (why.empty() ? "its value is constant but for jumps" : std::string(why)));
    error.suggest("a loss has to change smoothly with what is learned; detach(…) says that " + name +
                  " is not to be trained");
  }

  static Span place(const Node& end, Span declared, Span at) {
    Span span = span_of(end);
    if (span.valid()) return span;
    return declared.valid() ? declared : at;
  }

  Builder& builder_;
  const Graph& graph_;
  Value scalar_;
  std::vector<Value> of_;
  uint32_t size_ = 0;  // nodes that exist before the walk, up to the scalar
  std::vector<char> needed_;
  std::vector<char> depends_;
  std::vector<std::vector<std::optional<Value>>> adjoints_;
};

bool derives_something(const Graph& graph) {
  return std::any_of(graph.nodes.begin(), graph.nodes.end(), [](const Node& n) { return n.op == Op::grad; });
}

// `explanations`: where it is said of a value that no gradient reaches it; null within a scan, whose body holds gradients by
// whatever it reads.
Graph without_gradients(const Graph& graph, Diagnostics* explanations) {
  const bool derives = derives_something(graph);
  Rewriter rewriter(graph);
  for (NodeId id : node_ids(graph)) {
    const Node& node = graph.nodes[id];
    if (node.op == Op::input) continue;
    // A fused op, which a graph's text may hold, has no derivative of its own.
    if (const auto* fused = std::get_if<ExpandRule>(&op_def(node.op).lower); fused && derives) {
      rewriter.builder().set_spans(node.spans);
      rewriter.set(id, fused->expand(rewriter.builder(), node, rewriter.operands(id)));
      rewriter.builder().set_spans({});
      continue;
    }
    if (node.op != Op::grad) {
      rewriter.copy(id);
      continue;
    }
    std::vector<Value> operands = rewriter.operands(id);
    NNC_CHECK(!operands.empty() && node.types.size() + 1 == operands.size(),
              "grad(scalar, of…): a result for each of");
    Gradient gradient(rewriter.builder(), operands[0], {operands.begin() + 1, operands.end()});
    std::vector<Value> results = gradient.compute(node.spans, explanations);
    for (size_t i = 0; i < results.size(); ++i)
      if (const NodeId of = operands[i + 1].node; is_param(rewriter.result().nodes[of]))
        rewriter.result().add_gradient(of, results[i]);
    rewriter.set(id, std::move(results));
  }
  Graph result = rewriter.finish();
  for (Node& node : result.nodes)
    if (auto* scan = std::get_if<ScanAttrs>(&node.attrs))
      scan->body = std::make_shared<const Graph>(without_gradients(*scan->body, nullptr));
  return result;
}

}  // namespace

Result<Graph> differentiate(const Graph& graph, Diagnostics& diagnostics) {
  const WorkingOn work = working_on("differentiate", graph);
  const size_t errors_before = diagnostics.error_count();
  Graph result = without_gradients(graph, &diagnostics);
  settle_names(result);
  if (diagnostics.error_count() > errors_before) return Failure();
  return verified("differentiate", std::move(result));
}

}  // namespace nnc::passes
