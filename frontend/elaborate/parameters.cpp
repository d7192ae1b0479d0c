// Parameters: how one starts, what it is instead (`bias = 0`, `weight = tok.weight`), its saved name, and
// finding all of them.
#include <fmt/format.h>

#include <algorithm>

#include "frontend/elaborate/elaborator.h"
#include "frontend/elaborate/saved_names.h"

namespace nnc::frontend {
namespace {

bool is_start(const Datum& value) {
  return value.as<Draws>() || value.as<Number>() || constant_of(value).has_value();
}

// One name of a `param`, `state` or drawn member on its way to being a parameter: what the declaration says, and what was given
// in its place when the layer was made. What is wrong is reported by each step.
struct Declared {
  Elaborator& e;
  Instance& instance;
  const ast::MemberBinding& member;
  const ast::Name& name;
  Frame& frame;
  const Override* over;  // null for none

  const ast::Binding& binding() const { return member.binding; }
  bool is_param() const { return member.role == ast::BindingRole::param; }
  bool is_state() const { return member.role == ast::BindingRole::state; }
  Site site() const { return {frame, name.span}; }
  Site value_site() const { return {frame, over ? over->span : binding().value->span}; }

  Diagnostic& wrong_value(std::string message) const {
    return e.error(DiagnosticKind::parameter_value, value_site(), std::move(message));
  }

  // The shape where no type gives it: that of the numbers declared, whatever replaces them.
  std::optional<Dims> dims_without_type(const Datum& start) const {
    const Datum declared = over != nullptr ? e.eval(*binding().value, frame) : start;
    if (declared.poisoned()) return std::nullopt;
    if (const std::optional<Constant> constant = constant_of(declared)) return constant->dims;
    e.error(DiagnosticKind::missing_type, site(), fmt::format("{} needs its type", name.text))
        .suggest(fmt::format("{}{}: f32[…] {} …",
                             is_param()   ? "param "
                             : is_state() ? "state "
                                          : "",
                             name.text, is_state() ? "=" : "~"));
    return std::nullopt;
  }

  // A bracket of numbers in a parameter's place looks like its start. A single number (`bias = 0`) does not.
  void warn_of_constant() const {
    e.warning(DiagnosticKind::not_trained, value_site(),
              fmt::format("{} of {} is a constant with these numbers: it is neither learned nor saved",
                          name.text, instance.display_name()))
        .suggest(fmt::format(
            "{0} ~ … makes them its start, and it is learned; {0} = detach(…) says that it is meant",
            name.text));
  }

  // `bias = 0`, `weight = tok.weight`: the value that replaces the parameter, of its shape.
  Datum replacement(const Datum& value, const Dims& dims) const {
    if (value.as<Draws>()) {
      wrong_value(fmt::format("{} is a parameter: `=` makes it a constant", name.text))
          .suggest(fmt::format("{} ~ {} says how it starts", name.text, e.source_text(value_site().span)));
      return Poison{};
    }
    if (value.as<Tensor>() == nullptr && !is_start(value)) {
      Diagnostic& d = wrong_value(
          fmt::format("{} is a parameter, and {} is not a value for it", name.text, describe(value)));
      if (value.as<Flag>()) d.suggest(fmt::format("{} = 0 leaves it out", name.text));
      return Poison{};
    }
    if (const Number* number = value.as<Number>())
      return e.number_tensor(*number, DType::f32, dims, value_site());
    if (value.as<Tensor>() == nullptr) {
      warn_of_constant();
      if (binding().type) return e.coerce(value, *binding().type, name.text, value_site().span, frame);
    }
    const Operand given{value, value_site().span};
    const std::optional<Tensor> tensor = e.as_tensor(given, DType::f32, name.text, value_site());
    if (!tensor) return Poison{};
    if (tensor->dtype == DType::f32 && unify(tensor->dims, dims)) return *tensor;
    e.error(DiagnosticKind::shape_mismatch, value_site(),
            fmt::format("{} of {} is {} but is given {}", name.text, instance.display_name(), text_of(dims),
                        text_of(*tensor)));
    return Poison{};
  }

  // Whether it may start so, written with this operator.
  bool starts_well(const Datum& start, const Dims& dims) const {
    const bool as_declared = over == nullptr;
    if (!is_start(start)) {
      wrong_value(
          fmt::format("{} starts from a distribution or written numbers, not {}", name.text, describe(start)))
          .suggest(is_param()   ? "a computed value is not a param: leave the word out"
                   : is_state() ? "a computed value is no state: leave the word out"
                                : "");
      return false;
    }
    if (as_declared && binding().kind == ast::BindingKind::draw && !start.as<Draws>() && !is_param()) {
      wrong_value(fmt::format("a distribution is expected here, not {}", describe(start)))
          .suggest("= gives a name a value");
      return false;
    }
    if (as_declared && binding().kind == ast::BindingKind::define && start.as<Draws>()) {
      wrong_value("a distribution is drawn from with ~")
          .suggest(fmt::format("{} ~ {}", name.text, e.source_text(value_site().span)));
      return false;
    }
    const std::optional<Constant> constant = constant_of(start);
    if (constant && !std::all_of(constant->values->begin(), constant->values->end(),
                                 [&](double number) { return e.fits(number, DType::f32, value_site()); })) {
      return false;
    }
    if (constant && !start.as<Number>() && shape_of(constant->dims) != shape_of(dims)) {
      e.error(DiagnosticKind::shape_mismatch, value_site(),
              fmt::format("{} is {} but starts as {}", name.text, text_of(dims), text_of(constant->dims)));
      return false;
    }
    return true;
  }

