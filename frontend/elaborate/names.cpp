// What a name means at a place: a let or argument, a member of the body, a function or layer of the file, the
// standard library, a built-in. Members are evaluated when first asked for, in any order, and never in a
// cycle.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numbers>

#include "frontend/elaborate/elaborator.h"
#include "frontend/elaborate/foreign_names.h"
#include "frontend/elaborate/saved_names.h"
#include "frontend/syntax/lint.h"
#include "support/suggest.h"

namespace nnc::frontend {
namespace {

Datum global_value(const GlobalName& global) {
  if (const auto* function = std::get_if<const ast::Function*>(&global.is)) {
    return FunctionRef{*function, nullptr, global.scope};
  }
  const ast::Declaration* declaration = std::get<const ast::Declaration*>(global.is);
  if (declaration->kind == ast::DeclarationKind::optimizer) return OptimizerRef{declaration, global.scope};
  return LayerRef{declaration, global.scope};
}

constexpr std::string_view kConstants[] = {"batch", "training", "inf", "pi"};

}  // namespace

std::optional<Datum> Elaborator::own_slot(Instance& instance, const std::string& name, const Site& site) {
  if (const Datum* argument = instance.argument(name)) return *argument;
  const auto slot = instance.slots.find(name);
  if (slot == instance.slots.end()) return std::nullopt;
  return force(instance, slot->second, site);
}

std::optional<Datum> Elaborator::lookup(const std::string& name, const Site& site) {
  const Frame& frame = site.frame;
  if (const auto local = frame.locals.find(name); local != frame.locals.end()) return local->second.value;
  if (frame.updatable != nullptr) {
    if (const auto state = frame.updatable->find(name); state != frame.updatable->end()) {
      Updatable& u = state->second;
      if (u.value.poisoned() && !u.state_name.empty() && !u.input) {
        u.input = builder.input(moment_name(u.state_name, frame.path), Role::moment,
                                {DType::f32, shape_of(u.dims)});
        u.value = Tensor{*u.input, DType::f32, u.dims};
      }
      return u.value;
    }
  }
  bool own = false;
  if (frame.own_names != nullptr) {
    for (const ast::Name& n : *frame.own_names) own = own || n.text == name;
  }
  if (frame.self != nullptr && !own) {
    if (std::optional<Datum> value = own_slot(*frame.self, name, site)) return value;
  }
  for (const FileScope* scope = frame.scope; scope != nullptr; scope = scope->standard) {
    const auto global = scope->names.find(name);
    if (global != scope->names.end()) return global_value(global->second);
  }
  const std::span<const Builtin> table = builtin_table();
  for (size_t i = 0; i < table.size(); ++i) {
    if (table[i].name == name) return BuiltinRef{i};
  }
  if (name == "batch" && frame.self != nullptr && frame.self->is_model) {
    Number batch = whole_number(options.batch);
    batch.batch = BatchKind::scaled;
    batch.name = "batch";
    return batch;
  }
  if (name == "training") return Flag{mode == Mode::train};
  if (name == "inf") return real_number(std::numeric_limits<double>::infinity());
  if (name == "pi") return real_number(std::numbers::pi);
  if (own && frame.self != nullptr) {
    error(DiagnosticKind::cyclic_definition, site, fmt::format("{} is defined by itself", name))
        .note("to the right of its own `=` a name has its earlier meaning, and it has no earlier one here");
    return Datum(Poison{});
  }
  return std::nullopt;
}

bool Elaborator::is_in_library(std::string_view name) const {
  const std::span<const Builtin> builtins = builtin_table();
  return library.standard->names.contains(name) ||
         std::any_of(builtins.begin(), builtins.end(), [&](const Builtin& b) { return b.name == name; });
}

std::vector<std::string> Elaborator::known_names(const Frame& frame, bool numbers_only) {
  std::vector<std::string> names;
  const auto is_number = [](const Datum& d) { return d.as<Number>() != nullptr && d.as<Number>()->is_whole; };
  for (const auto& [name, local] : frame.locals) {
    if (!numbers_only || is_number(local.value)) names.push_back(name);
  }
  if (frame.self != nullptr) {
    for (const auto& [name, local] : frame.self->arguments) {
      if (!numbers_only || is_number(local.value)) names.push_back(name);
    }
    for (const std::string& name : frame.self->order) {
      const Slot& slot = frame.self->slots.find(name)->second;
      if (!numbers_only || is_number(slot.value)) names.push_back(name);
    }
  }
  if (numbers_only) {
    if (frame.self != nullptr && frame.self->is_model) names.emplace_back("batch");
    return names;
  }
  for (const FileScope* scope = frame.scope; scope != nullptr; scope = scope->standard) {
    for (const auto& [name, global] : scope->names) names.push_back(name);
  }
  for (const Builtin& builtin : builtin_table()) names.emplace_back(builtin.name);
  for (const std::string_view name : kConstants) names.emplace_back(name);
  return names;
}

// `loss` where the parts have names: their sum, if it takes no data.
std::optional<Datum> Elaborator::summed_losses(const Site& site) {
  const std::vector<const ast::Goal*> parts = goals(ast::GoalKind::loss);
  if (parts.empty()) return std::nullopt;
  std::optional<Datum> sum;
  for (const ast::Goal* part : parts) {
    if (part->has_parameters) {
      error(DiagnosticKind::unknown_name, site, "the loss here has named parts, and some of them take data")
          .suggest(fmt::format("{}(…) is one of them", goal_name(*part)));
      return Datum(Poison{});
    }
    const Datum value = own_slot(*root, goal_name(*part), site).value_or(Datum(Poison{}));
    sum = sum ? elementwise(elementwise_of(ast::BinaryOp::add), Operand{*sum, site.span},
                            Operand{value, site.span}, site)
              : value;
  }
  return sum;
}

Datum Elaborator::name_value(const std::string& name, const Site& site) {
  std::optional<Datum> found = lookup(name, site);
  if (!found && name == "loss" && root != nullptr && site.frame.self == root) found = summed_losses(site);
  if (!found) {
    if (const std::optional<std::string_view> instead = not_here(name)) {
      error(DiagnosticKind::not_built, site, fmt::format("nnc has no {}", name))
          .suggest(std::string(*instead));
      return Poison{};
    }
    Diagnostic& diagnostic = error(DiagnosticKind::unknown_name, site, fmt::format("unknown name {}", name));
    const std::vector<std::string> known = known_names(site.frame, false);
    if (const std::optional<std::string_view> way = way_here(name)) {
      diagnostic.suggest(std::string(*way));
    } else if (std::optional<std::string> near = suggest(name, known)) {
      diagnostic.suggest(fmt::format("did you mean {}?", *near));
    }
    return Poison{};
  }
  // The user's own word for a size is what messages show: fc2 takes [batch, hidden = 32].
  if (const Number* number = found->as<Number>();
      number != nullptr && number->is_whole && number->name.empty() && !library.is_standard(site.span)) {
    Number named = *number;
    named.name = name;
    note_value(site.span, named);
    return named;
  }
  note_value(site.span, *found);
  return std::move(*found);
}

// Evaluates the definitions of the model that are ready: all that their text reads, directly or through others, is
// settled or gets settled here. A long chain of them then nests no deeper than one.
void Elaborator::force_ready(Instance& instance) {
  struct Member {
    size_t waits_for = 0;  // names
    std::vector<std::string> asked_by;
  };
  std::map<std::string, Member, std::less<>> members;
  std::vector<std::string> ready;
  for (const std::string& name : instance.order) {
    Slot& slot = instance.slots.find(name)->second;
    // What is under way, and a goal, which may read anything, never get ready here.
    const bool settles =
        slot.state != Slot::State::running && !std::holds_alternative<ast::Goal>(slot.item->node);
    Member& member = members[name];
    member.waits_for = settles ? 0 : 1;
    for (const std::string& read : names_read(*slot.item)) {
      if (!instance.slots.contains(read)) continue;
      ++member.waits_for;
      members[read].asked_by.push_back(name);
    }
    if (member.waits_for == 0) ready.push_back(name);
  }
  Frame frame;
  frame.scope = instance.scope;
  frame.self = &instance;
  while (!ready.empty() && !stopped) {
    const std::string name = std::move(ready.back());
    ready.pop_back();
    Slot& slot = instance.slots.find(name)->second;
    force(instance, slot, Site{frame, slot.span});
    for (const std::string& asking : members[name].asked_by) {
      if (--members[asking].waits_for == 0) ready.push_back(asking);
    }
  }
}

Datum Elaborator::force(Instance& instance, Slot& slot, const Site& site) {
  if (slot.state == Slot::State::done) return slot.value;
  if (stopped) return Poison{};  // what was under way stays so, and is not a cycle
  if (depth > kMostDepth / 4 && instance.is_model && !ordered && slot.state == Slot::State::fresh) {
    ordered = true;
    force_ready(instance);
    if (slot.state == Slot::State::done) return slot.value;
  }
  const std::string name = source_text(slot.span);
  if (slot.state == Slot::State::running) {
    std::string path;
    bool inside = false;
    for (const std::string& member : running_members) {
      inside = inside || member == name;
      if (inside) path += member + " → ";
    }
    error(DiagnosticKind::cyclic_definition, site,
          fmt::format("{} is defined by itself: {}{}", name, path, name));
    return Poison{};
  }
  if (const auto* function = std::get_if<ast::Function>(&slot.item->node)) {
    slot.value = FunctionRef{function, &instance, instance.scope};
    slot.state = Slot::State::done;
    return slot.value;
  }
  if (const auto* goal = std::get_if<ast::Goal>(&slot.item->node)) {
    if (goal->has_parameters) {
      slot.value = GoalRef{goal, &instance};
      slot.state = Slot::State::done;
      return slot.value;
    }
    slot.state = Slot::State::running;
    running_members.push_back(name);
    slot.value = run_goal(*goal);
    running_members.pop_back();
    slot.state = Slot::State::done;
    return slot.value;
  }
  const auto& member = std::get<ast::MemberBinding>(slot.item->node);
  for (const ast::Name& n : member.binding.names) {
    if (const auto at = instance.slots.find(n.text); at != instance.slots.end()) {
      at->second.state = Slot::State::running;
    }
  }
  running_members.push_back(name);
  ++depth;
  if (depth > kMostDepth) {
    error(DiagnosticKind::too_deep, site, fmt::format("definitions are nested more than {} deep", kMostDepth))
        .suggest("fewer of them, or one list: [… for k in 0..n]");
    stopped = true;
  } else {
    define(instance, *slot.item, member);
  }
  --depth;
  running_members.pop_back();
  return slot.value;
}

void Elaborator::force_all(Instance& instance) {
  for (const std::string& name : instance.order) {
    Slot& slot = instance.slots.find(name)->second;
    if (std::holds_alternative<ast::Goal>(slot.item->node)) continue;
    Frame frame;
    frame.scope = instance.scope;
    frame.self = &instance;
    frame.user_span = instance.call_span;
    force(instance, slot, Site{frame, slot.span});
  }
}

}  // namespace nnc::frontend
