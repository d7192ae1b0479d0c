// Parameters: how one starts, what it is instead (`bias = 0`, `weight = tok.weight`), its saved name, and
// finding all of them.
#include <fmt/format.h>

#include <algorithm>

#include "frontend/elaborator.h"

namespace nnc::frontend {
namespace {

bool is_start(const Datum& value) {
  return value.as<Draws>() || value.as<Number>() || constant_of(value).has_value();
}

}  // namespace

Datum Elaborator::make_parameter(Instance& instance, const ast::MemberBinding& member, size_t which,
                                 Frame& frame) {
  const ast::Binding& binding = member.binding;
  const ast::Name& name = binding.names[which];
  const Site site{frame, name.span};
  const bool is_param = member.role == ast::BindingRole::param;
  const auto at = instance.overrides.find(name.text);
  const Override* over = at == instance.overrides.end() ? nullptr : &at->second;
  const Span value_span = over ? over->span : binding.value->span;
  const Site value_site{frame, value_span};
  if (!is_anchored(instance)) {
    error(DiagnosticKind::unnamed_layer, site,
          fmt::format("{} is a layer and needs a name for its weights", instance.kind));
    return Poison{};
  }
  std::optional<Dims> dims;
  if (binding.type) {
    if (binding.type->name.text != "f32") {
      error(DiagnosticKind::unknown_type, Site{frame, binding.type->span},
            fmt::format("{} is f32[…]: only real numbers are {}", name.text, is_param ? "learned" : "drawn"));
      return Poison{};
    }
    dims = resolve_dims(*binding.type, frame);
    if (!dims) return Poison{};
  }
  const Datum start = over ? over->value : eval(*binding.value, frame);
  const bool replaced = over != nullptr && !over->draws;
  if (start.poisoned()) return Poison{};
  if (!dims) {
    const std::optional<Constant> constant = constant_of(start);
    if (!constant) {
      error(DiagnosticKind::missing_type, site, fmt::format("{} needs its type", name.text))
          .suggest(fmt::format("{}{}: f32[…] ~ …", is_param ? "param " : "", name.text));
      return Poison{};
    }
    dims = constant->dims;
  }
  if (replaced) {
    const Tensor* tensor = start.as<Tensor>();
    if (start.as<Flag>()) {
      error(DiagnosticKind::parameter_value, value_site,
            fmt::format("{} is a parameter, {} is no value for it", name.text, describe(start)))
          .suggest(fmt::format("{} = 0 leaves it out", name.text));
      return Poison{};
    }
    if (start.as<Draws>()) {
      error(DiagnosticKind::parameter_value, value_site,
            fmt::format("{} is a parameter, `=` gives it a value once and for all", name.text))
          .suggest(fmt::format("{} ~ {} says how it starts", name.text, source_text(value_span)));
      return Poison{};
    }
    if (tensor == nullptr && !is_start(start)) {
      error(DiagnosticKind::parameter_value, value_site,
            fmt::format("{} is a parameter, {} is no value for it", name.text, describe(start)));
      return Poison{};
    }
    if (tensor == nullptr)
      return start.as<Number>() ? Datum(number_tensor(*start.as<Number>(), DType::f32, *dims, value_site))
                                : coerce(start, *binding.type, name.text, value_span, frame);
    bool fits = tensor->dims.size() == dims->size() && tensor->dtype == DType::f32;
    for (size_t i = 0; fits && i < dims->size(); ++i) fits = unify(tensor->dims[i], (*dims)[i]);
    if (fits) return *tensor;
    error(DiagnosticKind::shape_mismatch, value_site,
          fmt::format("{} of {} is {} but is given {}", name.text, instance.display_name(), text_of(*dims),
                      text_of(*tensor)));
    return Poison{};
  }
  const std::optional<Constant> constant = constant_of(start);
  if (!is_start(start)) {
    error(DiagnosticKind::parameter_value, value_site,
          fmt::format("{} starts from a distribution or written numbers, this is {}", name.text,
                      describe(start)))
        .suggest(is_param ? "a value that is computed is no param: leave the word out" : "");
    return Poison{};
  }
  if (binding.kind == ast::BindingKind::draw && over == nullptr && !start.as<Draws>() && !is_param) {
    error(DiagnosticKind::parameter_value, value_site,
          fmt::format("a distribution is wanted here, this is {}", describe(start)))
        .suggest("= gives a name a value");
    return Poison{};
  }
  if (start.as<Draws>() && binding.kind == ast::BindingKind::define && over == nullptr) {
    error(DiagnosticKind::parameter_value, value_site, "a distribution is drawn from with ~")
        .suggest(fmt::format("{} ~ {}", name.text, source_text(value_span)));
    return Poison{};
  }
  if (constant && !start.as<Number>() && shape_of(constant->dims) != shape_of(*dims)) {
    error(DiagnosticKind::shape_mismatch, value_site,
          fmt::format("{} is {} but starts as {}", name.text, text_of(*dims), text_of(constant->dims)));
    return Poison{};
  }
  for (const Dim& dim : *dims) {
    if (!dim.is_batch()) continue;
    error(DiagnosticKind::bad_size, site,
          fmt::format("{} is kept from step to step and cannot have a batch axis", name.text));
    return Poison{};
  }
  if (element_count(shape_of(*dims)) < 0) {
    error(DiagnosticKind::too_large, site, fmt::format("{} is too large: {}", name.text, text_of(*dims)));
    return Poison{};
  }
  std::string saved = name.text;
  if (member.saved_as) {
    saved = interpolate(*member.saved_as, frame).value_or(name.text);
    if (saved.empty()) {
      error(DiagnosticKind::bad_saved_name, Site{frame, member.saved_as->span},
            fmt::format("{} needs a saved name: as \"\" is for layers", name.text));
      return Poison{};
    }
  }
  parameters.emplace_back();
  Parameter& parameter = parameters.back();
  const std::string path = saved_path(instance);
  parameter.name = path.empty() ? saved : path + "." + saved;
  parameter.role = is_param ? Role::param : Role::state;
  parameter.dims = *dims;
  parameter.span = user_span(site);
  parameter.start = start;
  if (binding.type) {
    const std::string text = source_text(binding.type->span);
    const size_t open = text.find('[');
    if (open != std::string::npos) parameter.type_text = text.substr(open);
  }
  instance.parameters.push_back(&parameter);
  return read_parameter(parameter, site);
}

Datum Elaborator::read_parameter(Parameter& parameter, const Site& site) {
  if (!parameter.input) {
    builder.set_spans(user_span(site).valid() ? SpanSet{user_span(site)} : SpanSet{});
    parameter.input = builder.input(parameter.name, parameter.role, {DType::f32, shape_of(parameter.dims)});
  }
  Tensor tensor;
  tensor.value = *parameter.input;
  tensor.dims = parameter.dims;
  tensor.parameter = &parameter;
  return tensor;
}

void Elaborator::collect_parameters(const Datum& value, std::vector<Parameter*>& out,
                                    std::set<const void*>& seen, bool owned_only, Instance* owner) {
  if (const Tensor* tensor = value.as<Tensor>()) {
    Parameter* parameter = tensor->parameter;
    if (parameter == nullptr || !seen.insert(parameter).second) return;
    out.push_back(parameter);
    return;
  }
  if (const ListPtr* list = value.as<ListPtr>()) {
    for (const Datum& item : **list) {
      if (item.as<Instance*>() || item.as<ListPtr>() || item.as<Tensor>()) {
        collect_parameters(item, out, seen, owned_only, owner);
      }
    }
    return;
  }
  Instance* const* held = value.as<Instance*>();
  if (held == nullptr || stopped) return;
  Instance& instance = **held;
  if (owned_only && instance.parent != owner && !instance.is_model) return;
  if (!seen.insert(&instance).second) return;
  size_t levels = 0;
  for (const Instance* i = &instance; i != nullptr; i = i->parent) ++levels;
  if (levels > kMostNesting) {
    diagnostics.error(DiagnosticKind::too_deep, instance.call_span,
                      fmt::format("layers are nested more than {} deep: {} seems to contain itself",
                                  kMostNesting, instance.kind));
    stopped = true;
    return;
  }
  force_all(instance);
  for (const auto& [name, local] : instance.arguments) {
    if (local.value.as<Instance*>() || local.value.as<ListPtr>()) {
      collect_parameters(local.value, out, seen, owned_only, &instance);
    }
  }
  for (const std::string& name : instance.order) {
    const Slot& slot = instance.slots.find(name)->second;
    if (slot.state != Slot::State::done) continue;
    const Tensor* tensor = slot.value.as<Tensor>();
    if (tensor != nullptr && owned_only &&
        std::find(instance.parameters.begin(), instance.parameters.end(), tensor->parameter) ==
            instance.parameters.end()) {
      continue;
    }
    const Datum member = slot.value;
    collect_parameters(member, out, seen, owned_only, &instance);
  }
}

std::vector<Parameter*> Elaborator::all_parameters() {
  std::vector<Parameter*> out;
  std::set<const void*> seen;
  if (root == nullptr) return out;
  collect_parameters(Datum(root), out, seen, true, nullptr);
  std::map<std::string, const Parameter*> names;
  for (const Parameter* parameter : out) {
    const auto [at, fresh] = names.emplace(parameter->name, parameter);
    if (fresh) continue;
    diagnostics
        .error(DiagnosticKind::duplicate_saved_name, parameter->span,
               fmt::format("two parameters would be saved as {}", parameter->name))
        .label(at->second->span, "the other one")
        .suggest("as \"…\" gives one another saved name");
  }
  return out;
}

}  // namespace nnc::frontend
