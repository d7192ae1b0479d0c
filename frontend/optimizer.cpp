// Optimisers: the body of `update` is elaborated once per parameter; what it changes with `<-` leaves the
// graph. Only the rate `lr` and the step count `t` are known at run time, everything else is settled here.
#include <fmt/format.h>

#include <algorithm>

#include "frontend/elaborator.h"
#include "support/suggest.h"

namespace nnc::frontend {
namespace {

struct Call {
  OptimizerRef ref;
  std::vector<Actual> actuals;
  Span span;
};

std::optional<Call> resolve(Elaborator& e, const ast::Expr& expr, Frame& frame) {
  Call call;
  const ast::Expr* callee = &expr;
  if (const auto* written = std::get_if<ast::Call>(&expr.node)) {
    callee = written->callee.get();
    for (const ast::Argument& argument : written->arguments) {
      Actual actual;
      actual.name = argument.name;
      actual.draws = argument.draws;
      actual.span = argument.value->span;
      actual.value = e.eval(*argument.value, frame);
      if (actual.value.poisoned()) return std::nullopt;
      call.actuals.push_back(std::move(actual));
    }
  }
  call.span = callee->span;
  const auto* name = std::get_if<ast::NameRef>(&callee->node);
  const Site site{frame, callee->span};
  std::optional<Datum> value;
  if (name != nullptr) value = e.lookup(name->name, site);
  const OptimizerRef* ref = value ? value->as<OptimizerRef>() : nullptr;
  if (ref == nullptr) {
    Diagnostic& diagnostic = e.error(DiagnosticKind::unknown_optimizer, site,
                                     fmt::format("{} is no optimizer", e.source_text(callee->span)));
    std::vector<std::string> known;
    for (const FileScope* scope = frame.scope; scope != nullptr; scope = scope->standard) {
      for (const auto& [global_name, global] : scope->names) {
        const auto* declaration = std::get_if<const ast::Declaration*>(&global.is);
        if (declaration && (*declaration)->kind == ast::DeclarationKind::optimizer)
          known.push_back(global_name);
      }
    }
    if (const std::optional<std::string> near = suggest(e.source_text(callee->span), known)) {
      diagnostic.suggest(fmt::format("did you mean {}?", *near));
    } else {
      std::string all;
      for (const std::string& k : known) all += (all.empty() ? "" : ", ") + k;
      diagnostic.suggest("there are " + all);
    }
    return std::nullopt;
  }
  call.ref = *ref;
  return call;
}

const ast::Rule* find_rule(Elaborator& e, const ast::Declaration& declaration, const Site& site) {
  const ast::Rule* update = nullptr;
  for (const ast::MemberItem& item : declaration.members) {
    const auto* rule = std::get_if<ast::Rule>(&item.node);
    if (rule == nullptr) continue;
    if (rule->kind == ast::RuleKind::propose) {
      e.not_built(site, fmt::format("{}: an optimizer that proposes instead of following the gradient",
                                    declaration.name.text));
      return nullptr;
    }
    update = rule;
  }
  if (update == nullptr) {
    e.error(DiagnosticKind::optimizer_rule, site, fmt::format("{} has no update", declaration.name.text))
        .suggest("update(p, g) { p <- p - lr * g }");
  }
  return update;
}

// Everything an update sees besides its own parameter.
struct Context {
  Elaborator& e;
  const ast::Declaration& declaration;
  const ast::Rule& rule;
  Frame arguments;
  const Tensor& loss;
  OptimizerResult result{};

