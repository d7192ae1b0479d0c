// Arithmetic while compiling: whole numbers stay exact, everything else is double. What is returned still
// knows how it depends on the batch, so that a metric never takes one batch's size for the whole set's.
#include <fmt/format.h>

#include <array>
#include <cmath>

#include "frontend/builtins/elementwise.h"
#include "ir/scalar/compute.h"

namespace nnc::frontend {
namespace {

BatchKind batch_of(Op op, const Number& a, const Number& b) {
  if (a.batch == BatchKind::none && b.batch == BatchKind::none) return BatchKind::none;
  if (a.batch == BatchKind::mixed || b.batch == BatchKind::mixed) return BatchKind::mixed;
  const bool scaled_a = a.batch == BatchKind::scaled, scaled_b = b.batch == BatchKind::scaled;
  bool scaled = false;
  switch (op_def(op).multiple) {
    case Multiple::never:
      break;
    case Multiple::of_both:
      scaled = scaled_a && scaled_b;
      break;
    case Multiple::of_one:
      scaled = scaled_a != scaled_b;
      break;
    case Multiple::of_first:
      scaled = scaled_a && !scaled_b;
      break;
  }
  return scaled ? BatchKind::scaled : BatchKind::mixed;
}

std::string batch_name(Op op, const Number& a, const Number& b) {
  const auto side = [](const Number& n) { return n.name.empty() ? text_of(n) : n.name; };
  const std::array sides = {MathText{side(a)}, MathText{side(b)}};
  return op_def(op).math(sides, NoAttrs{}).text;
}

// What a comparison says, computed as a compiled one would: of whole numbers in i64, which a double beyond 2^53 cannot
// tell apart. Nothing for other ops.
std::optional<bool> compared(Op op, const Number& a, const Number& b) {
  const OpDef& def = op_def(op);
  const bool whole = a.is_whole && b.is_whole;
  const TensorType type{whole ? DType::i64 : DType::f64, {}};
  const Inferred result = infer_types(op, std::array{type, type}, def.attrs);
  if (!result.error.empty() || result.types[0].dtype != DType::boolean) return std::nullopt;
  ComputingScalars scalars;
  const auto scalar = [&](const Number& n) { return whole ? scalar_i64(n.whole) : scalar_f64(n.value()); };
  return bool_of(def.scalar(scalars, std::array{scalar(a), scalar(b)}, DType::boolean));
}

// The result as a number alone: what it has to do with the batch is for compute() to say.
std::variant<Number, std::string> result_of(Op op, const Number& a, const Number& b) {
  const OpDef& def = op_def(op);
  if (a.is_whole && b.is_whole && def.whole != nullptr) {
    const WholeResult result = def.whole(a.whole, b.whole);
    if (const int64_t* whole = std::get_if<int64_t>(&result)) return whole_number(*whole);
    if (const double* real = std::get_if<double>(&result)) return real_number(*real);
    return std::get<std::string>(result);
  }
  if (b.value() == 0 && def.has(kDivides)) return std::string("division by zero");
  return compute_op(op, std::array{&a, &b});
}

// The op on i64, as compiled code computes it: a double would round beyond 2^53.
int64_t of_whole(const OpDef& def, std::span<const Number* const> numbers) {
  ComputingScalars scalars;
  std::vector<ScalarValue> operands;
  for (const Number* number : numbers) operands.push_back(scalar_i64(number->whole));
  return i64_of(def.scalar(scalars, operands, DType::i64));
}

}  // namespace

Number compute_op(Op op, std::span<const Number* const> numbers) {
  const OpDef& def = op_def(op);
  const TensorType scalar{DType::f64, {}};
  const std::vector<TensorType> integers(numbers.size(), TensorType{DType::i64, {}});
  const Inferred of_integers = infer_types(op, integers, def.attrs);
  bool whole = of_integers.error.empty() && is_integer(of_integers.types[0].dtype), batch = false;
  std::vector<DenseTensor> operands;
  std::vector<MathText> names;
  for (const Number* number : numbers) {
    operands.push_back({scalar, {number->value()}});
    whole = whole && number->is_whole;
    batch = batch || number->batch != BatchKind::none;
    names.push_back({number->name.empty() ? text_of(*number) : number->name});
  }
  Number result = whole ? whole_number(of_whole(def, numbers))
                        : real_number(def.eval(operands, def.attrs, std::span(&scalar, 1))[0].data[0]);
  if (def.has(kWhole) && !result.is_whole && std::fabs(result.real) <= 0x1p53)
    result = whole_number(static_cast<int64_t>(result.real));
  if (batch) {
    result.batch = BatchKind::mixed;
    result.name = def.math(names, def.attrs).text;
  }
  return result;
}

std::variant<Number, bool, std::string> compute(Op op, const Number& a, const Number& b) {
  if (const std::optional<bool> truth = compared(op, a, b)) return *truth;
  std::variant<Number, std::string> result = result_of(op, a, b);
  if (std::string* wrong = std::get_if<std::string>(&result)) return std::move(*wrong);
  Number& number = std::get<Number>(result);
  number.batch = batch_of(op, a, b);
  if (number.batch != BatchKind::none) number.name = batch_name(op, a, b);
  return std::move(number);
}

}  // namespace nnc::frontend
