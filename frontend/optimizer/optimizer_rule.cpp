// See optimizer_rule.h. A rule's body is elaborated once per parameter; what it changes with `<-` leaves the graph.
#include "frontend/optimizer/optimizer_rule.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "frontend/elaborate/saved_names.h"

namespace nnc::frontend {
namespace {

// A state or a parameter with what the rule makes of it.
struct Change {
  std::string name;  // as saved
  Value old;         // its input
  Value value;
};

class RuleRun {
 public:
  RuleRun(Elaborator& e, const RuleParts& parts, const Tensor& loss, OptimizerResult& result)
      : e_(e), parts_(parts), loss_(loss), result_(result) {}

  // Elaborates the rule for one parameter. False after an error.
  bool run(const Learned& learned, const std::optional<Tensor>& gradient) {
    Parameter& parameter = *learned.parameter;
    Frame frame = *learned.arguments;
    frame.path = parameter.name;
    frame.run = parameter.dims;
    std::map<std::string, Updatable> updatable;
    if (!add_states(frame, parameter, updatable)) return false;
    for (const ast::Parameter& asked : parts_.rule.parameters) {
      if (!give(asked, parameter, gradient, frame, updatable)) return false;
    }
    frame.updatable = &updatable;
    const size_t errors = e_.diagnostics.error_count();
    e_.run_block(parts_.rule.body, frame, nullptr);
    if (e_.diagnostics.error_count() > errors || e_.stopped) return false;
    for (const ast::MemberItem& item : parts_.declaration.members) {  // states in the order they are declared
      const auto* member = std::get_if<ast::MemberBinding>(&item.node);
      if (member == nullptr) continue;
      for (const ast::Name& name : member->binding.names) {
        const Updatable& u = updatable[name.text];
        if (!u.input) continue;
        const std::string saved = moment_name(name.text, parameter.name);
        result_.states.push_back({saved, {DType::f32, shape_of(u.dims)}, u.start.as<Number>()->value()});
        if (u.written) changes.push_back({saved, *u.input, u.value.as<Tensor>()->value});
      }
    }
    const auto p = updatable.find("p");
    if (p != updatable.end() && p->second.written)
      changes.push_back({parameter.name, *parameter.input, p->second.value.as<Tensor>()->value});
    return true;
  }

  std::vector<Change> changes;

 private:
  bool add_states(Frame& frame, const Parameter& parameter, std::map<std::string, Updatable>& updatable) {
    for (const ast::MemberItem& item : parts_.declaration.members) {
      const auto* member = std::get_if<ast::MemberBinding>(&item.node);
      if (member == nullptr && std::holds_alternative<ast::Rule>(item.node)) continue;
      if (member == nullptr || member->role != ast::BindingRole::state) {
        e_.error(DiagnosticKind::misplaced_member, Site{frame, item.span},
                 "an optimizer has states and one rule, update or propose");
        return false;
      }
      const ast::Binding& binding = member->binding;
      const Datum start = e_.eval(*binding.value, frame);
      const Number* number = start.as<Number>();
      if (number == nullptr) {
        if (!start.poisoned()) {
          e_.error(DiagnosticKind::optimizer_rule, Site{frame, binding.value->span},
                   fmt::format("a state of an optimizer starts as a number, not {}", describe(start)));
        }
        return false;
      }
      Dims dims = parameter.dims;
      if (binding.type) {
        const std::optional<Dims> typed = e_.resolve_dims(*binding.type, frame);
        if (!typed) return false;
        dims = *typed;
      }
      for (const ast::Name& name : binding.names) {
        Updatable u;
        u.dims = dims;
        u.state_name = name.text;
        u.start = start;
        u.span = name.span;
        updatable[name.text] = std::move(u);
      }
    }
    return true;
  }

  // What the rule asks for by name.
  bool give(const ast::Parameter& asked, Parameter& parameter, const std::optional<Tensor>& gradient,
            Frame& frame, std::map<std::string, Updatable>& updatable) {
    const std::string& name = asked.name.text;
    const bool proposes = parts_.rule.kind == ast::RuleKind::propose;
    if (name == "p") {
      Updatable u;
      u.dims = parameter.dims;
      u.value = e_.read_parameter(parameter, Site{frame, parts_.rule.keyword});
      u.span = asked.name.span;
      updatable[name] = std::move(u);
      return true;
    }
    Local local;
    local.span = asked.name.span;
    if (name == "g" && gradient) {
      local.value = *gradient;
    } else if (name == "t") {
      Tensor t;
      t.value = e_.builder.cast(update_number(e_), DType::f64);
      t.dtype = DType::f64;
      local.value = t;
    } else if (name == "loss") {
      local.value = loss_;
    } else {
      const Site site{frame, asked.name.span};
      if (proposes && name == "g") {
        e_.error(DiagnosticKind::optimizer_rule, site,
                 "propose tries a step without knowing the gradient: there is no g")
            .suggest("update(p, g) follows the gradient");
      } else {
        e_.error(DiagnosticKind::optimizer_rule, site,
                 fmt::format("{} asks for {}; it can have p (the parameter), {}t (the step) and loss",
                             proposes ? "propose" : "update", name, proposes ? "" : "g (its gradient), "));
      }
      return false;
    }
    frame.locals[name] = std::move(local);
    return true;
  }

