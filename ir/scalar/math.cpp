// See scalar/math.h. The polynomials are minimax fits of our own, made with Sollya (fpminimax; remez with a
// weight for erf) with coefficients rounded to the format they are used in; the commands are in
// docs/numerics.md.
//
// 2^n is made without a conversion: adding 1.5 * 2^(mantissa bits) rounds to an integer and leaves n in the
// low bits of the sum, which a shift moves into the exponent field.
#include "ir/scalar/math.h"

#include <cmath>
#include <limits>
#include <span>

#include "ir/scalar/notation.h"
#include "support/check.h"

namespace nnc {
namespace {

using namespace notation;

// ---- constants --------------------------------------------------------------------------------------------

// exp(r) = 1 + r + r^2 (c[0] + c[1] r + …) for |r| <= ln(2)/2. Error 3.3e-9; 7.3e-18.
constexpr double kExp32[] = {0x1.fffffap-2, 0x1.555492p-3, 0x1.555a26p-5, 0x1.12397ep-7, 0x1.694c8ep-10};
constexpr double kExp64[] = {0x1.0000000000005p-1,  0x1.555555555553bp-3,  0x1.555555555210dp-5,
                             0x1.1111111118831p-7,  0x1.6c16c17f2eb27p-10, 0x1.a01a0177f1cdp-13,
                             0x1.a019a6a2e1e17p-16, 0x1.71de810bd6a4ep-19, 0x1.28a28da7cbad9p-22,
                             0x1.ae777222cce04p-26};
// exp(r) - 1 = r + r^2 (c[0] + …): fitted relative to exp(r) - 1. Error 1.4e-8.
constexpr double kExpm1[] = {0x1.fffffep-2, 0x1.5554bp-3, 0x1.555716p-5, 0x1.122792p-7, 0x1.6b734ap-10};
// tanh(r) = r + r^3 (c[0] + c[1] r^2 + …) for |r| <= ln(2)/4. Error 1.7e-10.
constexpr double kTanh[] = {-0x1.55554ep-2, 0x1.1105a4p-3, -0x1.afe2bap-5};
// log(1 + f) = f + f^2 (c[0] + c[1] f + …) for |f| <= 1/3. Error 4.7e-9.
constexpr double kLog1p[] = {-0.5,          0x1.555506p-2,  -0x1.fffefp-3, 0x1.99d05ep-3, -0x1.559de4p-3,
                             0x1.1ed424p-3, -0x1.f30e36p-4, 0x1.1e73a2p-3, -0x1.080cap-3};
// 2 atanh(q/2) = q + q^3/12 + q^5 (c[0] + c[1] q^2 + …) for |q| <= 0.3432. Error 8.5e-12; 7.6e-23.
constexpr double kAtanh32[] = {0x1.999ap-7, 0x1.245282p-9, 0x1.dfa07cp-12};
constexpr double kAtanh64[] = {0x1.9999999999996p-7,  0x1.2492492492f4bp-9,  0x1.c71c71c59796ap-12,
                               0x1.745d1828c79ebp-14, 0x1.3b1364f1016b3p-16, 0x1.1120692f23f28p-18,
                               0x1.de3e60660371cp-21, 0x1.eabe236a41b7bp-23};
// -log(erfc(t)) = t + t (c[0] + c[1] t + …) for 0 <= t <= 4, fitted to the relative error of erf.
// Error 4.3e-9.
constexpr double kLogErfc[] = {0x1.06eba8p-3,   0x1.45f3p-1,     0x1.a4f8c4p-4,
                               -0x1.39b7ccp-6,  -0x1.6374bep-13, 0x1.b74396p-10,
                               -0x1.4e27a6p-11, 0x1.f2853ep-14,  -0x1.3afcd2p-17};

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
// ln 2 in f32 is off by 1.9e-9 only: with a small factor one multiply-add is precise enough.
constexpr double kLn2Single = 0x1.62e43p-1;

struct Format {
  int mantissa;  // bits stored
  double round;  // 1.5 * 2^mantissa
  double log2e;
  double ln2, ln2_rest;              // ln 2 to the format's precision, and what is missing
  double ln2_short, ln2_short_rest;  // ln 2 to so few bits that its product with an exponent is exact
  double twelfth, twelfth_rest;      // 1/12 likewise
  double exp_low, exp_high;          // exp is a normal number between these
  double least;                      // smallest normal number
  int64_t sign;
  int64_t one;        // bits of 1.0
  int64_t root_half;  // bits of sqrt(1/2)
  std::span<const double> exp, atanh;
};
constexpr Format kFormat32 = {23,
                              0x1.8p23,
                              0x1.715476p0,
                              kLn2Single,
                              -0x1.05c61p-29,
                              0x1.62e4p-1,
                              0x1.7f7d1cp-20,
                              0x1.555556p-4,
                              -0x1.555556p-29,
                              -87.33654022216796875,
                              88.72283172607421875,
                              0x1p-126,
                              INT32_MIN,
                              0x3f800000,
                              0x3f3504f3,
                              kExp32,
                              kAtanh32};
constexpr Format kFormat64 = {52,
                              0x1.8p52,
                              0x1.71547652b82fep0,
                              0x1.62e42fefa39efp-1,
                              0x1.abc9e3b39803fp-56,
                              0x1.62e42fefa4p-1,
                              -0x1.8432a1b0e2634p-43,
                              0x1.5555555555555p-4,
                              0x1.5555555555555p-58,
                              -0x1.6232bdd7abcd2p+9,
                              0x1.62e42fefa39efp+9,
                              0x1p-1022,
                              INT64_MIN,
                              0x3ff0000000000000,
                              0x3fe6a09e667f3bcd,
                              kExp64,
                              kAtanh64};

const Format& format_of(Num x) {
  NNC_CHECK(is_float(x.v.dtype), "a transcendental function of an integer");
  return x.v.dtype == DType::f32 ? kFormat32 : kFormat64;
}
Num f32_only(ScalarBuilder& builder, ScalarValue x) {
  NNC_CHECK(x.dtype == DType::f32, "a function that exists in f32 only");
  return {&builder, x};
}

// ---- pieces -----------------------------------------------------------------------------------------------

// x = n ln 2 + r with |r| <= ln(2)/2, and n in the low bits of `rounded`. |x| must be below 2^(mantissa - 1).
struct Reduced {
  Num r;
  Num rounded;
};
Reduced reduce(Num x) {
  const Format& f = format_of(x);
  const Num rounded = fma(x, x.of(f.log2e), x.of(f.round));
  const Num n = rounded - x.of(f.round);
  const Num r = fma(n, x.of(-f.ln2_rest), fma(n, x.of(-f.ln2), x));
  return {r, rounded};
}
Num exp_reduced(Num r) {
  const Format& f = format_of(r);
  const Num tail = polynomial(r, f.exp);
  // In f32 Horner to the end (one operation less); in f64 the ordering that rounds less.
  if (f.mantissa == 23) return fma(fma(tail, r, r.of(1)), r, r.of(1));
  return r.of(1) + fma(r * r, tail, r);
}
// 2^n for the n in the low bits of `rounded`, which must be the exponent of a normal number, or its least
// less 1 (which gives 0).
Num power_of_two(Num rounded) {
  const Format& f = format_of(rounded);
  const Num shifted = rounded.bits() << f.mantissa;
  return (shifted + shifted.integer(f.one)).number();
}

// exp(x + rest) where |rest| is some ulps of x.
Num exp_whole(Num x, const Num* rest) {
  const Format& f = format_of(x);
  Reduced reduced = reduce(x);
  if (rest != nullptr) reduced.r = reduced.r + *rest;
  // n is added to the exponent: 2^n alone would overflow for the greatest results.
  const Num p = exp_reduced(reduced.r);
  Num y = (p.bits() + (reduced.rounded.bits() << f.mantissa)).number();
  y = select(x < x.of(f.exp_low), x.of(0), y);
  return select(x <= x.of(f.exp_high), y, x + x.of(kInfinity));  // inf, or NaN
}

// log(1 + f) in f32 for |f| <= 1/3.
Num log1p_small(Num f) {
  return fma(f * f, polynomial(f, kLog1p), f);
}

// x = 2^k m with m in [low, 2 low), for positive, finite, normal x; k is given times 2^mantissa, as a float.
struct Split {
  Num exponent;
  Num m;
};
Split split(Num x, int64_t low_bits) {
  const Format& f = format_of(x);
  const Num bits = x.bits();
  const Num exponent = (bits - bits.integer(low_bits)) & bits.integer(-(int64_t{1} << f.mantissa));
  return {{x.b, x.b->cast(x.v.dtype, exponent.v)}, (bits - exponent).number()};
}

// log(x) = high + low to about 1.4 times the format's digits; x positive, finite, normal.
struct Pair {
  Num high;
  Num low;
};
Pair log_pair(Num x) {
  const Format& f = format_of(x);
  const auto [scaled_exponent, m] = split(x, f.root_half);
  const Num k = scaled_exponent * x.of(std::ldexp(1.0, -f.mantissa));
  // q = 2 (m - 1) / (m + 1), with the rounding of m + 1 and of the quotient caught.
  const Num one = x.of(1);
  const Num above = m - one;
  const Num twice = above + above;
  const Num d = m + one;
  const Num d_low = m - (d - one);
  const Num inverse = one / d;
  const Num q = twice * inverse;
  const Num q_low = fma(-q, d_low, fma(-q, d, twice)) * inverse;
  // q^3 / 12, also as a pair.
  const Num z = q * q;
  const Num z_low = fma(q + q, q_low, fma(q, q, -z));
  const Num cube = z * q;
  const Num cube_low = fma(z_low, q, fma(z, q_low, fma(z, q, -cube)));
  const Num third = cube * x.of(f.twelfth);
  const Num third_low =
      fma(cube_low, x.of(f.twelfth), fma(cube, x.of(f.twelfth_rest), fma(cube, x.of(f.twelfth), -third)));
  const Num tail = (cube * z) * polynomial(z, f.atanh);
  // Add up from the greatest; each term is smaller than the sum before it, so the rounding of each sum is
  // exact.
  const Num whole = k * x.of(f.ln2_short);
  const Num first = whole + q;
  const Num first_low = (whole - first) + q;
  const Num second = first + third;
  const Num second_low = (first - second) + third;
  const Num low = fma(k, x.of(f.ln2_short_rest), first_low + second_low + (third_low + q_low + tail));
  const Num high = second + low;
  return {high, (second - high) + low};
}

// What log gives outside the positive normal numbers; `y` inside them.
Num log_specials(Num x, Num y) {
  y = select(x < x.of(kInfinity), y, x);  // inf, NaN
  y = select(x < x.of(format_of(x).least), x.of(kNaN), y);
  return select(x == x.of(0), x.of(-kInfinity), y);
}

// log(2^k m) with m in [2/3, 4/3).
constexpr int64_t kTwoThirds32 = 0x3f2aaaab;

}  // namespace

// ---- functions --------------------------------------------------------------------------------------------

ScalarValue scalar_exp(ScalarBuilder& builder, ScalarValue x) {
  return exp_whole({&builder, x}, nullptr).v;
}

ScalarValue scalar_log(ScalarBuilder& builder, ScalarValue operand) {
  const Num x = {&builder, operand};
  if (operand.dtype == DType::f64) return log_specials(x, log_pair(x).high).v;
  const auto [scaled_exponent, m] = split(f32_only(builder, operand), kTwoThirds32);
  const Num y = fma(scaled_exponent, x.of(kLn2Single * 0x1p-23), log1p_small(m - x.of(1)));
  return log_specials(x, y).v;
}

ScalarValue scalar_tanh(ScalarBuilder& builder, ScalarValue operand) {
  // x = n ln(2)/2 + r, and by the addition theorem, with y = tanh(r) and s = 2^n:
  // tanh(x) = ((s - 1) + (s + 1) y) / ((s + 1) + (s - 1) y). For n = 0 that is 2y / 2, hence precise near 0;
  // beyond 10 it rounds to 1. Both signs give the same bits, for s and 1/s only scale numerator and
  // denominator.
  const Num x = f32_only(builder, operand);
  const Num one = x.of(1);
  const Num limited = at_least(at_most(x, 10), -10);
  const Num rounded = fma(limited, x.of(2 * kFormat32.log2e), x.of(kFormat32.round));
  const Num n = rounded - x.of(kFormat32.round);
  const Num r = fma(n, x.of(-kLn2Single / 2), limited);
  const Num z = r * r;
  const Num y = fma(r * z, polynomial(z, kTanh), r);
  const Num s = power_of_two(rounded);
  const Num less = s - one, more = s + one;
  return (fma(more, y, less) / fma(less, y, more)).v;
}

ScalarValue scalar_erf(ScalarBuilder& builder, ScalarValue operand) {
  // erf t = 1 - exp(h), h = log(erfc t): smooth down to 0, so one formula serves all t, and 1 - exp(h) is
  // made as (1 - 2^n) - 2^n (exp(r) - 1), which is precise for small h. Beyond 4 it rounds to 1.
  const Num x = f32_only(builder, operand);
  const Num t = at_most(abs(x), 4);
  const Num h = -fma(t, polynomial(t, kLogErfc), t);
  const Num rounded = fma(h, x.of(kFormat32.log2e), x.of(kFormat32.round));
  const Num n = rounded - x.of(kFormat32.round);
  const Num r = fma(n, x.of(-kLn2Single), h);
  const Num q = fma(r * r, polynomial(r, kExpm1), r);
  const Num scale = power_of_two(rounded);
  return with_sign_of(fma(-scale, q, x.of(1) - scale), x).v;
}

ScalarValue scalar_sigmoid(ScalarBuilder& builder, ScalarValue operand) {
  // 1 / (1 + exp(-x)). At the limits 2^n still is a normal number, and the result no longer changes: it is 1
  // above, and subnormal, hence 0, below.
  const Num x = f32_only(builder, operand);
  const Num y = at_least(at_most(-x, 88.37), -87.0);
  const Reduced reduced = reduce(y);
  const Num one = x.of(1);
  return (one / fma(exp_reduced(reduced.r), power_of_two(reduced.rounded), one)).v;
}

ScalarValue scalar_softplus(ScalarBuilder& builder, ScalarValue operand) {
  // max(x, 0) + log1p(u), u = exp(-|x|) in [0, 1]. For u > 1/3: log1p(u) = ln 2 + log1p((u - 1) / 2).
  const Num x = f32_only(builder, operand);
  const Reduced reduced = reduce(at_least(-abs(x), -88));
  const Num u = exp_reduced(reduced.r) * power_of_two(reduced.rounded);
  const Num large = u > x.of(0x1.555556p-2);
  const Num f = select(large, fma(u, x.of(0.5), x.of(-0.5)), u);
  const Num base = select(large, x.of(kLn2Single), x.of(0));
  const Num positive = select(x > x.of(0), x, x.of(0));
  return (positive + (base + log1p_small(f))).v;
}

ScalarValue scalar_pow(ScalarBuilder& builder, ScalarValue base, ScalarValue exponent) {
  const Num a = {&builder, base};
  const Num b = {&builder, exponent};
  const Format& f = format_of(a);
  const Num zero = a.of(0), one = a.of(1), infinity = a.of(kInfinity);
  const Num magnitude = abs(a);

  // exp(b log |a|), the product as a pair.
  const Pair log = log_pair(magnitude);
  Num high = select(magnitude < infinity, log.high, magnitude);
  high = select(magnitude < a.of(f.least), -infinity, high);
  const Num product = b * high;
  const Num rest = fma(b, log.low, fma(b, high, -product));
  Num y = exp_whole(product, &rest);
  y = select(magnitude == one, one, y);  // also for b = ±inf, NaN

  // The sign: that of a when b is an odd integer. Other powers of finite negative numbers are NaN.
  const Num half = b * a.of(0.5);
  const Num integer = floor(b) == b;
  const Num odd = integer && floor(half) != half;
  const Num sign = a.bits() & a.bits().integer(f.sign);
  y = (y.bits() | select(odd, sign, sign.integer(0))).number();
  const Num outside = a < zero && !integer && a > -infinity;
  y = select(outside, a.of(kNaN), y);
  return select(b == zero, one, y).v;
}

ScalarValue scalar_maximum(ScalarBuilder& builder, ScalarValue a, ScalarValue b) {
  const ScalarValue greater = builder.select(builder.compare(Compare::gt, b, a), b, a);  // a if that is NaN
  if (!is_float(a.dtype)) return greater;
  return builder.select(builder.compare(Compare::ne, b, b), b, greater);
}

ScalarValue scalar_minimum(ScalarBuilder& builder, ScalarValue a, ScalarValue b) {
  const ScalarValue smaller = builder.select(builder.compare(Compare::lt, b, a), b, a);
  if (!is_float(a.dtype)) return smaller;
  return builder.select(builder.compare(Compare::ne, b, b), b, smaller);
}

}  // namespace nnc
