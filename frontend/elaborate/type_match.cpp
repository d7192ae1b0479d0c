// Matching the arguments of a call with the types of a signature: names bind at their first use, `...` binds
// its run, numbers fill what is then known.
#include "frontend/elaborate/type_match.h"

#include <fmt/format.h>

#include <algorithm>

#include "support/suggest.h"

namespace nnc::frontend {
namespace {

// One argument with a tensor type.
struct TensorArgument {
  const ast::Parameter* parameter;
  DType dtype;
  Local* local;
  Tensor tensor;
};

struct Matcher {
  Elaborator& e;
  Frame& frame;  // of the callee
  const Operand& callee;
  const std::string& name;
  const Site& site;  // of the call
  size_t tensors = 0;

  const Number* known_size(const std::string& size, std::optional<Datum>& storage, Span span) const {
    const auto local = frame.locals.find(size);
    if (local != frame.locals.end()) return local->second.value.as<Number>();
    storage = e.lookup(size, Site{frame, span});
    return storage ? storage->as<Number>() : nullptr;
  }

  // The dims that the type describes, as far as they are known; axes still open take the argument's own.
  std::string expected_text(const ast::Type& type, const Dims& actual) const {
    const size_t fixed = type.sizes.size() - (has_run(type) ? 1 : 0);
    std::string out = "[";
    size_t axis = 0;
    const auto add = [&](const std::string& text) { out += (out.size() > 1 ? ", " : "") + text; };
    for (size_t i = 0; i < type.sizes.size(); ++i) {
      if (std::holds_alternative<ast::Ellipsis>(type.sizes[i])) {
        if (frame.run) {
          for (const Dim& dim : *frame.run) add(text_of(dim));
          axis += frame.run->size();
        } else if (actual.size() >= fixed) {
          for (size_t k = 0; k < actual.size() - fixed; ++k, ++axis) add(text_of(actual[axis]));
        } else {
          add("...");
        }
        continue;
      }
      const ast::Expr& expr = *std::get<ast::ExprPtr>(type.sizes[i]);
      const auto* ref = std::get_if<ast::NameRef>(&expr.node);
      std::optional<Datum> storage;
      if (ref != nullptr) {
        const Number* number = known_size(ref->name, storage, expr.span);
        const bool rank_fits = actual.size() == fixed || has_run(type);
        if (number == nullptr) {
          add(rank_fits && axis < actual.size() ? text_of(actual[axis]) : ref->name);
        } else {
          Number shown = *number;
          if (shown.name.empty() && !e.library.is_standard(expr.span)) shown.name = ref->name;
          add(text_of(dim_of(shown)));
        }
      } else {
        const std::optional<Number> size = e.resolve_size(expr, frame);
        add(size ? text_of(dim_of(*size)) : e.source_text(expr.span));
      }
      ++axis;
    }
    return out + "]";
  }

  static bool has_run(const ast::Type& type) {
    return std::any_of(type.sizes.begin(), type.sizes.end(),
                       [](const auto& s) { return std::holds_alternative<ast::Ellipsis>(s); });
  }

  Diagnostic& clash(const TensorArgument& argument) {
    const ast::Type& type = *argument.parameter->type;
    const std::string expected = expected_text(type, argument.tensor.dims);
    const bool dtype_differs = argument.dtype != argument.tensor.dtype;
    const std::string head = tensors > 1 ? argument.parameter->name.text + " " : "";
    const auto typed = [&](DType dtype, const std::string& dims) {
      return dtype_differs ? std::string(dtype_name(dtype)) + dims : dims;
    };
    const Span where = tensors > 1 && argument.local->span.valid() ? argument.local->span : callee.span;
    Diagnostic& diagnostic =
        e.error(dtype_differs ? DiagnosticKind::dtype_mismatch : DiagnosticKind::shape_mismatch,
                Site{site.frame, where},
                fmt::format("{} takes {}{} but is given {}", name, head, typed(argument.dtype, expected),
                            typed(argument.tensor.dtype, text_of(argument.tensor.dims))));
    if (dtype_differs && is_float(argument.dtype)) {
      diagnostic.suggest(fmt::format("f32({})", e.source_text(argument.local->span)));
    } else if (const std::string others = other_functions(); dtype_differs && !others.empty()) {
      diagnostic.suggest(others);
    } else if (const std::string index = lacking_axes(argument); !dtype_differs && !index.empty()) {
      diagnostic.suggest(e.source_text(argument.local->span) + index);
    }
    return diagnostic;
  }

  // What gives a picture of [height, width], or a batch of those, the axes of a batch and of one channel.
  std::string lacking_axes(const TensorArgument& argument) const {
    const ast::Type& type = *argument.parameter->type;
    const Dims& dims = argument.tensor.dims;
    const bool is_batch = !dims.empty() && dims[0].is_batch();
    if (has_run(type) || type.sizes.size() < 3 || !argument.local->span.valid()) return "";
    if (dims.size() + (is_batch ? 1 : 2) != type.sizes.size()) return "";
    const ast::Expr& channels = *std::get<ast::ExprPtr>(type.sizes[1]);
    const auto* ref = std::get_if<ast::NameRef>(&channels.node);
    std::optional<Datum> storage;
    const Number* number = ref == nullptr ? nullptr : known_size(ref->name, storage, channels.span);
    if (number == nullptr || number->value() != 1) return "";
    return is_batch ? "[:, None]" : "[None, None]";
  }