  Elaborator& e_;
  const RuleParts& parts_;
  const Tensor& loss_;
  OptimizerResult& result_;
};

// The value of `root` when other values replace some inputs. Nodes that do not depend on them are
// shared, draws among them, so that both sides see the same masks and noise.
Value substituted(Elaborator& e, Value root, const std::map<NodeId, Value>& instead) {
  const uint32_t end = root.node.index + 1;
  std::vector<bool> needed(end, false), depends(end, false);
  needed[root.node.index] = true;
  for (uint32_t i = end; i-- > 0;) {
    if (!needed[i]) continue;
    for (const Value& operand : e.graph.nodes[NodeId{i}].operands) needed[operand.node.index] = true;
  }
  std::vector<std::vector<Value>> copies(end);
  for (uint32_t i = 0; i < end; ++i) {
    if (!needed[i]) continue;
    if (const auto at = instead.find(NodeId{i}); at != instead.end()) {
      depends[i] = true;
      copies[i] = {at->second};
      continue;
    }
    const Node node = e.graph.nodes[NodeId{i}];  // a copy: the graph grows
    std::vector<Value> operands;
    for (const Value& operand : node.operands) {
      const bool moved = depends[operand.node.index];
      depends[i] = depends[i] || moved;
      operands.push_back(moved ? copies[operand.node.index][operand.result] : operand);
    }
    if (depends[i]) copies[i] = e.builder.copy(node, std::move(operands));
  }
  return depends[root.node.index] ? copies[root.node.index][root.result] : root;
}

// Several batches as one: the sum of their gradients, each times its rows, and of the rows, in states; what is divided is the
// gradient of all of them together. Parameters and states change with the last of them only.
class Accumulation {
 public:
  Accumulation(Elaborator& e, const RuleParts& parts, OptimizerResult& result)
      : e_(e), b_(e.builder), result_(result) {
    b_.set_spans({parts.span});
    const Value t = e.scalar_input("t", DType::i64);
    const Value place = b_.sub(b_.mul(update_number(e), count(e.options.accumulate)), t);  // N - 1, … 1, 0
    is_first_ = b_.make(Op::eq, {place, count(e.options.accumulate - 1)});
    is_last_ = completes_step(e);
    rows_ = b_.scalar(DType::f32, static_cast<double>(e.options.batch));
    all_rows_ = summed("optimizer.accumulated_rows", rows_);
  }

  void take_in(const Learned& learned, Tensor& slope) {
    const Shape shape = b_.type(slope.value).shape;
    const Value weighted = b_.mul(slope.value, b_.broadcast_scalar(rows_, shape));
    const Value sum = summed(moment_name("accumulated", learned.parameter->name), weighted);
    slope.value = b_.div(sum, b_.broadcast_scalar(all_rows_, shape));
  }

  // The new value where all batches are there, else the old one.
  Value settled(Value value, Value old) {
    const Shape shape = b_.type(value).shape;
    return b_.make(Op::where, {b_.broadcast_scalar(is_last_, shape), value, old});
  }

 private:
  Value count(int64_t number) { return b_.scalar(DType::i64, static_cast<double>(number)); }

  Value summed(const std::string& name, Value part) {
    const TensorType type = b_.type(part);
    const Value old = b_.input(name, Role::moment, type);
    result_.states.push_back({name, type, 0});
    const Value sum =
        b_.make(Op::where, {b_.broadcast_scalar(is_first_, type.shape), part, b_.add(old, part)});
    b_.output(name, sum, old.node);
    return sum;
  }

