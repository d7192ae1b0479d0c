// The call of an optimizer, "sgd(lr = 0.1)": which one it is, its arguments, and its rule run on every parameter.
// Only the rate `lr` and the step count `t` are known at run time, everything else is settled here.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "frontend/elaborate/saved_names.h"
#include "frontend/optimizer/optimizer_rule.h"
#include "ir/graph/text.h"
#include "support/pattern.h"
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
                                     fmt::format("{} is not an optimizer", e.source_text(callee->span)));
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

// The call's arguments with those of a group in their place, all by name.
std::vector<Actual> with_group(Elaborator& e, const ast::Declaration& declaration, const Call& call,
                               const OptimizerGroup& group, std::span<const ast::ExprPtr> values,
                               Frame& frame) {
  std::vector<Actual> actuals = call.actuals;
  for (size_t i = 0; i < actuals.size() && i < declaration.parameters.size(); ++i) {
    if (!actuals[i].name) actuals[i].name = declaration.parameters[i].name;
  }
  for (size_t i = 0; i < group.arguments.size(); ++i) {
    const OptimizerGroup::Argument& argument = group.arguments[i];
    std::erase_if(actuals, [&](const Actual& a) { return a.name && a.name->text == argument.name; });
    Actual actual;
    actual.name = ast::Name{argument.name, argument.name_span.valid() ? argument.name_span : values[i]->span};
    actual.span = argument.value_span.valid() ? argument.value_span : values[i]->span;
    actual.value = e.eval(*values[i], frame);
    actuals.push_back(std::move(actual));
  }
  return actuals;
}

// What an argument of the library's optimizers has to be. An optimizer of one's own gives its arguments what meaning it
// likes, but they are numbers.
struct ArgumentRange {
  const char* name;
  bool (*holds)(double);
  const char* expected;
};
bool at_least_zero(double x) {
  return x >= 0;
}
bool share(double x) {
  return x >= 0 && x <= 1;
}
// 1 - beta^t is divided by.
bool true_share(double x) {
  return x >= 0 && x < 1;
}
constexpr ArgumentRange kRanges[] = {
    {"lr", at_least_zero, "at least 0"},
    {"weight_decay", at_least_zero, "at least 0"},
    {"eps", at_least_zero, "at least 0"},
    {"momentum", share, "from 0 to 1"},
    {"beta", share, "from 0 to 1"},
    {"alpha", share, "from 0 to 1"},
    {"rho", share, "from 0 to 1"},
    {"beta1", true_share, "at least 0 and below 1"},
    {"beta2", true_share, "at least 0 and below 1"},
};

bool check_ranges(Elaborator& e, const Call& call, const Frame& bound, const Site& site) {
  bool good = true;
  for (const ArgumentRange& range : kRanges) {
    const auto local = bound.locals.find(range.name);
    const Number* number = local == bound.locals.end() ? nullptr : local->second.value.as<Number>();
    if (number == nullptr) continue;
    const double value = number->value();
    const bool finite = std::isfinite(value);
    if (finite && (!call.ref.scope->is_standard || range.holds(value))) continue;
    good = false;
    e.error(DiagnosticKind::wrong_argument, Site{site.frame, local->second.span},
            fmt::format("{} of {} must be {}, not {}", range.name, call.ref.declaration->name.text,
                        finite ? range.expected : "a finite number", number_text(value)))
        .suggest(value < 0 && finite && range.holds(-value) ? fmt::format("{} = {}", range.name, -value)
                                                            : "");
  }
  return good;
}

// The optimizer's arguments bound twice: once with the rate as a number, to learn its value; then with the rate as
// what it is, an input of the graph. A group's own rate is a fixed share of that input, so that it follows the
// phase's schedule.
struct Binding {
  Frame frame;
  double lr = 0;
};

std::optional<Binding> bind_call(Elaborator& e, const Call& call, std::vector<Actual> actuals,
                                 std::optional<double> phase_lr, const Site& site) {
  const ast::Declaration& declaration = *call.ref.declaration;
  const std::string& name = declaration.name.text;
  Binding out;
  out.frame.scope = call.ref.scope;
  out.frame.user_span = e.user_span(site);
  out.frame.callee = name;
  Frame numbers = out.frame;
  std::vector<Actual> spare = actuals;
  if (!e.bind_arguments(declaration.parameters, spare, numbers, name, site)) return std::nullopt;
  if (!check_ranges(e, call, numbers, site)) return std::nullopt;
  if (const auto lr = numbers.locals.find("lr"); lr != numbers.locals.end()) {
    const Site rate_site{site.frame, lr->second.span};
    const Number* number = lr->second.value.as<Number>();
    if (number == nullptr) {
      e.error(DiagnosticKind::wrong_kind, rate_site,
              fmt::format("lr is a number, not {}", describe(lr->second.value)));
      return std::nullopt;
    }
    out.lr = number->value();
    Tensor rate;
    rate.dtype = DType::f64;
    rate.value = e.scalar_input("lr", DType::f64);
    if (phase_lr && *phase_lr != out.lr) {
      if (*phase_lr == 0) {
        e.error(DiagnosticKind::optimizer_rule, rate_site,
                "a group's rate is a share of the optimizer's, which is 0 here");
        return std::nullopt;
      }
      rate.value = e.builder.mul(rate.value, e.builder.scalar(DType::f64, out.lr / *phase_lr));
    }
    for (size_t i = 0; i < actuals.size() && i < declaration.parameters.size(); ++i) {
      if (!actuals[i].name) actuals[i].name = declaration.parameters[i].name;
    }
    std::erase_if(actuals, [](const Actual& a) { return a.name && a.name->text == "lr"; });
    Actual actual;
    actual.name = ast::Name{"lr", lr->second.span};
    actual.value = rate;
    actual.span = lr->second.span;
    actuals.push_back(std::move(actual));
  }
  if (!e.bind_arguments(declaration.parameters, actuals, out.frame, name, site)) return std::nullopt;
  if (!e.match_arguments(declaration.parameters, out.frame, Operand{call.ref, call.span}, name, site))
    return std::nullopt;
  return out;
}

