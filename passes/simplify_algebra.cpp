// The algebra rules of simplify (listed at the top of simplify.cpp).
#include <cmath>

#include "passes/simplify.h"

namespace nnc::passes {
namespace {

using Rewrite = std::optional<Value>;

// The operand of a negation.
Rewrite negated(const Simplifier& s, Value value) {
  const Node* node = s.made(value, Op::neg);
  return node ? Rewrite(node->operands[0]) : std::nullopt;
}

// Multiplication keeps no order of its operands: the constant, if one is, and the other.
struct Scaled {
  Value x;
  double c;
};
std::optional<Scaled> scaled(const Simplifier& s, std::span<const Value> x) {
  if (auto c = s.number(x[1])) return Scaled{x[0], *c};
  if (auto c = s.number(x[0])) return Scaled{x[1], *c};
  return std::nullopt;
}
std::optional<Scaled> scaled(const Simplifier& s, Value value) {
  const Node* node = s.made(value, Op::mul);
  return node ? scaled(s, node->operands) : std::nullopt;
}

// ---- sums ------------------------------------------------------------------------------------------------

Rewrite add_zero(Simplifier& s, const Candidate& c) {
  if (s.is_number(c.x[1], 0)) return c.x[0];
  if (s.is_number(c.x[0], 0)) return c.x[1];
  return std::nullopt;
}

Rewrite add_itself(Simplifier& s, const Candidate& c) {
  return c.x[0] == c.x[1] ? Rewrite(s.mul(c.x[0], s.fill(c.type, 2))) : std::nullopt;
}

Rewrite add_negated(Simplifier& s, const Candidate& c) {
  if (Rewrite b = negated(s, c.x[1])) return s.make(Op::sub, {c.x[0], *b});
  if (Rewrite a = negated(s, c.x[0])) return s.make(Op::sub, {c.x[1], *a});
  return std::nullopt;
}

Rewrite sub_zero(Simplifier& s, const Candidate& c) {
  if (s.is_number(c.x[1], 0)) return c.x[0];
  if (s.is_number(c.x[0], 0)) return s.neg(c.x[1]);
  return std::nullopt;
}

Rewrite sub_negated(Simplifier& s, const Candidate& c) {
  Rewrite b = negated(s, c.x[1]);
  return b ? Rewrite(s.make(Op::add, {c.x[0], *b})) : std::nullopt;
}

Rewrite negate(Simplifier& s, const Candidate& c) {
  if (Rewrite a = negated(s, c.x[0])) return a;
  if (const Node* sub = s.made(c.x[0], Op::sub)) {
    Value a = sub->operands[0];
    Value b = sub->operands[1];
    return s.make(Op::sub, {b, a});
  }
  if (auto m = scaled(s, c.x[0]); m && is_float(c.type.dtype)) return s.mul(m->x, s.fill(c.type, -m->c));
  if (const Node* div = s.made(c.x[0], Op::div)) {
    Value a = div->operands[0];
    Value b = div->operands[1];
    if (auto n = s.number(b)) return s.make(Op::div, {a, s.fill(c.type, -*n)});
    if (auto n = s.number(a)) return s.make(Op::div, {s.fill(c.type, -*n), b});
  }
  return std::nullopt;
}

// ---- products --------------------------------------------------------------------------------------------

// x * 1, x * -1, and chains with a constant before it.
Rewrite mul_constant(Simplifier& s, const Candidate& c) {
  auto m = scaled(s, c.x);
  if (!m) return std::nullopt;
  if (m->c == 1) return m->x;
  if (m->c == -1 && is_float(c.type.dtype)) return s.neg(m->x);
  if (!is_float(c.type.dtype)) return std::nullopt;
  if (Rewrite a = negated(s, m->x)) return s.mul(*a, s.fill(c.type, -m->c));
  if (auto inner = scaled(s, m->x)) {
    if (Rewrite k = s.combined(c.type, inner->c * m->c)) return s.mul(inner->x, *k);
    return std::nullopt;
  }
  if (const Node* div = s.made(m->x, Op::div)) {
    Value a = div->operands[0];
    Value b = div->operands[1];
    if (auto n = s.number(b)) {
      if (Rewrite k = s.combined(c.type, m->c / *n)) return s.mul(a, *k);
    } else if (auto n1 = s.number(a)) {
      if (Rewrite k = s.combined(c.type, *n1 * m->c)) return s.make(Op::div, {*k, b});
    }
  }
  return std::nullopt;
}

Rewrite signs_of_product(Simplifier& s, const Candidate& c) {
  Rewrite a = negated(s, c.x[0]);
  Rewrite b = negated(s, c.x[1]);
  if (!a && !b) return std::nullopt;
  Value product = s.make(c.op, {a.value_or(c.x[0]), b.value_or(c.x[1])});
  return a && b ? product : s.neg(product);
}

bool is_power_of_two(double x) {
  int exponent = 0;
  return std::isfinite(x) && std::fabs(std::frexp(x, &exponent)) == 0.5;
}

Rewrite div_constant(Simplifier& s, const Candidate& c) {
  auto d = s.number(c.x[1]);
  if (!d || !is_float(c.type.dtype) || *d == 0) return std::nullopt;
  if (*d == 1) return c.x[0];
  if (*d == -1) return s.neg(c.x[0]);
  if (auto inner = scaled(s, c.x[0])) {
    if (Rewrite k = s.combined(c.type, inner->c / *d)) return s.mul(inner->x, *k);
  }
  if (const Node* div = s.made(c.x[0], Op::div)) {
    Value a = div->operands[0];
    if (auto n = s.number(div->operands[1])) {
      if (Rewrite k = s.combined(c.type, *n * *d)) return s.make(Op::div, {a, *k});
    }
  }
  if (is_power_of_two(*d)) {
    if (Rewrite k = s.combined(c.type, 1 / *d)) return s.mul(c.x[0], *k);
  }
  return std::nullopt;
}

// Small constant exponents as products, square roots and reciprocals.
Rewrite pow_constant(Simplifier& s, const Candidate& c) {
  auto e = s.number(c.x[1]);
  if (!e || !is_float(c.type.dtype)) return std::nullopt;
  Value x = c.x[0];
  if (*e == 0) return s.fill(c.type, 1);
  if (*e == 1) return x;
  if (*e == 2) return s.mul(x, x);
  if (*e == 3) return s.mul(s.mul(x, x), x);
  if (*e == 4) {
    Value square = s.mul(x, x);
    return s.mul(square, square);
  }
  if (*e == 0.5) return s.make(Op::sqrt, {x});
  if (*e == -1) return s.make(Op::div, {s.fill(c.type, 1), x});
  if (*e == -2) return s.make(Op::div, {s.fill(c.type, 1), s.mul(x, x)});
  if (*e == -0.5) return s.make(Op::div, {s.fill(c.type, 1), s.make(Op::sqrt, {x})});
  return std::nullopt;
}

// ---- choices ---------------------------------------------------------------------------------------------

Rewrite choose(Simplifier& s, const Candidate& c) {
  if (auto condition = s.number(c.x[0])) return *condition != 0 ? c.x[1] : c.x[2];
  if (c.x[1] == c.x[2]) return c.x[1];
  if (const Node* inverted = s.made(c.x[0], Op::logical_not)) {
    Value condition = inverted->operands[0];
    return s.make(Op::where, {condition, c.x[2], c.x[1]});
  }
  return std::nullopt;
}

Rewrite same_operands(Simplifier&, const Candidate& c) {
  return c.x[0] == c.x[1] ? Rewrite(c.x[0]) : std::nullopt;
}

// and with true, or with false → the other; and with false, or with true → the constant.
Rewrite logic_constant(Simplifier& s, const Candidate& c) {
  for (size_t i = 0; i < 2; ++i) {
    auto n = s.number(c.x[i]);
    if (n) return (*n != 0) == (c.op == Op::logical_and) ? c.x[1 - i] : c.x[i];
  }
  return std::nullopt;
}

Rewrite not_not(Simplifier& s, const Candidate& c) {
  const Node* node = s.made(c.x[0], Op::logical_not);
  return node ? Rewrite(node->operands[0]) : std::nullopt;
}

// Every value of `from` is exactly one of `to`.
bool holds_all(DType to, DType from) {
  if (to == from || from == DType::boolean) return true;
  switch (to) {
    case DType::f64:
      return from != DType::i64;
    case DType::f32:
      return from == DType::u8;
    case DType::i64:
      return from == DType::i32 || from == DType::u8;
    case DType::i32:
      return from == DType::u8;
    default:
      return false;
  }
}

Rewrite cast_again(Simplifier& s, const Candidate& c) {
  if (s.type(c.x[0]).dtype == c.type.dtype) return c.x[0];
  const Node* inner = s.made(c.x[0], Op::cast);
  if (inner == nullptr) return std::nullopt;
  Value x = inner->operands[0];
  if (!holds_all(inner->types[0].dtype, s.type(x).dtype)) return std::nullopt;
  return s.make(Op::cast, {x}, c.attrs);
}

Rewrite drop_detach(Simplifier& s, const Candidate& c) {
  return s.drop_detach ? Rewrite(c.x[0]) : std::nullopt;
}

}  // namespace

std::span<const Rule> algebra_rules() {
  static constexpr Rule kRules[] = {
      {Op::add, add_zero},
      {Op::add, add_itself},
      {Op::add, add_negated},
      {Op::sub, sub_zero},
      {Op::sub, sub_negated},
      {Op::neg, negate},
      {Op::mul, mul_constant},
      {Op::mul, signs_of_product},
      {Op::div, div_constant},
      {Op::div, signs_of_product},
      {Op::pow, pow_constant},
      {Op::where, choose},
      {Op::maximum, same_operands},
      {Op::minimum, same_operands},
      {Op::logical_and, logic_constant},
      {Op::logical_or, logic_constant},
      {Op::logical_and, same_operands},
      {Op::logical_or, same_operands},
      {Op::logical_not, not_not},
      {Op::cast, cast_again},
      {Op::detach, drop_detach},
  };
  return kRules;
}

}  // namespace nnc::passes