  // "attn.across(x, memory, mask) takes others": what else the layer can do, of which one may be meant.
  std::string other_functions() const {
    Instance* const* instance = callee.value.as<Instance*>();
    if (instance == nullptr) return "";
    std::string out;
    for (const std::string& member : (*instance)->order) {
      const auto* function = std::get_if<ast::Function>(&(*instance)->slots.find(member)->second.item->node);
      if (function == nullptr || function->name.text == "forward") continue;
      std::string arguments;
      for (const ast::Parameter& p : function->parameters)
        arguments += (arguments.empty() ? "" : ", ") + p.name.text;
      out += fmt::format("{}{}.{}({})", out.empty() ? "" : ", ", name, function->name.text, arguments);
    }
    return out.empty() ? out : "it also has " + out;
  }

  // "64 is fc1's output", and the mend: the call that wrote 64, with the expected size in its place.
  void explain(Diagnostic& diagnostic, const Dim& given, const Dim& expected) const {
    if (given.extent == expected.extent) {
      diagnostic.note("a batch axis equals only itself: the equal numbers are luck");
      return;
    }
    const auto visible = [&](Span span) { return span.valid() && !e.library.is_standard(span); };
    if (visible(given.origin)) {
      diagnostic.label(given.origin, given.via.empty() ? fmt::format("{} comes from here", given.extent)
                                                       : fmt::format("{} is {}", given.extent, given.via));
      for (const Instance& instance : e.instances) {
        const Span call = instance.call_span;
        const bool wrote = call.file == given.origin.file && call.begin <= given.origin.begin &&
                           given.origin.end <= call.end && call.valid();
        if (!wrote || (expected.batch != BatchKind::none)) continue;
        const std::string text = e.source_text(call);
        if (text.find('\n') != std::string::npos) continue;
        const size_t at = given.origin.begin - call.begin;
        const size_t length = given.origin.end - given.origin.begin;
        diagnostic.suggest(text.substr(0, at) +
                           (expected.name.empty() ? fmt::format("{}", expected.extent) : expected.name) +
                           text.substr(at + length));
      }
    }
    if (visible(expected.origin) && expected.origin != given.origin) {
      diagnostic.label(expected.origin, fmt::format("{} is wanted because of this", expected.extent));
    }
  }

  void warn_if_similar(const std::string& size, Span span) const {
    if (e.library.is_standard(span) || size.size() < 3) return;
    const std::vector<std::string> known = e.known_names(frame, true);
    const std::optional<std::string> near = suggest(size, known);
    if (!near || *near == size || frame.locals.count(*near) > 0) return;
    e.warning(DiagnosticKind::suspicious_size, Site{frame, span},
              fmt::format("size {} is not known and takes any value here", size))
        .suggest(fmt::format("did you mean {}?", *near));
  }

  bool match_axis(TensorArgument& argument, const ast::Expr& expr, Span span, Dim& dim) {
    const auto* ref = std::get_if<ast::NameRef>(&expr.node);
    std::optional<Dim> expected;
    if (ref != nullptr) {
      std::optional<Datum> storage;
      const Number* number = known_size(ref->name, storage, span);
      if (number == nullptr) {
        if (frame.closed_sizes) {
          unknown_size(e, ref->name, Site{frame, span});
          return false;
        }
        warn_if_similar(ref->name, span);
        frame.locals[ref->name] = {number_of(dim), span};
        e.note_value(span, frame.locals[ref->name].value);
        dim.written_one = false;
        return true;
      }
      expected = dim_of(*number);
      if (expected->name.empty() && !e.library.is_standard(span)) expected->name = ref->name;
    } else if (const auto* literal = std::get_if<ast::Number>(&expr.node)) {
      expected = fresh_dim(static_cast<int64_t>(literal->value));
      if (!literal->is_integer) expected.reset();
      if (!e.library.is_standard(span) && expected) expected->origin = span;
    }
    if (!expected) {
      const std::optional<Number> size = e.resolve_size(expr, frame);
      if (!size) return false;
      expected = dim_of(*size);
    }
    if (!unify(*expected, dim)) {
      explain(clash(argument), dim, *expected);
      return false;
    }
    dim.written_one = std::holds_alternative<ast::Number>(expr.node) && expected->extent == 1;
    if (dim.name.empty()) dim.name = expected->name;
    return true;
  }

