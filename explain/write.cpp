// See write.h. Recurrences: write_scan.cpp.
#include "explain/write.h"

#include <algorithm>

#include <fmt/format.h>

#include "ir/graph/builder.h"
#include "ir/graph/names.h"
#include "support/check.h"

namespace nnc::explain {

using formula::Notation;

// "∂loss/∂fc1.weight" of "d.fc1.weight". What is computed before the loss is the derivative of something else, which keeps its name.
std::string Writer::shown(const std::string& name) const {
  const std::string prefix = derivative_name("");
  return after_loss_ && name.starts_with(prefix) ? "∂loss/∂" + name.substr(prefix.size()) : name;
}

Block& Writer::block() {
  if (blocks_.empty()) blocks_.emplace_back();
  return blocks_.back();
}

std::string Writer::unused(const std::string& name) {
  const std::string free = unused_name(name, [&](const std::string& n) { return !taken_.contains(n); });
  taken_.insert(free);
  return free;
}

std::string Writer::numbered(const std::string& letter) {
  // There is seldom more than one softmax.
  if (letter == "p" && taken_.insert(letter).second) return letter;
  for (size_t i = letter == "p" ? 2 : 1;; ++i)
    if (taken_.insert(letter + std::to_string(i)).second) return letter + std::to_string(i);
}

// What the model calls it; in raw equations its number, where it has no name.
std::string Writer::name_of(const Graph& graph, Value value, const Loop* loop) const {
  std::string name = shown(ValueNames::plain(graph, value));
  if (inlined_.contains(name) || (loop != nullptr && loop->hidden.contains(name))) name.clear();
  if (!name.empty() || simplifier_ != nullptr) return name;
  return ValueNames(graph).of(value);
}

ExprId Writer::define(const std::string& name, ExprId expr, const TensorType& type, const SpanSet& spans,
                      std::optional<Value> of) {
  const ExprId symbol = f_.symbol(unused(name), type.shape);
  if (simplifier_ != nullptr) simplifier_->define(symbol, expr);
  block().equations.push_back({symbol, expr, type, of, spans, {}});
  return symbol;
}

bool Writer::run(const Graph& graph) {
  Known known(graph.nodes.size());
  for (const NodeId id : graph.inputs) {
    const std::string& name = graph.input_name(id);
    taken_.insert(name);
    const Shape& shape = graph.nodes[id].types[0].shape;
    known[id.index] = {Notation::whole(f_.symbol(name, shape), shape.size())};
  }
  if (!write(graph, known, nullptr)) return false;
  for (const Output& output : graph.outputs)
    outputs_.push_back(known[output.value.node.index][output.value.result]);
  return true;
}

bool Writer::write(const Graph& graph, Known& known, Loop* loop) {
  for (uint32_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[NodeId{i}];
    if (node.op == Op::input) continue;
    if (loop == nullptr)
      for (const Output& output : graph.outputs)
        after_loss_ = after_loss_ || (output.kind == OutputKind::loss && output.value.node.index < i);
    const bool good = std::holds_alternative<ScanAttrs>(node.attrs) && loop == nullptr
                          ? write_scan(graph, NodeId{i}, known)
                          : write_node(graph, NodeId{i}, known, loop);
    if (!good) return false;
  }
  return true;
}

bool Writer::write_node(const Graph& graph, NodeId id, Known& known, Loop* loop) {
  const Node& node = graph.nodes[id];
  const OpDef& def = op_def(node.op);
  std::vector<Written> operands;
  for (const Value& operand : node.operands)
    operands.push_back(current(known[operand.node.index][operand.result]));
  Notation notation(f_, graph, node, operands);
  std::vector<Written> results;
  if (def.formula != nullptr)
    results = def.formula(notation);
  else if (def.has(kElementwise))
    results = notation.elementwise([&](std::span<const ExprId> x) {
      return f_.elementwise(def.name, {x.begin(), x.end()});
    });
  const bool is_given = def.has(kRandom) || def.has(kGiven) || node.op == Op::constant;
  if (results.empty() && is_given && loop == nullptr) {
    const std::string how = def.has(kRandom) ? def.math({}, node.attrs).text : "constant";
    for (uint32_t i = 0; i < node.types.size(); ++i) results.push_back(given(graph, {id, i}, how));
    known[id.index] = std::move(results);
    return true;
  }
  if (results.empty()) {
    Diagnostic& error = diagnostics_.error(
        DiagnosticKind::no_formula, node.spans.empty() ? Span() : node.spans.front(),
        fmt::format("{} has no formula yet, so the loss cannot be written as mathematics", def.name));
    error.suggest("nnc inspect FILE --stage=grad --graph=gradients shows the gradient as a graph");
    return false;
  }
  NNC_CHECK(results.size() == node.types.size(), "a formula for each result");
  for (uint32_t i = 0; i < results.size(); ++i) {
    const bool is_new = std::ranges::find(operands, results[i].expr, &Written::expr) == operands.end() &&
                        !f_.is_number(results[i].expr);
    results[i] = settle(graph, {id, i}, std::move(results[i]), is_new, loop);
  }
  known[id.index] = std::move(results);
  return true;
}

Writer::Written Writer::current(Written written) const {
  if (simplifier_ != nullptr) written.expr = simplifier_->current(written.expr);
  return written;
}

// The expression with its axes where the value has them: what an equation for it may say. Its axes of one place may be more
// or fewer than the value's.
ExprId Writer::in_place(const Written& w, const Shape& shape) {
  Graph scratch;
  Builder builder(scratch);
  const Value value = builder.input("value", Role::input, {DType::f32, shape});
  const Node node = scratch.nodes[builder.neg(value).node];
  Notation notation(f_, scratch, node, {w});
  Shape wide, wide_from;
  const auto is_wide = [](int64_t extent) { return extent > 1; };
  std::ranges::copy_if(shape, std::back_inserter(wide), is_wide);
  std::ranges::copy_if(f_.shape(w.expr), std::back_inserter(wide_from), is_wide);
  return wide == wide_from ? w.expr : notation.lined_up(0);
}

// A value with a name gets an equation, and is written as that name from then on.
Writer::Written Writer::settle(const Graph& graph, Value value, Written written, bool is_new,
                               const Loop* loop) {
  const TensorType& type = graph.type(value);
  const Node& node = graph.node(value);
  if (loop != nullptr)
    if (const auto next = loop->next.find(value); next != loop->next.end()) {
      const ExprId expr = in_place(written, type.shape);
      block().equations.push_back({next->second, expr, type, std::nullopt, node.spans, {}});
      if (simplifier_ != nullptr) simplifier_->define(next->second, expr);
      return Notation::whole(next->second, type.shape.size());
    }
  const std::string name = name_of(graph, value, loop);
  const Fn fn = f_[written.expr].fn;
  const bool has_own = simplifier_ != nullptr ? !name.empty() : !ValueNames::plain(graph, value).empty();
  const bool is_known = fn == Fn::symbol || fn == Fn::step || fn == Fn::place || fn == Fn::number;
  if (name.empty() || is_known || (!has_own && !is_new)) return written;
  // An unnamed value keeps the axes that the expression has; a name means the value as the graph has it.
  const ExprId expr = has_own ? in_place(written, type.shape) : written.expr;
  const Shape shape = has_own ? type.shape : f_.shape(expr);
  if (loop == nullptr) {
    // What only repeats has fewer elements than the value: there is nothing to compare it with.
    const bool is_all = element_count(shape) == type.elements();
    const ExprId symbol =
        define(name, expr, {type.dtype, shape}, node.spans, is_all ? std::optional(value) : std::nullopt);
    return has_own ? Notation::whole(symbol, shape.size()) : Written{symbol, written.axes};
  }
  Shape stacked = shape;
  stacked.insert(stacked.begin(), loop->length);
  const ExprId sequence = f_.symbol(unused(name), stacked);
  const ExprId place = f_.call(Fn::step, {sequence}, {{0}});
  if (simplifier_ != nullptr) simplifier_->define(place, expr);
  block().equations.push_back({place, expr, {type.dtype, shape}, std::nullopt, node.spans, {}});
  return has_own ? Notation::whole(place, shape.size()) : Written{place, written.axes};
}

Writer::Written Writer::given(const Graph& graph, Value value, const std::string& how) {
  const std::string own = name_of(graph, value, nullptr);
  const std::string name = own.empty() ? numbered(how == "constant" ? "c" : "r") : unused(own);
  const TensorType& type = graph.type(value);
  const ExprId symbol = f_.symbol(name, type.shape);
  block().equations.push_back({symbol, {}, type, value, graph.node(value).spans, how});
  return Notation::whole(symbol, type.shape.size());
}

}  // namespace nnc::explain