  Elaborator& e_;
  Builder& b_;
  OptimizerResult& result_;
  Value is_first_, is_last_, rows_, all_rows_;
};

bool refuses_accumulation(Elaborator& e, const RuleParts& parts) {
  if (e.options.accumulate == 1) return false;
  e.diagnostics.error(
      DiagnosticKind::optimizer_rule,
      e.options.accumulate_span.valid() ? e.options.accumulate_span : parts.span,
      fmt::format("{} asks for no gradient, so nothing can be accumulated", parts.declaration.name.text));
  return true;
}

bool refuses_clipping(Elaborator& e, const RuleParts& parts) {
  if (e.options.clip_norm == 0) return false;
  e.diagnostics.error(
      DiagnosticKind::optimizer_rule, e.options.clip_span.valid() ? e.options.clip_span : parts.span,
      fmt::format("{} asks for no gradient, so nothing can be clipped", parts.declaration.name.text));
  return true;
}

// g * min(1, clip / (norm + margin)), norm = sqrt(sum of all g^2): PyTorch's clip_grad_norm_ with its margin of 1e-6, less
// where the limit is near that. (Pascanu, Mikolov, Bengio: "On the difficulty of training recurrent neural networks", 2013.)
// Computed in f64, where the square of an f32 neither overflows nor underflows. A factor that may be too small for an f32 is
// applied as two.
void clip(Elaborator& e, const RuleParts& parts, std::vector<Tensor>& slopes) {
  Builder& b = e.builder;
  b.set_spans({parts.span});
  std::optional<Value> square;
  for (const Tensor& slope : slopes) {
    std::vector<int64_t> axes(slope.dims.size());
    std::iota(axes.begin(), axes.end(), 0);
    const Value wide = b.cast(slope.value, DType::f64);
    const Value sum = b.sum(b.mul(wide, wide), axes);
    square = square ? b.add(*square, sum) : sum;
  }
  if (!square) return;
  const double most = e.options.clip_norm, margin = std::min(1e-6, 1e-5 * most);
  const Value norm = b.add(b.make(Op::sqrt, {*square}), b.scalar(DType::f64, margin));
  const Value one = b.scalar(DType::f64, 1);
  const Value factor = b.make(Op::minimum, {b.div(b.scalar(DType::f64, most), norm), one});
  const Value tiny = b.make(Op::lt, {factor, b.scalar(DType::f64, 0x1p-100)});
  const Value first = b.make(Op::where, {tiny, b.scalar(DType::f64, 0x1p-100), one});
  const Value rest = b.div(factor, first);
  for (Tensor& slope : slopes) {
    for (const Value& part : {first, rest}) {
      const TensorType type = b.type(slope.value);
      slope.value = b.mul(slope.value, b.broadcast_scalar(b.cast(part, type.dtype), type.shape));
    }
  }
}

}  // namespace

Value update_number(Elaborator& e) {
  Builder& b = e.builder;
  const Value t = e.scalar_input("t", DType::i64);
  const auto batches = static_cast<double>(e.options.accumulate);
  if (batches == 1) return t;
  const Value one = b.scalar(DType::i64, 1);
  return b.add(b.make(Op::floordiv, {b.sub(t, one), b.scalar(DType::i64, batches)}), one);
}

Value completes_step(Elaborator& e) {
  Builder& b = e.builder;
  const Value batches = b.scalar(DType::i64, static_cast<double>(e.options.accumulate));
  return b.make(Op::eq, {b.mul(update_number(e), batches), e.scalar_input("t", DType::i64)});
}

bool update_all(Elaborator& e, const RuleParts& parts, std::span<const Learned> learned, const Tensor& loss,
                OptimizerResult& result) {
  const bool wants_gradient = std::any_of(parts.rule.parameters.begin(), parts.rule.parameters.end(),
                                          [](const ast::Parameter& p) { return p.name.text == "g"; });
  if (!wants_gradient && (refuses_clipping(e, parts) || refuses_accumulation(e, parts))) return false;
  std::optional<std::vector<Tensor>> slopes;
  std::optional<Accumulation> several;
  if (wants_gradient) {
    std::vector<Parameter*> parameters;
    for (const Learned& one : learned) parameters.push_back(one.parameter);
    slopes = gradients(e, loss, parameters);
    if (!slopes) return false;
    if (e.options.accumulate > 1) {
      several.emplace(e, parts, result);
      for (size_t i = 0; i < learned.size(); ++i) several->take_in(learned[i], (*slopes)[i]);
    }
    if (e.options.clip_norm > 0) clip(e, parts, *slopes);
  }
  RuleRun rule(e, parts, loss, result);
  for (size_t i = 0; i < learned.size(); ++i) {
    if (!rule.run(learned[i], slopes ? std::optional<Tensor>((*slopes)[i]) : std::nullopt)) return false;
  }
  for (const Change& change : rule.changes)
    e.builder.output(change.name, several ? several->settled(change.value, change.old) : change.value,
                     change.old.node);
  return true;
}

bool propose_all(Elaborator& e, const RuleParts& parts, std::span<const Learned> learned, const Tensor& loss,
                 OptimizerResult& result) {
  if (refuses_clipping(e, parts) || refuses_accumulation(e, parts)) return false;
  RuleRun rule(e, parts, loss, result);
  for (const Learned& one : learned) {
    if (!rule.run(one, std::nullopt)) return false;
  }
  std::map<NodeId, Value> proposals;
  for (const Change& change : rule.changes) {
    const auto& old = std::get<InputAttrs>(e.graph.node(change.old).attrs);
    if (old.role == Role::param) proposals[change.old.node] = change.value;
  }
  e.builder.set_spans({parts.span});
  const Value proposed = substituted(e, loss.value, proposals);
  const Value lower =
      e.builder.make(Op::lt, {proposed, loss.value});  // false if the new loss is not a number
  for (const Change& change : rule.changes) {
    const Shape& shape = e.builder.type(change.value).shape;
    const Value kept =
        e.builder.make(Op::where, {e.builder.broadcast_scalar(lower, shape), change.value, change.old});
    e.builder.output(change.name, kept, change.old.node);
  }
  return true;
}

}  // namespace nnc::frontend