bool fits(const OptimizerGroup& group, const Parameter& parameter) {
  return (group.match.empty() || fits_pattern(group.match, parameter.name)) &&
         (group.rank < 0 || group.rank == static_cast<int64_t>(parameter.dims.size()));
}

// A group nothing falls into is a misspelt one.
void report_unused(Elaborator& e, const OptimizerGroup& group, std::span<const Learned> learned,
                   const Site& site) {
  std::vector<std::string> names;
  bool hidden = false;
  for (const Learned& one : learned) {
    names.push_back(one.parameter->name);
    hidden = hidden || fits(group, *one.parameter);
  }
  const Span span = group.span.valid() ? group.span : site.span;
  if (hidden) {
    e.diagnostics.error(DiagnosticKind::optimizer_rule, span,
                        "every parameter that this group fits is in an earlier one");
    return;
  }
  const std::string what = group.match.empty() ? fmt::format("has {} axes", group.rank)
                           : group.rank < 0
                               ? fmt::format("is called {}", group.match)
                               : fmt::format("is called {} and has {} axes", group.match, group.rank);
  Diagnostic& d =
      e.diagnostics.error(DiagnosticKind::optimizer_rule, span, fmt::format("no parameter {}", what));
  const auto near = suggest(group.match, names);
  if (near && group.rank < 0) {
    d.suggest(fmt::format("did you mean {}?", *near));
  } else {
    const bool more = names.size() > 8;
    names.resize(std::min<size_t>(names.size(), 8));
    d.note(fmt::format("there are {}{}", fmt::join(names, ", "), more ? ", …" : ""));
  }
}

// Exponential moving averages of the parameters (Polyak and Juditsky, 1992, with weights that fall), which start as what the
// first step of the run gives. Batches that only add to a gradient are no steps.
void add_averages(Elaborator& e, std::span<const Learned> learned, OptimizerResult& result) {
  Builder& b = e.builder;
  const Value is_first = b.make(Op::eq, {update_number(e), b.scalar(DType::i64, 1)});
  const Value is_step = completes_step(e);
  std::map<NodeId, Value> changed;
  for (const Output& output : e.graph.outputs)
    if (output.replaces) changed[*output.replaces] = output.value;
  for (const Learned& one : learned) {
    if (!one.parameter->input) continue;
    const Value old = *one.parameter->input;
    const auto found = changed.find(old.node);
    const Value p = found == changed.end() ? old : found->second;
    const TensorType type = b.type(p);
    const Value average = b.input(average_name(one.parameter->name), Role::state, type);
    const Value kept = b.mul(average, b.full_like(average, e.options.average));
    Value mixed = b.add(kept, b.mul(p, b.full_like(p, 1 - e.options.average)));
    if (e.options.accumulate > 1)
      mixed = b.make(Op::where, {b.broadcast_scalar(is_step, type.shape), mixed, average});
    const Value next = e.options.average_starts
                           ? b.make(Op::where, {b.broadcast_scalar(is_first, type.shape), p, mixed})
                           : mixed;
    result.states.push_back({average_name(one.parameter->name), type, 0});
    b.output(average_name(one.parameter->name), next, average.node);
  }
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
  std::optional<Binding> bound = bind_call(e, *call, call->actuals, std::nullopt, site);
  if (!bound) return std::nullopt;
  OptimizerResult result;
  result.default_lr = bound->lr;

  const std::vector<OptimizerGroup>& groups = e.options.groups;
  std::vector<Binding> of_group;
  for (size_t i = 0; i < groups.size(); ++i) {
    std::vector<Actual> actuals = with_group(e, declaration, *call, groups[i], e.library.groups[i], frame);
    const Site group_site{frame, groups[i].span.valid() ? groups[i].span : site.span};
    std::optional<Binding> binding = bind_call(e, *call, std::move(actuals), bound->lr, group_site);
    if (!binding) return std::nullopt;
    of_group.push_back(std::move(*binding));
  }
  const std::vector<Parameter*> all = e.all_parameters();
  std::vector<Learned> learned;
  std::vector<bool> used(groups.size(), false);
  for (Parameter* parameter : all) {
    if (parameter->role != Role::param) continue;
    const auto group = std::find_if(groups.begin(), groups.end(),
                                    [&](const OptimizerGroup& g) { return fits(g, *parameter); });
    const auto which = static_cast<size_t>(group - groups.begin());
    if (group != groups.end()) used[which] = true;
    learned.push_back({parameter, group == groups.end() ? &bound->frame : &of_group[which].frame});
  }
  const size_t errors = e.diagnostics.error_count();
  for (size_t i = 0; i < groups.size(); ++i) {
    if (!used[i]) report_unused(e, groups[i], learned, site);
  }
  if (e.diagnostics.error_count() > errors) return std::nullopt;

  const RuleParts parts{declaration, *rule, e.user_span(Site{bound->frame, rule->keyword})};
  const bool good = rule->kind == ast::RuleKind::propose ? propose_all(e, parts, learned, loss, result)
                                                         : update_all(e, parts, learned, loss, result);
  if (!good) return std::nullopt;
  if (e.options.average > 0) add_averages(e, learned, result);
  for (const Parameter* state : all)
    if (state->next) e.builder.output(state->name, *state->next, state->input->node);
  return result;
}

}  // namespace nnc::frontend
