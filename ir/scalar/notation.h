// A notation for sequences of primitive operations, so that they read as formulas; for scalar_math*.cpp only.
#pragma once

#include <cstdint>
#include <span>

#include "ir/scalar/scalar.h"

namespace nnc::notation {

// A value with its builder.
struct Num {
  ScalarBuilder* b;
  ScalarValue v;

  Num of(double value) const { return {b, b->constant(v.dtype, value)}; }
  Num integer(int64_t value) const { return {b, b->integer(v.dtype, value)}; }  // v is an integer
  Num bits() const { return {b, b->bitcast(v.dtype == DType::f32 ? DType::i32 : DType::i64, v)}; }
  Num number() const { return {b, b->bitcast(v.dtype == DType::i32 ? DType::f32 : DType::f64, v)}; }
};
inline Num operator+(Num x, Num y) {
  return {x.b, x.b->add(x.v, y.v)};
}
inline Num operator-(Num x, Num y) {
  return {x.b, x.b->sub(x.v, y.v)};
}
inline Num operator*(Num x, Num y) {
  return {x.b, x.b->mul(x.v, y.v)};
}
inline Num operator/(Num x, Num y) {
  return {x.b, x.b->div(x.v, y.v)};
}
inline Num operator-(Num x) {
  return {x.b, x.b->neg(x.v)};
}
inline Num operator&(Num x, Num y) {
  return {x.b, x.b->bit_and(x.v, y.v)};
}
inline Num operator|(Num x, Num y) {
  return {x.b, x.b->bit_or(x.v, y.v)};
}
inline Num operator<<(Num x, int bits) {
  return {x.b, x.b->shift_left(x.v, bits)};
}
inline Num operator<(Num x, Num y) {
  return {x.b, x.b->compare(Compare::lt, x.v, y.v)};
}
inline Num operator<=(Num x, Num y) {
  return {x.b, x.b->compare(Compare::le, x.v, y.v)};
}
inline Num operator>(Num x, Num y) {
  return {x.b, x.b->compare(Compare::gt, x.v, y.v)};
}
inline Num operator==(Num x, Num y) {
  return {x.b, x.b->compare(Compare::eq, x.v, y.v)};
}
inline Num operator!=(Num x, Num y) {
  return {x.b, x.b->compare(Compare::ne, x.v, y.v)};
}
inline Num operator&&(Num x, Num y) {
  return {x.b, x.b->logical_and(x.v, y.v)};
}
inline Num operator!(Num x) {
  return {x.b, x.b->logical_not(x.v)};
}
inline Num fma(Num x, Num y, Num z) {
  return {x.b, x.b->fma(x.v, y.v, z.v)};
}
inline Num select(Num condition, Num x, Num y) {
  return {x.b, x.b->select(condition.v, x.v, y.v)};
}
inline Num abs(Num x) {
  return {x.b, x.b->abs(x.v)};
}
inline Num floor(Num x) {
  return {x.b, x.b->floor(x.v)};
}
inline Num round_even(Num x) {
  return {x.b, x.b->round_even(x.v)};
}
inline Num sqrt(Num x) {
  return {x.b, x.b->sqrt(x.v)};
}
inline Num to(DType dtype, Num x) {
  return {x.b, x.b->cast(dtype, x.v)};
}

// A NaN stays.
inline Num at_most(Num x, double limit) {
  return select(x > x.of(limit), x.of(limit), x);
}
inline Num at_least(Num x, double limit) {
  return select(x < x.of(limit), x.of(limit), x);
}
// magnitude >= 0
inline Num with_sign_of(Num magnitude, Num x) {
  const int64_t sign_bit = x.v.dtype == DType::f32 ? int64_t{INT32_MIN} : INT64_MIN;
  return (magnitude.bits() | (x.bits() & x.bits().integer(sign_bit))).number();
}

// c[0] + c[1] x + … by Horner's rule.
inline Num polynomial(Num x, std::span<const double> c) {
  Num sum = x.of(c.back());
  for (size_t i = c.size() - 1; i-- > 0;) sum = fma(sum, x, x.of(c[i]));
  return sum;
}

}  // namespace nnc::notation
