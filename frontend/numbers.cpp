// Arithmetic while compiling: whole numbers stay exact, everything else is double. What is returned still
// knows how it depends on the batch, so that a metric never takes one batch's size for the whole set's.
#include <fmt/format.h>

#include <array>
#include <cmath>

#include "frontend/elaborator.h"

namespace nnc::frontend {
namespace {

BatchKind batch_of(Op op, const Number& a, const Number& b) {
  if (a.batch == BatchKind::none && b.batch == BatchKind::none) return BatchKind::none;
  if (a.batch == BatchKind::mixed || b.batch == BatchKind::mixed) return BatchKind::mixed;
  const bool both = a.batch == BatchKind::scaled && b.batch == BatchKind::scaled;
  if (op == Op::mul && !both) return BatchKind::scaled;
  if (op == Op::div && b.batch == BatchKind::none) return BatchKind::scaled;
  if ((op == Op::add || op == Op::sub) && both) return BatchKind::scaled;
  return BatchKind::mixed;
}

std::string batch_name(Op op, const Number& a, const Number& b) {
  const auto side = [](const Number& n) { return n.name.empty() ? text_of(n) : n.name; };
  const std::array sides = {MathText{side(a)}, MathText{side(b)}};
  return op_def(op).math(sides, NoAttrs{}).text;
}

std::variant<Number, bool, std::string> whole_result(Op op, int64_t a, int64_t b) {
  int64_t r = 0;
  bool overflow = false;
  switch (op) {
    case Op::add:
      overflow = __builtin_add_overflow(a, b, &r);
      break;
    case Op::sub:
      overflow = __builtin_sub_overflow(a, b, &r);
      break;
    case Op::mul:
      overflow = __builtin_mul_overflow(a, b, &r);
      break;
    case Op::maximum:
      r = std::max(a, b);
      break;
    case Op::minimum:
      r = std::min(a, b);
      break;
    case Op::floordiv:
    case Op::div: {
      if (b == 0) return std::string("division by zero");
      if (b == -1) {
        overflow = __builtin_sub_overflow(int64_t{0}, a, &r);
        break;
      }
      const int64_t rest = a % b;
      if (op == Op::div && rest != 0) return real_number(static_cast<double>(a) / static_cast<double>(b));
      r = a / b - ((rest != 0 && (rest < 0) != (b < 0)) ? 1 : 0);
      break;
    }
    case Op::pow: {
      if (b < 0) {
        if (a == 0) return std::string("division by zero");
        return real_number(std::pow(static_cast<double>(a), static_cast<double>(b)));
      }
      r = 1;
      if (a == 0 || a == 1 || a == -1) {
        r = b == 0 ? 1 : a == -1 ? (b % 2 == 0 ? 1 : -1) : a;
        break;
      }
      for (int64_t i = 0; i < b && !overflow; ++i) overflow = __builtin_mul_overflow(r, a, &r);
      break;
    }
    default: {
      const Number x = whole_number(a), y = whole_number(b);
      return compute_op(op, std::array{&x, &y});
    }
  }
  if (overflow) return std::string("a whole number beyond 2^63");
  return whole_number(r);
}

std::variant<Number, bool, std::string> real_result(Op op, double a, double b) {
  switch (op) {
    case Op::add:
      return real_number(a + b);
    case Op::sub:
      return real_number(a - b);
    case Op::mul:
      return real_number(a * b);
    case Op::div:
      if (b == 0) return std::string("division by zero");
      return real_number(a / b);
    case Op::floordiv:
      if (b == 0) return std::string("division by zero");
      return real_number(std::floor(a / b));
    default: {
      const Number x = real_number(a), y = real_number(b);
      return compute_op(op, std::array{&x, &y});
    }
  }
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
  const double value = def.eval(operands, def.attrs, std::span(&scalar, 1))[0].data[0];
  Number result = whole ? whole_number(static_cast<int64_t>(value)) : real_number(value);
  if (batch) {
    result.batch = BatchKind::mixed;
    result.name = def.math(names, def.attrs).text;
  }
  return result;
}

std::variant<Number, bool, std::string> compute(Op op, const Number& a, const Number& b) {
  const bool whole = a.is_whole && b.is_whole;
  const double x = a.value(), y = b.value();
  switch (op) {
    case Op::eq:
      return whole ? a.whole == b.whole : x == y;
    case Op::ne:
      return whole ? a.whole != b.whole : x != y;
    case Op::lt:
      return whole ? a.whole < b.whole : x < y;
    case Op::le:
      return whole ? a.whole <= b.whole : x <= y;
    case Op::gt:
      return whole ? a.whole > b.whole : x > y;
    case Op::ge:
      return whole ? a.whole >= b.whole : x >= y;
    default:
      break;
  }
  auto result = whole ? whole_result(op, a.whole, b.whole) : real_result(op, x, y);
  if (Number* number = std::get_if<Number>(&result)) {
    number->batch = batch_of(op, a, b);
    if (number->batch != BatchKind::none) number->name = batch_name(op, a, b);
  }
  return result;
}

}  // namespace nnc::frontend
