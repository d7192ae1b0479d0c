// Types in signatures and bindings: sizes are unified at each call, `...` stands for one run of dimensions,
// and a clash is told in the user's own names, with the place its number comes from.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <limits>

#include "frontend/elaborate/elaborator.h"
#include "frontend/elaborate/type_match.h"
#include "frontend/syntax/lexer.h"
#include "support/suggest.h"

namespace nnc::frontend {

std::optional<DType> Elaborator::resolve_dtype(const ast::Type& type, Frame& frame) {
  const std::string& name = type.name.text;
  if (name == "f32") return DType::f32;
  if (name == "i32") return DType::i32;
  if (name == "bool") return DType::boolean;
  if (number_type(name) != nullptr) {
    error(DiagnosticKind::unknown_type, Site{frame, type.span},
          fmt::format("{} is one number, known while compiling: it has no sizes", name))
        .suggest(fmt::format("{}, or a tensor: f32[…]", name));
    return std::nullopt;
  }
  Diagnostic& diagnostic =
      error(DiagnosticKind::unknown_type, Site{frame, type.name.span}, fmt::format("unknown type {}", name));
  std::vector<std::string> known{"f32", "i32", "bool"};
  for (const NumberType& number : number_types()) known.emplace_back(number.word);
  if (name == "float" || name == "float32" || name == "f64" || name == "Tensor") {
    diagnostic.suggest("did you mean f32?");
  } else if (const std::optional<std::string> near = suggest(name, known)) {
    diagnostic.suggest(fmt::format("did you mean {}?", *near));
  } else {
    diagnostic.suggest(
        "types are int, count, number, fraction, positive, nonnegative, bool, f32[…] and i32[…]");
  }
  return std::nullopt;
}

void unknown_size(Elaborator& e, const std::string& name, const Site& site) {
  Diagnostic& diagnostic = e.error(DiagnosticKind::unknown_size, site, fmt::format("unknown size {}", name));
  const std::vector<std::string> known = e.known_names(site.frame, true);
  if (const std::optional<std::string> near = suggest(name, known)) {
    diagnostic.suggest(fmt::format("did you mean {}?", *near));
  } else if (site.frame.self != nullptr && site.frame.self->is_model) {
    diagnostic.suggest("a size of a model is a number, a whole-number member or argument, or batch");
  }
}

std::optional<Number> Elaborator::resolve_size(const ast::Expr& expr, Frame& frame) {
  const Site site{frame, expr.span};
  Datum value;
  if (const auto* name = std::get_if<ast::NameRef>(&expr.node)) {
    if (!lookup(name->name, site)) {
      unknown_size(*this, name->name, site);
      return std::nullopt;
    }
    value = name_value(name->name, site);
  } else {
    value = eval(expr, frame);
  }
  const Number* number = value.as<Number>();
  if (number == nullptr) {
    if (!value.poisoned()) {
      error(DiagnosticKind::bad_size, site, fmt::format("a size is a whole number, not {}", describe(value)));
    }
    return std::nullopt;
  }
  if (!number->is_whole) {
    error(DiagnosticKind::bad_size, site,
          fmt::format("a size must come out whole, not {}", text_of(*number)));
    return std::nullopt;
  }
  if (number->whole < 1 || number->whole > (int64_t{1} << 31)) {
    error(DiagnosticKind::bad_size, site,
          fmt::format("a size is at least 1 and at most 2^31, not {}", number->whole));
    return std::nullopt;
  }
  return *number;
}

namespace {

bool is_literal_one(const ast::Expr& expr) {
  const auto* number = std::get_if<ast::Number>(&expr.node);
  return number != nullptr && number->is_integer && number->value == 1;
}

bool needs_sizes(Elaborator& e, const ast::Type& type, Frame& frame) {
  if (type.has_sizes) return true;
  e.error(DiagnosticKind::unknown_type, Site{frame, type.span},
          fmt::format("{} needs its sizes", type.name.text))
      .suggest(fmt::format("{}[] is one number, {}[…] any shape", type.name.text, type.name.text));
  return false;
}

}  // namespace

std::optional<Dims> Elaborator::resolve_dims(const ast::Type& type, Frame& frame) {
  if (!resolve_dtype(type, frame) || !needs_sizes(*this, type, frame)) return std::nullopt;
  Dims dims;
  for (size_t i = 0; i < type.sizes.size(); ++i) {
    if (std::holds_alternative<ast::Ellipsis>(type.sizes[i])) {
      if (!frame.run) {
        error(DiagnosticKind::unknown_size, Site{frame, type.size_spans[i]},
              "`...` stands for axes of an argument, and no argument has it here");
        return std::nullopt;
      }
      dims.insert(dims.end(), frame.run->begin(), frame.run->end());
      continue;
    }
    const ast::Expr& expr = *std::get<ast::ExprPtr>(type.sizes[i]);
    const std::optional<Number> size = resolve_size(expr, frame);
    if (!size) return std::nullopt;
    dims.push_back(dim_of(*size));
    dims.back().written_one = is_literal_one(expr);
  }
  if (dims.size() > 8 || element_count(shape_of(dims)) < 0) {
    error(DiagnosticKind::too_large, Site{frame, type.span},
          fmt::format("{} is too large: a tensor has at most 8 axes and 2^40 elements", text_of(dims)));
    return std::nullopt;
  }
  return dims;
}

namespace {

constexpr double kAny = std::numeric_limits<double>::infinity();
constexpr std::array<NumberType, 6> kNumberTypes{{
    {"int", true, -kAny, kAny, false, ""},
    {"count", true, 1, kAny, false, "counts something: it is at least 1"},
    {"number", false, -kAny, kAny, false, "is a number"},
    {"fraction", false, 0, 1, false, "is from 0 to 1"},
    {"positive", false, 0, kAny, true, "is above 0"},
    {"nonnegative", false, 0, kAny, false, "is at least 0"},
}};

// Why the value is not of the type: "is from 0 to 1, not 1.5". Empty if it is.
std::string refused(const NumberType& type, const Datum& value) {
  const Number* number = value.as<Number>();
  if (number == nullptr || (type.whole && !number->is_whole))
    return fmt::format("is a {}, not {}", type.whole ? "whole number (int)" : "number", describe(value));
  const double x = number->value();
  if (x >= type.least && x <= type.most && !(type.above && x == type.least)) return "";
  return fmt::format("{}, not {}", type.demand, text_of(*number));
}

// "dim is 8, heads is 3": the numbers that the expression at `span` computes with.
std::string numbers_in(Elaborator& e, Span span, const Site& site) {
  const std::string text = e.source_text(span);
  const auto in_name = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
  std::vector<std::string> seen, said;
  for (size_t i = 0; i < text.size();) {
    size_t end = i;
    while (end < text.size() && in_name(text[end])) ++end;
    const std::string name = text.substr(i, end - i);
    i = std::max(end, i + 1);
    if (!is_plain_name(name)) continue;
    if (std::ranges::find(seen, name) != seen.end()) continue;
    seen.push_back(name);
    const std::optional<Datum> value = e.lookup(name, site);
    if (const Number* number = value ? value->as<Number>() : nullptr; number && text_of(*number) != name)
      said.push_back(fmt::format("{} is {}", name, text_of(*number)));
  }
  return fmt::format("{}", fmt::join(said, ", "));
}

}  // namespace

std::span<const NumberType> number_types() {
  return kNumberTypes;
}

const NumberType* number_type(std::string_view word) {
  const auto found = std::ranges::find(kNumberTypes, word, &NumberType::word);
  return found == kNumberTypes.end() ? nullptr : &*found;
}

Datum Elaborator::coerce(const Datum& value, const ast::Type& type, const std::string& what, Span value_span,
                         Frame& frame) {
  if (value.poisoned()) return Poison{};
  const Site site{frame, value_span};
  const NumberType* demanded = type.has_sizes ? nullptr : number_type(type.name.text);
  if (demanded != nullptr) {
    if (const std::string refusal = refused(*demanded, value); !refusal.empty()) {
      Diagnostic& diagnostic = error(DiagnosticKind::wrong_kind, site, fmt::format("{} {}", what, refusal));
      const Number* number = value.as<Number>();
      if (const std::string known = numbers_in(*this, value_span, site); number != nullptr && !known.empty())
        diagnostic.note(known);
      if (number != nullptr && demanded->whole && !number->is_whole &&
          number->real == std::floor(number->real) && std::fabs(number->real) < 0x1p53)
        diagnostic.suggest(fmt::format("{:.0f}", number->real));
      return Poison{};
    }
    return value;
  }
  if (type.name.text == "bool" && !type.has_sizes) {
    if (value.as<Flag>()) return value;
    error(DiagnosticKind::wrong_kind, site,
          fmt::format("{} is true or false (bool), not {}", what, describe(value)));
    return Poison{};
  }
  const std::optional<DType> dtype = resolve_dtype(type, frame);
  const std::optional<Dims> dims = dtype ? resolve_dims(type, frame) : std::nullopt;
  if (!dims) return Poison{};
  if (const Number* number = value.as<Number>()) {
    if (is_integer(*dtype) && !number->is_whole) {
      error(DiagnosticKind::dtype_mismatch, site,
            fmt::format("{} is {}, and {} is not whole", what, dtype_name(*dtype), text_of(*number)));
      return Poison{};
    }
    return number_tensor(*number, *dtype, *dims, site);
  }
  std::optional<Tensor> tensor = as_tensor(Operand{value, value_span}, *dtype, what, site);
  if (!tensor) return Poison{};
  if (tensor->dtype != *dtype && !(tensor->dtype == DType::f64 && *dtype == DType::f32)) {
    error(DiagnosticKind::dtype_mismatch, site,
          fmt::format("{} is {}{}, not {}", what, dtype_name(*dtype), text_of(*dims), text_of(*tensor)))
        .suggest(fmt::format("{}({})", dtype_name(*dtype), source_text(value_span)));
    return Poison{};
  }
  if (!unify(tensor->dims, *dims)) {
    error(DiagnosticKind::shape_mismatch, site,
          fmt::format("{} is {} but its value is {}", what, text_of(*dims), text_of(tensor->dims)))
        .label(type.span, "its type");
    return Poison{};
  }
  tensor->dims = *dims;
  return *tensor;
}

Datum Elaborator::check_result(const Datum& value, const ast::Type& type, const std::string& callee,
                               Span value_span, Frame& frame) {
  if (value.poisoned() || !type.has_sizes) {
    return type.has_sizes ? Datum(Poison{}) : coerce(value, type, callee, value_span, frame);
  }
  const Site site{frame, value_span};
  const std::optional<DType> dtype = resolve_dtype(type, frame);
  if (!dtype) return Poison{};
  for (size_t i = 0; i < type.sizes.size(); ++i) {
    const auto* expr = std::get_if<ast::ExprPtr>(&type.sizes[i]);
    const auto* name = expr ? std::get_if<ast::NameRef>(&(*expr)->node) : nullptr;
    if (name == nullptr || lookup(name->name, Site{frame, (*expr)->span})) continue;
    if (frame.closed_sizes) {
      unknown_size(*this, name->name, Site{frame, (*expr)->span});
    } else {
      error(DiagnosticKind::size_only_in_result, Site{frame, (*expr)->span},
            fmt::format("size {} appears only in the result: no argument says what it is", name->name));
    }
    return Poison{};
  }
  const std::optional<Dims> dims = resolve_dims(type, frame);
  if (!dims) return Poison{};
  if (value.as<Number>()) return coerce(value, type, callee, value_span, frame);
  std::optional<Tensor> tensor = as_tensor(Operand{value, value_span}, *dtype, callee, site);
  if (!tensor) return Poison{};
  const bool rate = tensor->dtype == DType::f64 && *dtype == DType::f32;  // a run-time number stays double
  if (!unify(tensor->dims, *dims) || (tensor->dtype != *dtype && !rate)) {
    Tensor promised = *tensor;
    promised.dtype = *dtype;
    promised.dims = *dims;
    error(DiagnosticKind::shape_mismatch, site,
          fmt::format("{} gives {}, but its type says {}", callee, text_of(*tensor), text_of(promised)))
        .label(type.span, "the type");
    return Poison{};
  }
  for (size_t i = 0; i < dims->size(); ++i) {
    Dim& dim = tensor->dims[i];
    const Dim& said = (*dims)[i];
    dim.written_one = said.written_one;
    if (dim.name.empty() && !said.name.empty()) dim.name = said.name;
    if (!dim.origin.valid()) dim.origin = said.origin;
  }
  return *tensor;
}

}  // namespace nnc::frontend
