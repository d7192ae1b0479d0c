// Calls: positions first, then names; holes make partial applications; functions are inlined, a model's own
// function once per step for the same arguments; a list of layers applies its elements in turn.
#include <fmt/format.h>

#include <algorithm>

#include "frontend/elaborate/elaborator.h"
#include "support/suggest.h"

namespace nnc::frontend {
namespace {

std::string callee_text(const Datum& callee) {
  if (const auto* f = callee.as<FunctionRef>()) return f->function->name.text;
  if (const auto* g = callee.as<GoalRef>()) return goal_name(*g->goal);
  if (const auto* l = callee.as<LayerRef>()) return l->declaration->name.text;
  if (const auto* b = callee.as<BuiltinRef>()) return std::string(builtin_table()[b->index].name);
  if (Instance* const* i = callee.as<Instance*>()) return (*i)->display_name();
  return describe(callee);
}

std::string names_text(std::span<const ast::Parameter> parameters) {
  std::string out;
  for (const ast::Parameter& p : parameters) out += (out.empty() ? "" : ", ") + p.name.text;
  return out.empty() ? "no arguments" : "(" + out + ")";
}

// Whoever names a goal or function as the library does hides what it calls.
std::string another_name(const std::string& name) {
  return fmt::format("it hides the library's {0}: give it another name, my_{0}", name);
}

// A call as it is remembered, still without its result.
Elaborator::Remembered call_with(const std::vector<std::pair<std::string, Local>>& arguments, bool in_grad) {
  Elaborator::Remembered call;
  call.in_grad = in_grad;
  for (const auto& [name, local] : arguments) call.arguments.push_back(local.value);
  return call;
}

// What the same call gave before; null if there was none.
const Datum* recall(const std::vector<Elaborator::Remembered>& memory, const Elaborator::Remembered& call) {
  for (const Elaborator::Remembered& known : memory) {
    if (known.in_grad == call.in_grad && std::equal(known.arguments.begin(), known.arguments.end(),
                                                    call.arguments.begin(), call.arguments.end(), same)) {
      return &known.result;
    }
  }
  return nullptr;
}

}  // namespace

Datum Elaborator::eval_call(const ast::Call& call_expr, const ast::Expr& expr, const Operand* piped,
                            Frame& frame) {
  const Operand callee{eval(*call_expr.callee, frame), call_expr.callee->span};
  const auto* builtin = callee.value.as<BuiltinRef>();
  const bool is_grad = builtin != nullptr && builtin_table()[builtin->index].name == "grad";
  std::vector<Actual> actuals;
  bool failed = callee.value.poisoned();
  if (piped != nullptr) {
    Actual first;
    first.value = piped->value;
    first.span = piped->span;
    failed = failed || piped->value.poisoned();
    actuals.push_back(std::move(first));
  }
  for (const ast::Argument& argument : call_expr.arguments) {
    Actual actual;
    actual.name = argument.name;
    actual.draws = argument.draws;
    actual.span = argument.value->span;
    actual.hole = std::holds_alternative<ast::Hole>(argument.value->node);
    if (!actual.hole) {
      // The scalar of a gradient is that of this batch: see Elaborator::in_grad.
      const bool scalar = is_grad && actuals.empty();
      if (scalar) ++in_grad;
      actual.value = eval(*argument.value, frame);
      if (scalar) --in_grad;
      failed = failed || actual.value.poisoned();
    }
    actuals.push_back(std::move(actual));
  }
  if (failed) return Poison{};
  const Site site{frame, expr.span};
  if (piped != nullptr && callee.value.as<LayerRef>()) {
    unnamed_layer(callee_text(callee.value), Site{frame, callee.span})
        .suggest(fmt::format("layer1 = {} as a member, then x |> layer1", source_text(expr.span)));
    return Poison{};
  }
  Datum result = call(callee, std::move(actuals), site);
  note_result(called_at(*call_expr.callee), result);
  return result;
}

Span called_at(const ast::Expr& callee) {
  const auto* member = std::get_if<ast::Member>(&callee.node);
  return member != nullptr ? member->name.span : callee.span;
}

Datum Elaborator::call(const Operand& callee, std::vector<Actual> actuals, const Site& site) {
  if (callee.value.poisoned() || !step(site)) return Poison{};
  for (const Actual& a : actuals) {
    if (a.value.poisoned() && !a.hole) return Poison{};
  }
  if (std::any_of(actuals.begin(), actuals.end(), [](const Actual& a) { return a.hole; })) {
    if (!is_applicable(callee.value) || callee.value.as<LayerRef>()) {
      error(DiagnosticKind::wrong_kind, Site{site.frame, callee.span},
            fmt::format("`_` makes a function of a function, not of {}", describe(callee.value)));
      return Poison{};
    }
    auto partial = std::make_shared<Partial>();
    partial->callee = callee.value;
    partial->callee_name = callee_text(callee.value);
    partial->arguments = std::move(actuals);
    partial->span = site.span;
    return std::shared_ptr<const Partial>(std::move(partial));
  }
  if (const auto* function = callee.value.as<FunctionRef>()) {
    return call_function(*function, std::move(actuals), callee, site);
  }
  if (const auto* goal = callee.value.as<GoalRef>())
    return call_goal(*goal, std::move(actuals), callee, site);
  if (const auto* builtin = callee.value.as<BuiltinRef>())
    return call_builtin(*builtin, std::move(actuals), site);
  if (const auto* layer = callee.value.as<LayerRef>())
    return instantiate(*layer, std::move(actuals), callee, site);
  if (const auto* list = callee.value.as<ListPtr>(); list != nullptr && is_layer_list(**list)) {
    return call_list(**list, std::move(actuals), callee, site);
  }
  if (const auto* partial = callee.value.as<std::shared_ptr<const Partial>>())
    return call_partial(**partial, std::move(actuals), callee.span, site);
  if (Instance* const* instance = callee.value.as<Instance*>())
    return call_layer(**instance, std::move(actuals), callee, site);
  Diagnostic& diagnostic = error(DiagnosticKind::wrong_kind, Site{site.frame, callee.span},
                                 fmt::format("{} cannot be called", describe(callee.value)));
  if (callee.value.as<Number>() || callee.value.as<Tensor>()) {
    diagnostic.suggest(source_text(callee.span) + " * (…) multiplies");
  }
  return Poison{};
}

Datum Elaborator::call_partial(const Partial& partial, std::vector<Actual> actuals, Span callee_span,
                               const Site& site) {
  std::vector<Actual> filled = partial.arguments;
  size_t next = 0;
  for (Actual& a : filled) {
    if (!a.hole || next >= actuals.size() || actuals[next].name) continue;
    a.value = actuals[next].value;
    a.span = actuals[next].span;
    a.hole = false;
    ++next;
  }
  const auto is_hole = [](const Actual& a) { return a.hole; };
  if (std::any_of(filled.begin(), filled.end(), is_hole) || next < actuals.size()) {
    const auto holes = std::count_if(partial.arguments.begin(), partial.arguments.end(), is_hole);
    error(DiagnosticKind::wrong_argument, site,
          fmt::format(
              "{} with {} open takes {}, {} given", partial.callee_name, holes == 1 ? "one `_`" : "`_`s",
              holes == 1 ? std::string("one argument") : fmt::format("{} arguments", holes), actuals.size()));
    return Poison{};
  }
  ++depth;
  const Datum result =
      depth > kMostDepth ? Datum(Poison{}) : call({partial.callee, callee_span}, std::move(filled), site);
  --depth;
  return result;
}

Datum Elaborator::call_layer(Instance& instance, std::vector<Actual> actuals, const Operand& callee,
                             const Site& site) {
  const Site here{site.frame, callee.span};
  if (!is_anchored(instance)) {
    unnamed_layer(instance.kind, here)
        .suggest(fmt::format("layer1 = {} as a member, then x |> layer1", source_text(instance.call_span)));
    return Poison{};
  }
  const std::optional<Datum> forward = own_slot(instance, "forward", site);
  const FunctionRef* function = forward ? forward->as<FunctionRef>() : nullptr;
  if (function == nullptr) {
    error(DiagnosticKind::wrong_kind, here,
          fmt::format("{} is a {} and has no forward to call", instance.display_name(), instance.kind));
    return Poison{};
  }
  return call_function(*function, std::move(actuals), callee, site);
}

Datum Elaborator::call_list(const List& layers, std::vector<Actual> actuals, const Operand& callee,
                            const Site& site) {
  if (actuals.size() != 1 || actuals[0].name) {
    error(DiagnosticKind::wrong_argument, site,
          fmt::format("a list of layers takes one argument, {} given", actuals.size()));
    return Poison{};
  }
  Datum value = actuals[0].value;
  for (size_t i = 0; i < layers.size(); ++i) {
    if (!is_applicable(layers[i])) {
      error(DiagnosticKind::wrong_kind, Site{site.frame, callee.span},
            fmt::format("entry {} of this list of layers is {}", i, describe(layers[i])));
      return Poison{};
    }
    std::vector<Actual> one(1);
    one[0].value = std::move(value);
    one[0].span = i == 0 ? actuals[0].span : callee.span;
    value = call(Operand{layers[i], callee.span}, std::move(one), site);
    if (value.poisoned()) return Poison{};
  }
  return value;
}

bool Elaborator::bind_arguments(std::span<const ast::Parameter> declared, std::vector<Actual>& actuals,
                                Frame& frame, const std::string& callee, const Site& site,
                                std::vector<std::pair<std::string, Local>>* order) {
  std::map<std::string, Local> given;
  size_t position = 0;
  for (Actual& actual : actuals) {
    const Site here{site.frame, actual.name ? actual.name->span : actual.span};
    std::string name;
    if (actual.name) {
      name = actual.name->text;
      const bool known =
          std::any_of(declared.begin(), declared.end(), [&](const auto& p) { return p.name.text == name; });
      if (!known) {
        std::vector<std::string> names;
        for (const ast::Parameter& p : declared) names.push_back(p.name.text);
        Diagnostic& diagnostic =
            error(DiagnosticKind::wrong_argument, here, fmt::format("{} has no argument {}", callee, name));
        const std::optional<std::string> near = suggest(name, names);
        diagnostic.suggest(near ? fmt::format("did you mean {}?", *near)
                                : fmt::format("{} takes {}", callee, names_text(declared)));
        return false;
      }
    } else {
      if (position >= declared.size()) {
        error(DiagnosticKind::wrong_argument, here,
              fmt::format("{} takes {}: this is one too many", callee, names_text(declared)));
        return false;
      }
      name = declared[position++].name.text;
    }
    if (actual.draws) {
      error(DiagnosticKind::wrong_argument, here,
            fmt::format("{} of {} is not a parameter and is not drawn", name, callee))
          .suggest(name + " = …");
      return false;
    }
    if (!given.emplace(name, Local{std::move(actual.value), actual.span}).second) {
      error(DiagnosticKind::wrong_argument, here, fmt::format("{} of {} is given twice", name, callee));
      return false;
    }
  }
  for (const ast::Parameter& parameter : declared) {
    const std::string& name = parameter.name.text;
    const auto at = given.find(name);
    Local local;
    if (at != given.end()) {
      local = std::move(at->second);
    } else if (parameter.default_value) {
      local.value = eval(*parameter.default_value, frame);
      local.span = parameter.default_value->span;
      if (local.value.poisoned()) return false;
    } else {
      error(DiagnosticKind::missing_argument, site, fmt::format("{} needs {}", callee, name))
          .suggest(fmt::format("{} takes {}", callee, names_text(declared)));
      return false;
    }
    if (order != nullptr) order->emplace_back(name, local);
    if (name != "_") frame.locals[name] = std::move(local);
  }
  return true;
}

Datum Elaborator::call_function(const FunctionRef& ref, std::vector<Actual> actuals, const Operand& callee,
                                const Site& site) {
  const ast::Function& function = *ref.function;
  const bool is_forward = ref.self != nullptr && !ref.self->is_model && function.name.text == "forward";
  const std::string name = is_forward ? ref.self->display_name() : function.name.text;
  for (const auto& [active, self] : active_calls) {
    if (active != &function || self != ref.self) continue;
    error(DiagnosticKind::recursion, site, fmt::format("{} calls itself", name))
        .suggest(is_in_library(name) ? another_name(name) : "`for` over a list repeats while compiling");
    return Poison{};
  }
  Frame frame;
  frame.scope = ref.scope;
  frame.self = ref.self;
  frame.user_span = user_span(site);
  frame.callee = name;
  frame.path = site.frame.path.empty() ? name : site.frame.path + "." + name;
  const bool own = ref.self != nullptr && ref.self->is_model;
  frame.closed_sizes = own && function.name.text == "forward";
  std::vector<std::pair<std::string, Local>> order;
  if (!bind_arguments(function.parameters, actuals, frame, name, site, &order)) return Poison{};

  std::vector<Remembered>* memory = own ? &remembered[{&function, ref.self}] : nullptr;
  Remembered entry = call_with(order, in_grad > 0);
  if (memory != nullptr) {
    if (const Datum* known = recall(*memory, entry)) return *known;
  }
  if (ref.scope->is_standard && !order.empty()) warn_of_scores(order[0].second, name, site);
  if (!match_arguments(function.parameters, frame, callee, name, site)) return Poison{};
  active_calls.emplace_back(&function, ref.self);
  const size_t first = graph.nodes.size();
  Datum result = eval_body(function.body, frame, name);
  active_calls.pop_back();
  if (function.result) result = check_result(result, *function.result, name, body_span(function.body), frame);
  if (Tensor* tensor = std::get_if<Tensor>(&result.is)) {
    if (is_forward && !actuals.empty()) note_origin(*tensor, entry.arguments, name);
    if (ref.scope->is_standard && name == "softmax") tensor->is_softmax = true;
  }
  if (ref.self != nullptr) tap_result(function, *ref.self, result);
  note_result(function.name.span, result);
  if (meanings != nullptr && is_forward) meanings->call(ref.self, graph, first, result);
  if (memory != nullptr && !result.poisoned()) {
    entry.result = result;
    memory->push_back(std::move(entry));
  }
  return result;
}

void Elaborator::warn_of_scores(const Local& first, const std::string& loss, const Site& site) {
  const Tensor* z = first.value.as<Tensor>();
  if (z == nullptr) return;
  std::string_view applied;
  if (loss == "cross_entropy" && z->is_softmax) applied = "softmax";
  if (loss == "binary_cross_entropy" && z->is_sigmoid) applied = "sigmoid";
  if (applied.empty()) return;
  warning(DiagnosticKind::double_softmax, Site{site.frame, first.span},
          fmt::format("{} before {}: it is applied twice and learning will be slow", applied, loss))
      .suggest(fmt::format("give {} the scores before {}", loss, applied));
}

void Elaborator::note_origin(Tensor& result, const std::vector<Datum>& arguments, const std::string& layer) {
  for (Dim& dim : result.dims) {
    if (dim.is_batch() || !dim.origin.valid()) continue;
    bool passed_through = false;
    for (const Datum& argument : arguments) {
      const Tensor* tensor = argument.as<Tensor>();
      if (tensor == nullptr) continue;
      for (const Dim& d : tensor->dims) passed_through |= d.origin == dim.origin && d.extent == dim.extent;
    }
    if (!passed_through) dim.via = layer + "'s output";
  }
}

Datum Elaborator::call_goal(const GoalRef& ref, std::vector<Actual> actuals, const Operand& callee,
                            const Site& site) {
  const ast::Goal& goal = *ref.goal;
  const std::string name = goal_name(goal);
  for (const auto& [active, self] : active_calls) {
    if (active != &goal) continue;
    Diagnostic& diagnostic = error(DiagnosticKind::recursion, site, fmt::format("{} calls itself", name));
    if (is_in_library(name)) diagnostic.suggest(another_name(name));
    return Poison{};
  }
  Frame frame;
  frame.scope = ref.self->scope;
  frame.self = ref.self;
  frame.callee = name;
  frame.path = name;
  frame.closed_sizes = true;
  frame.user_span = user_span(site);
  std::vector<std::pair<std::string, Local>> order;
  if (!bind_arguments(goal.parameters, actuals, frame, name, site, &order)) return Poison{};
  Remembered entry = call_with(order, in_grad > 0);
  std::vector<Remembered>& memory = remembered[{&goal, ref.self}];
  if (const Datum* known = recall(memory, entry)) return *known;
  if (!match_arguments(goal.parameters, frame, callee, name, site)) return Poison{};
  active_calls.emplace_back(&goal, ref.self);
  entry.result = eval_body(goal.body, frame, name);
  active_calls.pop_back();
  note_result(goal.name ? goal.name->span : goal.keyword, entry.result);
  if (!entry.result.poisoned()) memory.push_back(entry);
  return entry.result;
}

Datum Elaborator::call_builtin(const BuiltinRef& ref, std::vector<Actual> actuals, const Site& site) {
  const Builtin& builtin = builtin_table()[ref.index];
  std::vector<std::string> names;
  std::string_view rest = builtin.parameters;
  while (!rest.empty()) {
    const size_t space = rest.find(' ');
    names.emplace_back(rest.substr(0, space));
    rest = space == std::string_view::npos ? std::string_view() : rest.substr(space + 1);
  }
  std::vector<std::optional<Operand>> arguments(names.size());
  size_t position = 0;
  for (const Actual& actual : actuals) {
    size_t at = names.size();
    if (!actual.name) {
      if (position >= builtin.positional) {
        Diagnostic& diagnostic =
            error(DiagnosticKind::wrong_argument, Site{site.frame, actual.span},
                  fmt::format("{} takes {} by position{}", builtin.name, builtin.positional,
                              names.size() > builtin.positional ? ", the rest by name" : ""));
        if (builtin.name == "max" || builtin.name == "min") {
          diagnostic.suggest(fmt::format("{}imum(a, b) goes element by element; an axis is given as axis = …",
                                         builtin.name));
        } else if (names.size() > builtin.positional) {
          diagnostic.suggest(names[builtin.positional] + " = …");
        }
        return Poison{};
      }
      at = position++;
    } else {
      at = static_cast<size_t>(std::find(names.begin(), names.end(), actual.name->text) - names.begin());
    }
    if (at == names.size() || actual.draws) {
      Diagnostic& diagnostic = error(DiagnosticKind::wrong_argument, Site{site.frame, actual.name->span},
                                     fmt::format("{} has no argument {}", builtin.name, actual.name->text));
      if (const std::optional<std::string> near = suggest(actual.name->text, names)) {
        diagnostic.suggest(fmt::format("did you mean {}?", *near));
      }
      return Poison{};
    }
    if (arguments[at]) {
      error(DiagnosticKind::wrong_argument, Site{site.frame, actual.span},
            fmt::format("{} of {} is given twice", names[at], builtin.name));
      return Poison{};
    }
    arguments[at] = Operand{actual.value, actual.span};
  }
  for (size_t i = 0; i < builtin.required; ++i) {
    if (arguments[i]) continue;
    error(DiagnosticKind::missing_argument, site, fmt::format("{} needs {}", builtin.name, names[i]));
    return Poison{};
  }
  return builtin.run ? builtin.run(*this, arguments, site) : call_op(*builtin.op, arguments, site);
}

}  // namespace nnc::frontend