  bool add_states(Frame& frame, const Parameter& parameter, std::map<std::string, Updatable>& updatable) {
    for (const ast::MemberItem& item : declaration.members) {
      const auto* member = std::get_if<ast::MemberBinding>(&item.node);
      if (member == nullptr && std::holds_alternative<ast::Rule>(item.node)) continue;
      if (member == nullptr || member->role != ast::BindingRole::state) {
        e.error(DiagnosticKind::misplaced_member, Site{frame, item.span},
                "an optimizer has states and one update");
        return false;
      }
      const ast::Binding& binding = member->binding;
      const Datum start = e.eval(*binding.value, frame);
      const Number* number = start.as<Number>();
      if (number == nullptr) {
        if (!start.poisoned()) {
          e.error(DiagnosticKind::optimizer_rule, Site{frame, binding.value->span},
                  fmt::format("a state of an optimizer starts as a number, this is {}", describe(start)));
        }
        return false;
      }
      Dims dims = parameter.dims;
      if (binding.type) {
        const std::optional<Dims> typed = e.resolve_dims(*binding.type, frame);
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

  bool run(Parameter& parameter, const std::optional<Tensor>& gradient) {
    Frame frame = arguments;
    frame.path = parameter.name;
    frame.run = parameter.dims;
    std::map<std::string, Updatable> updatable;
    const Site site{frame, rule.keyword};
    if (!add_states(frame, parameter, updatable)) return false;
    for (const ast::Parameter& asked : rule.parameters) {
      const std::string& name = asked.name.text;
      if (name == "p") {
        Updatable u;
        u.dims = parameter.dims;
        u.value = e.read_parameter(parameter, site);
        u.span = asked.name.span;
        updatable[name] = std::move(u);
        continue;
      }
      Local local;
      local.span = asked.name.span;
      if (name == "g" && gradient) {
        local.value = *gradient;
      } else if (name == "t") {
        Tensor t;
        t.value = e.builder.cast(e.scalar_input("t", DType::i64), DType::f64);
        t.dtype = DType::f64;
        local.value = t;
      } else if (name == "loss") {
        local.value = loss;
      } else {
        e.error(
            DiagnosticKind::optimizer_rule, Site{frame, asked.name.span},
            fmt::format(
                "update asks for {}; it can have p (the parameter), g (its gradient), t (the step) and loss",
                name));
        return false;
      }
      frame.locals[name] = std::move(local);
    }
    frame.updatable = &updatable;
    const size_t errors = e.diagnostics.error_count();
    e.run_block(rule.body, frame, nullptr);
    if (e.diagnostics.error_count() > errors) return false;
    for (const ast::MemberItem& item : declaration.members) {  // states in the order they are declared
      const auto* member = std::get_if<ast::MemberBinding>(&item.node);
      if (member == nullptr) continue;
      for (const ast::Name& name : member->binding.names) {
        const Updatable& u = updatable[name.text];
        if (!u.input) continue;
        const std::string saved = "optimizer." + name.text + "." + parameter.name;
        result.states.push_back({saved, {DType::f32, shape_of(u.dims)}, u.start.as<Number>()->value()});
        if (u.written) e.builder.output(saved, u.value.as<Tensor>()->value, u.input->node);
      }
    }
    const auto p = updatable.find("p");
    if (p != updatable.end() && p->second.written) {
      e.builder.output(parameter.name, p->second.value.as<Tensor>()->value, parameter.input->node);
    }
    return true;
  }
};

}  // namespace

std::optional<OptimizerResult> apply_optimizer(Elaborator& e, const ast::Expr& expr, const Tensor& loss) {
  Frame frame;
  frame.scope = e.library.main_scope;
  std::optional<Call> call = resolve(e, expr, frame);
  if (!call) return std::nullopt;
  const ast::Declaration& declaration = *call->ref.declaration;
  const Site site{frame, call->span};
  const ast::Rule* rule = find_rule(e, declaration, site);
  if (rule == nullptr) return std::nullopt;

  // Once with the rate as a number, to learn its value; then with the rate as what it is, an input of the
  // graph.
  Frame numbers;
  numbers.scope = call->ref.scope;
  numbers.user_span = e.user_span(site);
  numbers.callee = declaration.name.text;
  Frame bound = numbers;
  std::vector<Actual> actuals = call->actuals;
  if (!e.bind_arguments(declaration.parameters, actuals, numbers, declaration.name.text, site))
    return std::nullopt;
  Context context{e, declaration, *rule, {}, loss};
  actuals = call->actuals;
  if (const auto lr = numbers.locals.find("lr"); lr != numbers.locals.end()) {
    const Number* number = lr->second.value.as<Number>();
    if (number == nullptr) {
      e.error(DiagnosticKind::wrong_kind, Site{frame, lr->second.span},
              fmt::format("lr is a number, this is {}", describe(lr->second.value)));
      return std::nullopt;
    }
    context.result.default_lr = number->value();
    Tensor rate;
    rate.value = e.scalar_input("lr", DType::f64);
    rate.dtype = DType::f64;
    size_t position = 0;
    bool given = false;
    for (Actual& actual : actuals) {
      const bool is_lr =
          actual.name ? actual.name->text == "lr" : declaration.parameters[position].name.text == "lr";
      if (!actual.name) ++position;
      if (!is_lr) continue;
      actual.value = rate;
      given = true;
    }
    if (!given) {
      Actual actual;
      actual.name = ast::Name{"lr", lr->second.span};
      actual.value = rate;
      actual.span = lr->second.span;
      actuals.push_back(std::move(actual));
    }
  }
  if (!e.bind_arguments(declaration.parameters, actuals, bound, declaration.name.text, site))
    return std::nullopt;
  if (!e.match_arguments(declaration.parameters, bound, Operand{call->ref, call->span}, declaration.name.text,
                         site)) {
    return std::nullopt;
  }
  context.arguments = bound;

  std::vector<Parameter*> learned;
  for (Parameter* parameter : e.all_parameters()) {
    if (parameter->role == Role::param) learned.push_back(parameter);
  }
  const bool wants_gradient = std::any_of(rule->parameters.begin(), rule->parameters.end(),
                                          [](const ast::Parameter& p) { return p.name.text == "g"; });
  std::optional<std::vector<Tensor>> slopes;
  if (wants_gradient) {
    slopes = gradients(e, loss, learned);
    if (!slopes) return std::nullopt;
  }
  for (size_t i = 0; i < learned.size(); ++i) {
    const std::optional<Tensor> gradient = slopes ? std::optional<Tensor>((*slopes)[i]) : std::nullopt;
    if (!context.run(*learned[i], gradient) || e.stopped) return std::nullopt;
  }
  return std::move(context.result);
}

}  // namespace nnc::frontend