  // Names and literals in the first round, sizes that are computed from them (3 * dim) in the second.
  bool match(TensorArgument& argument, bool computed) {
    const ast::Type& type = *argument.parameter->type;
    Dims& dims = argument.tensor.dims;
    const bool run = has_run(type);
    const size_t fixed = type.sizes.size() - (run ? 1 : 0);
    const size_t run_length = dims.size() >= fixed ? dims.size() - fixed : 0;
    if (run ? dims.size() < fixed : dims.size() != fixed) {
      clash(argument);
      return false;
    }
    size_t axis = 0;
    for (size_t i = 0; i < type.sizes.size(); ++i) {
      if (std::holds_alternative<ast::Ellipsis>(type.sizes[i])) {
        const auto first = dims.begin() + static_cast<std::ptrdiff_t>(axis);
        const Dims own(first, first + static_cast<std::ptrdiff_t>(run_length));
        if (!frame.run) {
          frame.run = own;
        } else if (!unify(*frame.run, own)) {
          clash(argument);
          return false;
        }
        axis += run_length;
        continue;
      }
      const ast::Expr& expr = *std::get<ast::ExprPtr>(type.sizes[i]);
      const bool simple =
          std::holds_alternative<ast::NameRef>(expr.node) || std::holds_alternative<ast::Number>(expr.node);
      if (simple != computed && !match_axis(argument, expr, type.size_spans[i], dims[axis])) return false;
      ++axis;
    }
    return true;
  }

  // A number fills the shape its type has by now.
  bool fill(const ast::Parameter& parameter, DType dtype, Local& local) {
    const Number number = *local.value.as<Number>();
    const ast::Type& type = *parameter.type;
    const Site here{site.frame, local.span};
    if (is_integer(dtype) && !number.is_whole) {
      e.error(DiagnosticKind::dtype_mismatch, here,
              fmt::format("{} of {} is {}, and {} is not whole", parameter.name.text, name, dtype_name(dtype),
                          text_of(number)));
      return false;
    }
    if (has_run(type) && !frame.run) frame.run = Dims{};
    for (const auto& size : type.sizes) {
      const auto* expr = std::get_if<ast::ExprPtr>(&size);
      const auto* ref = expr ? std::get_if<ast::NameRef>(&(*expr)->node) : nullptr;
      std::optional<Datum> storage;
      if (ref == nullptr || known_size(ref->name, storage, (*expr)->span) != nullptr) continue;
      e.error(DiagnosticKind::shape_mismatch, here,
              fmt::format("{} of {} is a tensor, a number does not say what {} is", parameter.name.text, name,
                          ref->name));
      return false;
    }
    const std::optional<Dims> dims = e.resolve_dims(type, frame);
    if (!dims) return false;
    local.value = e.number_tensor(number, dtype, *dims, here);
    return true;
  }
};

}  // namespace

bool Elaborator::match_arguments(std::span<const ast::Parameter> declared, Frame& frame,
                                 const Operand& callee, const std::string& callee_name, const Site& site) {
  Matcher matcher{*this, frame, callee, callee_name, site};
  std::vector<TensorArgument> arguments;
  std::vector<std::pair<const ast::Parameter*, DType>> numbers;
  bool good = true;
  for (const ast::Parameter& parameter : declared) {
    if (!parameter.type) continue;
    Local& local = frame.locals[parameter.name.text];
    if (local.value.poisoned()) return false;
    const ast::Type& type = *parameter.type;
    const std::string what = fmt::format("{} of {}", parameter.name.text, callee_name);
    if (!type.has_sizes && (number_type(type.name.text) != nullptr || type.name.text == "bool")) {
      // A default that is computed from an argument that is wrong already is wrong by that alone.
      if (!good && library.is_standard(local.span)) continue;
      local.value = coerce(local.value, type, what, local.span.valid() ? local.span : site.span, site.frame);
      good = good && !local.value.poisoned();
      continue;
    }
    const std::optional<DType> dtype = resolve_dtype(type, frame);
    if (!dtype) return false;
    if (!type.has_sizes) {
      resolve_dims(type, frame);  // says that sizes are missing
      return false;
    }
    ++matcher.tensors;
    if (local.value.as<Number>()) {
      numbers.emplace_back(&parameter, *dtype);
      continue;
    }
    const std::optional<Tensor> tensor = as_tensor(Operand{local.value, local.span}, *dtype, what, site);
    if (!tensor) return false;
    arguments.push_back({&parameter, *dtype, &local, *tensor});
  }
  if (!good) return false;
  for (TensorArgument& argument : arguments) {
    const bool rate = argument.tensor.dtype == DType::f64 && argument.dtype == DType::f32;
    if (argument.tensor.dtype != argument.dtype && !rate) {
      matcher.clash(argument);
      return false;
    }
  }
  for (const bool computed : {false, true}) {
    for (TensorArgument& argument : arguments) {
      if (!matcher.match(argument, computed)) return false;
    }
  }
  for (TensorArgument& argument : arguments) argument.local->value = argument.tensor;
  for (const auto& [parameter, dtype] : numbers) {
    if (!matcher.fill(*parameter, dtype, frame.locals[parameter->name.text])) return false;
  }
  if (meanings != nullptr)
    for (const ast::Parameter& parameter : declared)
      note_value(parameter.name.span, frame.locals[parameter.name.text].value);
  return true;
}

}  // namespace nnc::frontend
