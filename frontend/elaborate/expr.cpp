// Expressions and the bodies of functions: one scope per body, names rebound in order, `if` and `for` settled
// while compiling.
#include <fmt/format.h>

#include <algorithm>

#include "frontend/elaborate/elaborator.h"

namespace nnc::frontend {
namespace {

struct DepthGuard {
  int& depth;
  explicit DepthGuard(int& d) : depth(d) { ++depth; }
  ~DepthGuard() { --depth; }
  DepthGuard(const DepthGuard&) = delete;
  DepthGuard& operator=(const DepthGuard&) = delete;
};

struct ExprVisitor {
  Elaborator& e;
  const ast::Expr& expr;
  Frame& frame;

  Site site() const { return {frame, expr.span}; }

  Datum operator()(const ast::Number& number) const {
    if (!number.is_integer) return real_number(number.value);
    if (number.value > 9007199254740992.0) return real_number(number.value);
    return whole_number(static_cast<int64_t>(number.value),
                        e.library.is_standard(expr.span) ? Span() : expr.span);
  }
  Datum operator()(const ast::Bool& flag) const { return Flag{flag.value}; }
  Datum operator()(const ast::NoneLiteral&) const { return NoneValue{}; }
  Datum operator()(const ast::NameRef& name) const { return e.name_value(name.name, site()); }
  Datum operator()(const ast::Hole&) const {
    e.error(DiagnosticKind::wrong_kind, site(), "`_` is used only for an argument of a call: f(_, 2)");
    return Poison{};
  }
  Datum operator()(const ast::Unary& unary) const {
    const Operand operand{e.eval(*unary.operand, frame), unary.operand->span};
    if (operand.value.poisoned()) return Poison{};
    return unary.op == ast::UnaryOp::neg ? e.unary_minus(operand, site()) : e.logical_not(operand, site());
  }
  Datum operator()(const ast::Binary& binary) const {
    using enum ast::BinaryOp;
    const Operand left{e.eval(*binary.left, frame), binary.left->span};
    if (binary.op == logical_and || binary.op == logical_or) {
      // The right side of a settled `and` or `or` is not looked at: k > 0 and sizes[k - 1] == 3.
      if (const Flag* flag = left.value.as<Flag>();
          flag != nullptr && flag->value == (binary.op == logical_or)) {
        return *flag;
      }
    }
    const Operand right{e.eval(*binary.right, frame), binary.right->span};
    if (left.value.poisoned() || right.value.poisoned()) return Poison{};
    if (binary.op == logical_and || binary.op == logical_or) {
      return e.logical(binary.op == logical_and, left, right, site());
    }
    if (binary.op == range) return range_of(left, right);
    Datum result = binary.op == matmul ? e.matmul(left, right, site())
                                       : e.elementwise(elementwise_of(binary.op), left, right, site());
    if (e.explaining) e.explain(binary, expr, left.value, right.value, result, frame);
    return result;
  }
  Datum range_of(const Operand& left, const Operand& right) const {
    const Number* a = left.value.as<Number>();
    const Number* b = right.value.as<Number>();
    for (const Operand* side : {&left, &right}) {
      const Number* n = side->value.as<Number>();
      if (n != nullptr && n->is_whole) continue;
      e.error(DiagnosticKind::wrong_kind, Site{frame, side->span},
              fmt::format("a..b takes whole numbers, not {}", describe(side->value)));
      return Poison{};
    }
    std::vector<Datum> items;
    if (b->whole > a->whole) {
      if (static_cast<uint64_t>(b->whole) - static_cast<uint64_t>(a->whole) > kMostTurns) {
        e.error(DiagnosticKind::too_large, site(), "a list is limited to 100,000 entries");
        return Poison{};
      }
      for (int64_t k = a->whole; k < b->whole; ++k) items.emplace_back(whole_number(k));
    }
    return e.list(std::move(items), site());
  }
  Datum operator()(const ast::Call& call) const { return e.eval_call(call, expr, nullptr, frame); }
  Datum operator()(const ast::Pipe& pipe) const {
    const Operand left{e.eval(*pipe.left, frame), pipe.left->span};
    if (const auto* call = std::get_if<ast::Call>(&pipe.right->node)) {
      bool holes = false;
      for (const ast::Argument& a : call->arguments)
        holes |= std::holds_alternative<ast::Hole>(a.value->node);
      if (!holes) return e.eval_call(*call, *pipe.right, &left, frame);
    }
    const Operand callee{e.eval(*pipe.right, frame), pipe.right->span};
    if (left.value.poisoned() || callee.value.poisoned()) return Poison{};
    std::vector<Actual> actuals(1);
    actuals[0].value = left.value;
    actuals[0].span = left.span;
    Datum result = e.call(callee, std::move(actuals), Site{frame, pipe.right->span});
    e.note_result(called_at(*pipe.right), result);
    return result;
  }
  Datum operator()(const ast::Member& member) const {
    const Operand object{e.eval(*member.object, frame), member.object->span};
    if (object.value.poisoned()) return Poison{};
    return e.member_of(object, member.name, site());
  }
  Datum operator()(const ast::Index& index) const {
    const Operand object{e.eval(*index.object, frame), index.object->span};
    if (object.value.poisoned()) return Poison{};
    return e.index(object, index.items, site());
  }
  Datum operator()(const ast::List& list) const {
    std::vector<Datum> items;
    bool failed = false;
    for (const ast::ExprPtr& item : list.items) {
      items.push_back(e.eval(*item, frame));
      failed = failed || items.back().poisoned();
    }
    if (failed) return Poison{};
    return e.list(std::move(items), site());
  }
  Datum operator()(const ast::Comprehension& comprehension) const {
    const Operand source{e.eval(*comprehension.source, frame), comprehension.source->span};
    if (source.value.poisoned()) return Poison{};
    std::optional<std::vector<Datum>> turns = e.turns_of(source, Site{frame, source.span});
    if (!turns) return Poison{};
    // Its names are its own: what they meant outside comes back afterwards.
    std::vector<std::pair<std::string, std::optional<Local>>> before;
    for (const ast::Name& name : comprehension.names) {
      const auto at = frame.locals.find(name.text);
      before.emplace_back(name.text,
                          at == frame.locals.end() ? std::nullopt : std::optional<Local>(at->second));
    }
    std::vector<Datum> items;
    bool failed = false;
    for (const Datum& turn : *turns) {
      if (!bind_turn(comprehension.names, Operand{turn, source.span})) {
        failed = true;
        break;
      }
      items.push_back(e.eval(*comprehension.value, frame));
      failed = failed || items.back().poisoned();
      if (e.stopped) return Poison{};
    }
    for (auto& [name, local] : before) {
      if (local) {
        frame.locals[name] = *local;
      } else if (const auto at = frame.locals.find(name); at != frame.locals.end()) {
        frame.locals.erase(at);
      }
    }
    if (failed) return Poison{};
    return e.list(std::move(items), site());
  }
  bool bind_turn(const std::vector<ast::Name>& names, const Operand& turn) const {
    if (names.size() == 1) {
      if (names[0].text != "_") frame.locals[names[0].text] = {turn.value, names[0].span};
      e.note_value(names[0].span, turn.value);
      return true;
    }
    const std::optional<std::vector<Datum>> parts = e.take_apart(turn, names.size(), Site{frame, turn.span});
    if (!parts) return false;
    for (size_t i = 0; i < names.size(); ++i) {
      if (names[i].text != "_") frame.locals[names[i].text] = {(*parts)[i], names[i].span};
      e.note_value(names[i].span, (*parts)[i]);
    }
    return true;
  }
  Datum operator()(const ast::If& choice) const {
    const std::optional<bool> condition = e.condition(*choice.condition, frame);
    if (!condition) return Poison{};
    if (!choice.otherwise) {
      e.error(DiagnosticKind::if_without_else, site(), "an `if` used as a value needs its `else`");
      return Poison{};
    }
    Datum value;
    const ast::Block& block = *condition ? *choice.then : *choice.otherwise;
    if (!e.run_block(block, frame, &value)) {
      e.error(DiagnosticKind::body_without_value, Site{frame, block.span},
              "this branch ends without a value");
      return Poison{};
    }
    return value;
  }
  Datum operator()(const ast::Scan& scan) const { return e.scan(scan, site()); }
};

}  // namespace

Datum Elaborator::list(std::vector<Datum> items, const Site& site) {
  ListPtr made = make_list(std::move(items), site.span);
  if (made->total > kMostListed) {
    error(DiagnosticKind::too_large, site, "this list holds more than 1,000,000 values");
    stopped = true;
    return Poison{};
  }
  return made;
}

Datum Elaborator::eval(const ast::Expr& expr, Frame& frame) {
  const DepthGuard guard(depth);
  const Site site{frame, expr.span};
  if (!step(site)) return Poison{};
  if (depth > kMostDepth) {
    error(DiagnosticKind::too_deep, site,
          fmt::format("expressions and calls are nested more than {} deep", kMostDepth))
        .suggest("names for parts of it; definitions, each after those that it reads, do not nest");
    stopped = true;
    return Poison{};
  }
  return std::visit(ExprVisitor{*this, expr, frame}, expr.node);
}

std::optional<bool> Elaborator::condition(const ast::Expr& expr, Frame& frame) {
  const Datum value = eval(expr, frame);
  if (const Flag* flag = value.as<Flag>()) return flag->value;
  if (value.poisoned()) return std::nullopt;
  const Site site{frame, expr.span};
  if (const Tensor* tensor = value.as<Tensor>()) {
    if (tensor->known) return *tensor->known;
    error(DiagnosticKind::condition_at_run_time, site,
          fmt::format("an `if` is decided while compiling; this is {}, known only at run time",
                      describe(value)))
        .suggest("where(condition, a, b) chooses element by element");
  } else {
    Diagnostic& d = error(DiagnosticKind::wrong_kind, site,
                          fmt::format("a condition is true or false, not {}", describe(value)));
    if (value.as<Number>()) d.suggest(source_text(expr.span) + " != 0");
  }
  return std::nullopt;
}

Datum Elaborator::eval_body(const ast::Body& body, Frame& frame, const std::string& of) {
  if (const auto* expr = std::get_if<ast::ExprPtr>(&body)) return eval(**expr, frame);
  const ast::Block& block = std::get<ast::Block>(body);
  Datum value;
  if (!run_block(block, frame, &value)) {
    error(DiagnosticKind::body_without_value, Site{frame, block.span}, of + " ends without a value")
        .suggest("the last line of a body is its value");
    return Poison{};
  }
  return value;
}

bool Elaborator::run_block(const ast::Block& block, Frame& frame, Datum* value) {
  for (size_t i = 0; i < block.statements.size(); ++i) {
    const ast::Statement& statement = block.statements[i];
    const Site site{frame, statement.span};
    if (!step(site)) {
      if (value != nullptr) *value = Poison{};
      return true;
    }
    if (const auto* binding = std::get_if<ast::Binding>(&statement.node)) {
      run_binding(*binding, frame);
      continue;
    }
    if (const auto* loop = std::get_if<ast::ForLoop>(&statement.node)) {
      run_for(*loop, frame);
      continue;
    }
    const ast::Expr& expr = *std::get<ast::ExprPtr>(statement.node);
    if (value != nullptr && i + 1 == block.statements.size()) {
      *value = eval(expr, frame);
      return true;
    }
    const auto* choice = std::get_if<ast::If>(&expr.node);
    if (choice == nullptr) {
      const bool last = i + 1 == block.statements.size();
      error(DiagnosticKind::unused_value, Site{frame, expr.span}, "this value is not used")
          .suggest(last ? "give it a name: name = …"
                        : "give it a name, or end the line above with an operator");
      continue;
    }
    const std::optional<bool> taken = condition(*choice->condition, frame);
    if (!taken) continue;
    const DepthGuard guard(depth);
    const ast::Block* branch = *taken ? choice->then.get() : choice->otherwise.get();
    if (branch != nullptr) run_block(*branch, frame, nullptr);
  }
  return value == nullptr;
}

void Elaborator::assign(const ast::Name& name, Datum value, Frame& frame) {
  if (name.text == "_") return;
  if ((frame.updatable != nullptr && frame.updatable->contains(name.text)) ||
      (frame.carried != nullptr && frame.carried->contains(name.text))) {
    error(DiagnosticKind::state_change, Site{frame, name.span},
          fmt::format("{} keeps its value from step to step", name.text))
        .suggest(fmt::format("{} <- … changes it", name.text));
    return;
  }
  if (frame.self != nullptr &&
      (frame.self->argument(name.text) != nullptr || frame.self->slots.count(name.text) > 0)) {
    Diagnostic& d =
        error(DiagnosticKind::hidden_member, Site{frame, name.span},
              fmt::format("{} is a member of {} and may not be hidden", name.text, frame.self->kind));
    if (const auto slot = frame.self->slots.find(name.text); slot != frame.self->slots.end()) {
      d.label(slot->second.span, "the member");
    }
    d.suggest("choose another name");
    // The let is what the following lines mean.
  }
  note_value(name.span, value);
  frame.locals[name.text] = {std::move(value), name.span};
}

std::optional<Tensor> Elaborator::new_value(const std::string& name, const Dims& dims, DType dtype,
                                            const Operand& value, const Site& site) {
  if (value.value.poisoned()) return std::nullopt;
  std::optional<Tensor> tensor = as_tensor(value, dtype, name, site);
  if (tensor && (is_float(dtype) || tensor->dtype == DType::boolean)) tensor = cast_to(*tensor, dtype, site);
  if (!tensor) return std::nullopt;
  if (tensor->dtype != dtype) {
    error(DiagnosticKind::dtype_mismatch, Site{site.frame, value.span},
          fmt::format("{} is {}{} and cannot become {}", name, dtype_name(dtype), text_of(dims),
                      text_of(*tensor)))
        .suggest(fmt::format("{}({})", dtype_name(dtype), source_text(value.span)));
    return std::nullopt;
  }
  if (tensor->rank() != static_cast<int64_t>(dims.size()) && tensor->rank() != 0) {
    error(DiagnosticKind::shape_mismatch, Site{site.frame, value.span},
          fmt::format("{} is {} and cannot become {}", name, text_of(dims), text_of(*tensor)));
    return std::nullopt;
  }
  return broadcast_to(*tensor, dims, Site{site.frame, value.span});
}

Slot* Elaborator::state_slot(const std::string& name, const Frame& frame) {
  if (frame.self == nullptr || frame.locals.contains(name)) return nullptr;
  const auto at = frame.self->slots.find(name);
  if (at == frame.self->slots.end()) return nullptr;
  const auto* member = std::get_if<ast::MemberBinding>(&at->second.item->node);
  return member != nullptr && member->role == ast::BindingRole::state ? &at->second : nullptr;
}

void Elaborator::update(const ast::Name& name, const Operand& value, const Site& site) {
  Frame& frame = site.frame;
  const bool in_rule = frame.updatable != nullptr;
  if (in_rule && frame.updatable->contains(name.text)) {
    Updatable& u = frame.updatable->find(name.text)->second;
    const std::optional<Tensor> tensor = new_value(name.text, u.dims, DType::f32, value, site);
    if (!tensor) return;
    if (!u.state_name.empty()) lookup(name.text, site);  // its old value enters the graph
    u.value = *tensor;
    u.written = true;
    return;
  }
  Slot* slot = state_slot(name.text, frame);
  if (slot == nullptr) {
    error(DiagnosticKind::state_change, Site{frame, name.span},
          fmt::format("`<-` changes a state{}, and {} is not one", in_rule ? " or the parameter p" : "",
                      name.text))
        .suggest(frame.self != nullptr && frame.self->slots.contains(name.text)
                     ? fmt::format("`state {}` as a member may be changed", name.text)
                     : fmt::format("{} = … gives a name a new value", name.text));
    frame.locals.try_emplace(name.text, Local{Poison{}, name.span});
    return;
  }
  const Datum old = force(*frame.self, *slot, site);
  if (old.poisoned()) return;
  if (in_scan > 0) {
    error(DiagnosticKind::state_change, Site{frame, name.span},
          fmt::format("{} is kept from training step to training step, and cannot change within a scan",
                      name.text))
        .suggest("call what changes it before or after the scan");
    return;
  }
  Parameter& parameter = *old.as<Tensor>()->parameter;
  std::optional<Tensor> tensor = new_value(name.text, parameter.dims, DType::f32, value, site);
  if (!tensor) return;
  builder.set_spans({user_span(site)});
  tensor->value = builder.make(Op::detach, {tensor->value});
  tensor->parameter = &parameter;
  parameter.next = tensor->value;
  slot->value = *tensor;
}

void Elaborator::run_binding(const ast::Binding& binding, Frame& frame) {
  const Span all = join(binding.names.front().span, binding.names.back().span);
  const Site site{frame, all};
  const auto poison = [&] {
    for (const ast::Name& name : binding.names) {
      if (name.text != "_") frame.locals[name.text] = {Poison{}, name.span};
    }
  };
  if (binding.is_state && frame.carried != nullptr) return declare_carried(binding, frame);
  if (binding.is_state) {
    error(DiagnosticKind::state_change, site, "state belongs in a layer, an optimizer or a scan");
    return poison();
  }
  if (binding.kind == ast::BindingKind::draw) {
    const Datum from = eval(*binding.value, frame);
    if (!binding.type) {
      error(DiagnosticKind::missing_type, site,
            fmt::format("{} is drawn and needs its type", binding.names[0].text))
          .suggest(fmt::format("{}: f32[…] ~ {}", binding.names[0].text, source_text(binding.value->span)));
      return poison();
    }
    const std::optional<Dims> dims = resolve_dims(*binding.type, frame);
    if (!dims || from.poisoned()) return poison();
    for (const ast::Name& name : binding.names) {
      assign(name, draw(from, *dims, name.text, Site{frame, binding.value->span}), frame);
    }
    return;
  }
  const bool is_update = binding.kind == ast::BindingKind::update;
  // Outside of training nothing changes; what is wrong here has been said when the training step was elaborated.
  const auto is_carried = [&](const ast::Name& name) {
    return frame.carried != nullptr && frame.carried->contains(name.text);
  };
  const bool changes_carried = is_update && std::ranges::all_of(binding.names, is_carried);
  if (is_update && !changes_carried && frame.updatable == nullptr && mode != Mode::train) return;
  const Operand value{eval(*binding.value, frame), binding.value->span};
  if (is_update) {
    for (const ast::Name& name : binding.names)
      if (!update_carried(name, value, site)) update(name, value, site);
    return;
  }
  if (value.value.poisoned()) return poison();
  std::vector<Datum> parts{value.value};
  if (binding.names.size() > 1) {
    std::optional<std::vector<Datum>> apart = take_apart(value, binding.names.size(), site);
    if (!apart) return poison();
    parts = std::move(*apart);
  }
  for (size_t i = 0; i < binding.names.size(); ++i) {
    const ast::Name& name = binding.names[i];
    Datum part = binding.type ? coerce(parts[i], *binding.type, name.text, value.span, frame) : parts[i];
    tap_binding(name, active_owner(), part);
    assign(name, std::move(part), frame);
  }
}

void Elaborator::run_for(const ast::ForLoop& loop, Frame& frame) {
  const Operand source{eval(*loop.source, frame), loop.source->span};
  if (source.value.poisoned()) return;
  const std::optional<std::vector<Datum>> turns = turns_of(source, Site{frame, source.span});
  if (!turns) return;
  for (const Datum& turn : *turns) {
    if (stopped) return;
    if (loop.names.size() == 1) {
      assign(loop.names[0], turn, frame);
    } else {
      const auto parts = take_apart(Operand{turn, source.span}, loop.names.size(), Site{frame, source.span});
      if (!parts) return;
      for (size_t i = 0; i < parts->size(); ++i) assign(loop.names[i], (*parts)[i], frame);
    }
    const DepthGuard guard(depth);
    run_block(loop.body, frame, nullptr);
  }
}

}  // namespace nnc::frontend
