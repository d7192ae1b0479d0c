// Layers: making instances, naming them by where they end up, their members and parameters.
#include <fmt/format.h>

#include <algorithm>

#include "frontend/elaborate/elaborator.h"
#include "frontend/elaborate/foreign_names.h"
#include "support/suggest.h"

namespace nnc::frontend {
namespace {

std::string joined(const std::string& path, const std::string& name) {
  if (path.empty()) return name;
  return name.empty() ? path : path + "." + name;
}

}  // namespace

void Elaborator::add_slots(Instance& instance) {
  const auto add = [&](const std::string& name, const ast::MemberItem* item, size_t which, Span span) {
    if (name == "_") return;
    if (instance.argument(name) != nullptr) {
      diagnostics.error(DiagnosticKind::duplicate_name, span,
                        fmt::format("{} is already an argument of {}", name, instance.kind));
      return;
    }
    Slot slot;
    slot.item = item;
    slot.which = which;
    slot.span = span;
    const auto [at, fresh] = instance.slots.emplace(name, slot);
    if (fresh) {
      instance.order.push_back(name);
      return;
    }
    Diagnostic& diagnostic =
        diagnostics.error(DiagnosticKind::duplicate_name, span, fmt::format("{} is already defined", name))
            .label(at->second.span, "first here");
    if (std::holds_alternative<ast::Goal>(item->node) &&
        std::holds_alternative<ast::Goal>(at->second.item->node))
      diagnostic.suggest(name == "loss" || name == "metric" || name == "output"
                             ? fmt::format("to have several, name each: {0} a = …, {0} b = …", name)
                             : "");
  };
  for (const ast::MemberItem* item : instance.items) {
    if (const auto* member = std::get_if<ast::MemberBinding>(&item->node)) {
      for (size_t i = 0; i < member->binding.names.size(); ++i) {
        add(member->binding.names[i].text, item, i, member->binding.names[i].span);
      }
    } else if (const auto* function = std::get_if<ast::Function>(&item->node)) {
      add(function->name.text, item, 0, function->name.span);
    } else if (const auto* goal = std::get_if<ast::Goal>(&item->node)) {
      if (!instance.is_model) {
        diagnostics.error(
            DiagnosticKind::misplaced_member, goal->keyword,
            fmt::format("{} belongs in a model, and {} is a layer", goal_name(*goal), instance.kind));
        continue;
      }
      add(goal_name(*goal), item, 0, goal->name ? goal->name->span : goal->keyword);
    } else {
      diagnostics.error(DiagnosticKind::misplaced_member, std::get<ast::Rule>(item->node).keyword,
                        "update and propose belong in an optimizer");
    }
  }
}

Datum Elaborator::instantiate(const LayerRef& ref, std::vector<Actual> actuals, const Operand& callee,
                              const Site& site) {
  const ast::Declaration& declaration = *ref.declaration;
  const std::string& kind = declaration.name.text;
  instances.emplace_back();
  Instance& instance = instances.back();
  instance.kind = kind;
  instance.declared = declaration.parameters;
  instance.scope = ref.scope;
  instance.call_span = user_span(site);
  for (const ast::MemberItem& item : declaration.members) instance.items.push_back(&item);

  std::vector<std::string> parameter_names;
  for (const ast::MemberItem& item : declaration.members) {
    const auto* member = std::get_if<ast::MemberBinding>(&item.node);
    if (member == nullptr || member->role == ast::BindingRole::plain) continue;
    for (const ast::Name& name : member->binding.names) parameter_names.push_back(name.text);
  }
  std::vector<Actual> arguments;
  for (Actual& actual : actuals) {
    const bool overrides = actual.name && std::find(parameter_names.begin(), parameter_names.end(),
                                                    actual.name->text) != parameter_names.end();
    if (!overrides) {
      arguments.push_back(std::move(actual));
      continue;
    }
    const bool fresh =
        instance.overrides.emplace(actual.name->text, Override{actual.value, actual.draws, actual.span})
            .second;
    if (!fresh) {
      error(DiagnosticKind::wrong_argument, Site{site.frame, actual.name->span},
            fmt::format("{} of {} is given twice", actual.name->text, kind));
      return Poison{};
    }
  }
  // A misspelt parameter is told apart from a misspelt argument by what it is close to.
  for (const Actual& actual : arguments) {
    if (!actual.name) continue;
    const bool known = std::any_of(declaration.parameters.begin(), declaration.parameters.end(),
                                   [&](const auto& p) { return p.name.text == actual.name->text; });
    if (known) continue;
    const std::optional<std::string> near = suggest(actual.name->text, parameter_names);
    if (!near) continue;
    error(DiagnosticKind::wrong_argument, Site{site.frame, actual.name->span},
          fmt::format("{} has no argument or parameter {}", kind, actual.name->text))
        .suggest(fmt::format("did you mean {}?", *near));
    return Poison{};
  }
  Frame frame;
  frame.scope = ref.scope;
  frame.user_span = instance.call_span;
  frame.callee = kind;
  std::vector<std::pair<std::string, Local>> order;
  if (!bind_arguments(declaration.parameters, arguments, frame, kind, site, &order)) return Poison{};
  if (!match_arguments(declaration.parameters, frame, callee, kind, site)) return Poison{};
  for (auto& [name, local] : order) instance.arguments.emplace_back(name, frame.locals[name]);
  add_slots(instance);
  for (auto& [name, local] : instance.arguments) place(local.value, instance, name, name);
  return &instance;
}

void Elaborator::place(const Datum& value, Instance& parent, const std::string& segment,
                       const std::string& saved) {
  if (Instance* const* held = value.as<Instance*>()) {
    Instance& instance = **held;
    if (instance.placed || &instance == &parent) return;
    instance.placed = true;
    instance.parent = &parent;
    instance.segment = segment;
    instance.saved_segment = saved;
    check_levels(instance);
    return;
  }
  const ListPtr* list = value.as<ListPtr>();
  if (list == nullptr || !is_layer_list(**list)) return;
  for (size_t i = 0; i < (*list)->size(); ++i) {
    const std::string position = fmt::format("{}", i);
    place((**list)[i], parent, joined(segment, position), saved.empty() ? saved : joined(saved, position));
  }
}

bool Elaborator::check_levels(const Instance& instance) {
  size_t levels = 0, of_its_kind = 0;
  for (const Instance* i = &instance; i != nullptr; i = i->parent, ++levels)
    of_its_kind += i->kind == instance.kind ? 1 : 0;
  if (stopped || levels <= kMostNesting) return !stopped;
  Diagnostic& diagnostic =
      diagnostics.error(DiagnosticKind::too_deep, instance.call_span,
                        fmt::format("layers are nested more than {} deep: {} seems to contain itself",
                                    kMostNesting, instance.kind));
  if (of_its_kind > 2)
    diagnostic.suggest(fmt::format("a list holds several: [{}(…) for _ in 0..3]", instance.kind));
  stopped = true;
  return false;
}

bool Elaborator::is_anchored(const Instance& instance) const {
  const Instance* i = &instance;
  while (i != nullptr && !i->is_model) i = i->placed ? i->parent : nullptr;
  return i != nullptr;
}

Diagnostic& Elaborator::unnamed_layer(const std::string& layer, const Site& site) {
  return error(DiagnosticKind::unnamed_layer, site,
               fmt::format("{} is a layer and needs a name for its weights", layer));
}

std::string Elaborator::saved_path(const Instance& instance) const {
  std::string path;
  for (const Instance* i = &instance; i != nullptr && !i->is_model; i = i->parent)
    path = joined(i->saved_segment, path);
  return path;
}

Datum Elaborator::member_of(const Operand& object, const ast::Name& name, const Site& site) {
  const Site here{site.frame, name.span};
  if (Instance* const* held = object.value.as<Instance*>()) {
    Instance& instance = **held;
    if (!is_anchored(instance)) {
      unnamed_layer(instance.kind, Site{site.frame, object.span});
      return Poison{};
    }
    if (const std::optional<Datum> value = own_slot(instance, name.text, here)) {
      if (meanings != nullptr && !library.is_standard(name.span)) {
        meanings->value(name.span, *value);
        meanings->definition(name.span, instance.span_of(name.text));
      }
      return *value;
    }
    std::vector<std::string> known = instance.order;
    for (const auto& [argument, local] : instance.arguments) known.push_back(argument);
    Diagnostic& diagnostic =
        error(DiagnosticKind::unknown_member, here,
              fmt::format("{} is a {} and has no {}", instance.display_name(), instance.kind, name.text));
    if (const std::optional<std::string> near = suggest(name.text, known)) {
      diagnostic.suggest(fmt::format("did you mean {}?", *near));
    }
    return Poison{};
  }
  const bool tensor = object.value.as<Tensor>() || object.value.as<Constant>() ||
                      (constant_of(object.value) && !object.value.as<Number>());
  if (tensor && name.text == "T") return transpose(object, site);
  Diagnostic& diagnostic = error(DiagnosticKind::unknown_member, here,
                                 fmt::format("{} has no {}", describe(object.value), name.text));
  if (tensor) {  // x.mean() is mean(x)
    const std::optional<std::string_view> way = way_here(name.text);
    if (lookup(name.text, site))
      diagnostic.suggest(fmt::format("{}({})", name.text, source_text(object.span)));
    else if (way)
      diagnostic.suggest(std::string(*way));
  }
  if (object.value.as<ListPtr>())
    diagnostic.suggest(fmt::format("{}[0] is its first entry", source_text(object.span)));
  if (object.value.as<LayerRef>())
    diagnostic.suggest("a layer is made first: fc = linear(64, 32), then fc.weight");
  return Poison{};
}

std::optional<std::string> Elaborator::interpolate(const ast::Name& text, Frame& frame) {
  std::string out;
  std::string_view rest = text.text;
  while (!rest.empty()) {
    const size_t open = rest.find('{');
    out += rest.substr(0, open);
    if (open == std::string_view::npos) break;
    const size_t close = rest.find('}', open);
    const Site site{frame, text.span};
    if (close == std::string_view::npos) {
      error(DiagnosticKind::bad_saved_name, site, "a { in a saved name needs its }");
      return std::nullopt;
    }
    const std::string name(rest.substr(open + 1, close - open - 1));
    const Datum value = name_value(name, site);
    const Number* number = value.as<Number>();
    if (number == nullptr) {
      if (!value.poisoned()) {
        error(DiagnosticKind::bad_saved_name, site,
              fmt::format("{{{}}} in a saved name is a number, not {}", name, describe(value)));
      }
      return std::nullopt;
    }
    out += text_of(*number);
    rest.remove_prefix(close + 1);
  }
  return out;
}

void Elaborator::define(Instance& instance, const ast::MemberItem& item, const ast::MemberBinding& member) {
  const ast::Binding& binding = member.binding;
  Frame frame;
  frame.scope = instance.scope;
  frame.self = &instance;
  frame.own_names = &binding.names;
  frame.user_span = instance.call_span;
  frame.callee = instance.kind;
  frame.path = instance.is_model ? "" : instance.display_name();
  const Span names_span = join(binding.names.front().span, binding.names.back().span);
  const Site site{frame, names_span};
  const auto finish = [&](size_t i, Datum value) {
    const auto at = instance.slots.find(binding.names[i].text);
    if (at == instance.slots.end() || at->second.item != &item) return;
    note_value(binding.names[i].span, value);
    at->second.value = std::move(value);
    at->second.state = Slot::State::done;
  };
  const auto all_poison = [&] {
    for (size_t i = 0; i < binding.names.size(); ++i) finish(i, Poison{});
  };
  if (binding.kind == ast::BindingKind::update) {
    error(DiagnosticKind::state_change, site,
          "`<-` belongs in a function: it changes a state as the step runs");
    return all_poison();
  }
  if (member.role != ast::BindingRole::plain || binding.kind == ast::BindingKind::draw) {
    for (size_t i = 0; i < binding.names.size(); ++i) {
      finish(i, make_parameter(instance, member, i, frame));
    }
    return;
  }
  const Operand value{eval(*binding.value, frame), binding.value->span};
  if (value.value.poisoned()) return all_poison();
  std::vector<Datum> parts{value.value};
  if (binding.names.size() > 1) {
    std::optional<std::vector<Datum>> apart = take_apart(value, binding.names.size(), site);
    if (!apart) return all_poison();
    parts = std::move(*apart);
  }
  for (size_t i = 0; i < binding.names.size(); ++i) {
    const std::string& name = binding.names[i].text;
    Datum part = binding.type ? coerce(parts[i], *binding.type, name, value.span, frame) : parts[i];
    std::string saved = name;
    if (member.saved_as) saved = interpolate(*member.saved_as, frame).value_or(name);
    place(part, instance, name, saved);
    tap_binding(binding.names[i], &instance, part);
    finish(i, std::move(part));
  }
}

}  // namespace nnc::frontend
