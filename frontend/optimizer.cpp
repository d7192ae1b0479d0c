// The call of an optimiser, "sgd(lr = 0.1)": which one it is, its arguments, and its rule run on every parameter.
// Only the rate `lr` and the step count `t` are known at run time, everything else is settled here.
#include <fmt/format.h>

#include <algorithm>

#include "frontend/optimizer_rule.h"
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
  const ast::Rule* found = nullptr;
  for (const ast::MemberItem& item : declaration.members) {
    const auto* rule = std::get_if<ast::Rule>(&item.node);
    if (rule == nullptr) continue;
    if (found != nullptr) {
      e.error(DiagnosticKind::optimizer_rule, Site{site.frame, rule->keyword},
              fmt::format("{} has two rules: it follows the gradient (update) or tries steps (propose)",
                          declaration.name.text));
      return nullptr;
    }
    found = rule;
  }
  if (found == nullptr) {
    e.error(DiagnosticKind::optimizer_rule, site,
            fmt::format("{} has neither update nor propose", declaration.name.text))
        .suggest("update(p, g) { p <- p - lr * g }");
  }
  return found;
}

// The arguments with lr as what it is during a run, an input of the graph, instead of a number.
void rate_at_run_time(Elaborator& e, const ast::Declaration& declaration, Span span,
                      std::vector<Actual>& actuals) {
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
  if (given) return;
  Actual actual;
  actual.name = ast::Name{"lr", span};
  actual.value = rate;
  actual.span = span;
  actuals.push_back(std::move(actual));
}

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
  OptimizerResult result;
  actuals = call->actuals;
  if (const auto lr = numbers.locals.find("lr"); lr != numbers.locals.end()) {
    const Number* number = lr->second.value.as<Number>();
    if (number == nullptr) {
      e.error(DiagnosticKind::wrong_kind, Site{frame, lr->second.span},
              fmt::format("lr is a number, this is {}", describe(lr->second.value)));
      return std::nullopt;
    }
    result.default_lr = number->value();
    rate_at_run_time(e, declaration, lr->second.span, actuals);
  }
  if (!e.bind_arguments(declaration.parameters, actuals, bound, declaration.name.text, site))
    return std::nullopt;
  if (!e.match_arguments(declaration.parameters, bound, Operand{call->ref, call->span}, declaration.name.text,
                         site)) {
    return std::nullopt;
  }

  std::vector<Parameter*> learned;
  for (Parameter* parameter : e.all_parameters()) {
    if (parameter->role == Role::param) learned.push_back(parameter);
  }
  const RuleParts parts{declaration, *rule, bound, e.user_span(Site{bound, rule->keyword})};
  const bool good = rule->kind == ast::RuleKind::propose ? propose_all(e, parts, learned, loss, result)
                                                         : update_all(e, parts, learned, loss, result);
  if (!good) return std::nullopt;
  return result;
}

}  // namespace nnc::frontend