  // Whether a tensor of this shape can be kept from step to step.
  bool can_be_kept(const Dims& dims) const {
    if (std::any_of(dims.begin(), dims.end(), [](const Dim& dim) { return dim.is_batch(); })) {
      e.error(DiagnosticKind::bad_size, site(),
              fmt::format("{} is kept from step to step and cannot have a batch axis", name.text));
      return false;
    }
    if (element_count(shape_of(dims)) < 0) {
      e.error(DiagnosticKind::too_large, site(),
              fmt::format("{} is too large: {}", name.text, text_of(dims)));
      return false;
    }
    return true;
  }

  // "net.0.weight": where the layer is, then the member's own name or the one it is saved as.
  std::optional<std::string> saved_name() const {
    std::string saved = name.text;
    if (member.saved_as) saved = e.interpolate(*member.saved_as, frame).value_or(name.text);
    if (saved.empty()) {
      e.error(DiagnosticKind::bad_saved_name, Site{frame, member.saved_as->span},
              fmt::format("{} needs a saved name: as \"\" is for layers", name.text));
      return std::nullopt;
    }
    const std::string path = e.saved_path(instance);
    if (!path.empty()) saved = path + "." + saved;
    const Site place{frame, member.saved_as ? member.saved_as->span : name.span};
    if (!e.may_be_stored_as(saved, fmt::format("{} would be saved as {}", name.text, saved), place,
                            "as \"…\" gives it another saved name"))
      return std::nullopt;
    return saved;
  }

  // "[out, in]", as written; empty without a type.
  std::string type_text() const {
    if (!binding().type) return "";
    const std::string text = e.source_text(binding().type->span);
    const size_t open = text.find('[');
    return open == std::string::npos ? "" : text.substr(open);
  }
};

}  // namespace

Datum Elaborator::make_parameter(Instance& instance, const ast::MemberBinding& member, size_t which,
                                 Frame& frame) {
  const ast::Binding& binding = member.binding;
  const ast::Name& name = binding.names[which];
  const auto at = instance.overrides.find(name.text);
  const Override* over = at == instance.overrides.end() ? nullptr : &at->second;
  const Declared declared{*this, instance, member, name, frame, over};
  if (!is_anchored(instance)) {
    unnamed_layer(instance.kind, declared.site());
    return Poison{};
  }
  std::optional<Dims> dims;
  if (binding.type) {
    if (binding.type->name.text != "f32") {
      error(DiagnosticKind::unknown_type, Site{frame, binding.type->span},
            fmt::format("{} is f32[…]: only real numbers are {}", name.text,
                        declared.is_param()   ? "learned"
                        : declared.is_state() ? "kept from step to step"
                                              : "drawn"));
      return Poison{};
    }
    dims = resolve_dims(*binding.type, frame);
    if (!dims) return Poison{};
  }
  const Datum start = over ? over->value : eval(*binding.value, frame);
  if (start.poisoned()) return Poison{};
  if (!dims) dims = declared.dims_without_type(start);
  if (!dims) return Poison{};
  if (over != nullptr && !over->draws && !declared.is_state()) return declared.replacement(start, *dims);
  if (!declared.starts_well(start, *dims) || !declared.can_be_kept(*dims)) return Poison{};
  const std::optional<std::string> saved = declared.saved_name();
  if (!saved) return Poison{};

  Parameter& parameter = parameters.emplace_back();
  parameter.name = *saved;
  parameter.role = declared.is_param() ? Role::param : Role::state;
  parameter.changes = declared.is_state();
  parameter.dims = *dims;
  parameter.span = user_span(declared.site());
  parameter.start = start;
  parameter.type_text = declared.type_text();
  instance.parameters.push_back(&parameter);
  return read_parameter(parameter, declared.site());
}

bool Elaborator::may_be_stored_as(const std::string& name, const std::string& said, const Site& site,
                                  const std::string& mend) {
  const std::string_view whose = reserved_for(name);
  if (whose.empty()) return true;
  error(DiagnosticKind::duplicate_saved_name, site, fmt::format("{}: that name is kept for {}", said, whose))
      .suggest(mend);
  return false;
}

Datum Elaborator::read_parameter(Parameter& parameter, const Site& site) {
  if (!parameter.input) {
    builder.set_spans(user_span(site).valid() ? SpanSet{user_span(site)} : SpanSet{});
    const bool averaged = options.average > 0 && parameter.role == Role::param &&
                          (mode == Mode::evaluate || mode == Mode::predict);
    parameter.input =
        builder.input(averaged ? average_name(parameter.name) : parameter.name,
                      averaged ? Role::state : parameter.role, {DType::f32, shape_of(parameter.dims)});
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
  if (!check_levels(instance)) return;
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
    const auto column = std::find_if(columns.begin(), columns.end(),
                                     [&](const ColumnInfo& c) { return c.name == parameter->name; });
    if (column != columns.end()) {
      diagnostics
          .error(DiagnosticKind::duplicate_saved_name, parameter->span,
                 fmt::format("this would be saved as {}, which is a column of the data", parameter->name))
          .label(column->span, "the column")
          .suggest("as \"…\" gives it another saved name");
    }
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
