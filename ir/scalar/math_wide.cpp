// The functions of scalar/math.h from f32 to f32 that are computed in f64. Its 29 extra bits absorb the cancellation, so
// that the result is nearly always the exact one rounded. The polynomials are minimax fits of our own; docs/numerics.md says
// how they were made.
#include <cmath>
#include <limits>
#include <numbers>

#include "ir/scalar/math.h"
#include "ir/scalar/notation.h"
#include "support/check.h"

namespace nnc {
namespace {

using namespace notation;

// ---- constants --------------------------------------------------------------------------------------------

// sin(r) = r + r^3 (c[0] + c[1] r^2 + …), cos(r) = 1 + r^2 (c[0] + …) for |r| <= pi/4. Error 4.9e-12; 5.4e-11.
constexpr double kSin[] = {-0x1.5555554cb9f22p-3, 0x1.1111089652076p-7, -0x1.a00f9dabd178bp-13,
                           0x1.6cd859a6e5389p-19};
constexpr double kCos[] = {-0x1.ffffffd0c1558p-2, 0x1.55553e0ea3076p-5, -0x1.6c087dd0359d7p-10,
                           0x1.99340363a713dp-16};
// atan(t) = t + t^3 (c[0] + c[1] t^2 + …) for |t| <= tan(pi/8). Error 2.2e-11.
constexpr double kAtan[] = {-0x1.555554c8ad650p-2, 0x1.99991a5801c6bp-3,  -0x1.247f0860b75c1p-3,
                            0x1.c46833048b7cbp-4,  -0x1.5b468727a87acp-4, 0x1.84fa879ac88a0p-5};
constexpr double kTanEighth = 0x1.a827999fcef32p-2;  // tan(pi/8)
constexpr double kHalfPi = std::numbers::pi / 2;

// 2/pi = part[0] + part[1] + …, of 27 bits each, and rest[i] = part[i] + part[i+1] + … rounded to f64.
constexpr double kPart[] = {0x1.45f306cp-1,  0x1.c9c8828p-29,  0x1.29fc27p-56,
                            0x1.5f47d4cp-82, 0x1.3770368p-110, 0x1.629599p-136};
constexpr double kRest[] = {0x1.5f47d4d377037p-82, 0x1.377036d8a5665p-110, 0x1.6295993c43904p-136,
                            0x1.e21c820ff28b2p-163};

// ---- pieces -----------------------------------------------------------------------------------------------

Num widened(ScalarBuilder& builder, ScalarValue x) {
  NNC_CHECK(x.dtype == DType::f32, "a function that exists in f32 only");
  return to(DType::f64, Num{&builder, x});
}
ScalarValue narrowed(Num y) {
  return to(DType::f32, y).v;
}
// `y`, but x itself where |x| < limit: there the function is x to the last bit, its zero's sign included.
ScalarValue near_zero(Num x, double limit, Num y) {
  return narrowed(select(abs(x) < x.of(limit), x, y));
}

// x = (quadrant + r') pi/2 with r = r' pi/2, |r'| <= 1/2, and a whole quadrant, for any finite x that is an f32.
//
// x times 2/pi, part by part. A product with a part of 27 bits is exact. Parts whose products are multiples of 4 (whole
// turns) are left out: the larger x, the later the first of the four parts used. Whole numbers are subtracted from each
// product and each sum, so that no sum rounds away what remains when they cancel.
struct Turned {
  Num quadrant;
  Num r;
};
Turned turned(Num x) {
  const Num size = abs(x);
  const auto part = [&](const double* from) {
    const Num far = select(size < x.of(0x1p106), x.of(from[2]), x.of(from[3]));
    return select(size < x.of(0x1p52), x.of(from[0]), select(size < x.of(0x1p79), x.of(from[1]), far));
  };
  const Num first = x * part(kPart), second = x * part(kPart + 1);
  const Num whole_first = round_even(first), whole_second = round_even(second);
  Num left = (first - whole_first) + (second - whole_second);
  const Num whole_sum = round_even(left);
  left = fma(x, part(kRest), fma(x, part(kPart + 2), left - whole_sum));
  const Num whole_left = round_even(left);
  return {(whole_first + whole_second) + (whole_sum + whole_left), (left - whole_left) * x.of(kHalfPi)};
}

Num sin_near(Num r) {
  const Num z = r * r;
  return fma(r * z, polynomial(z, kSin), r);
}
Num cos_near(Num r) {
  const Num z = r * r;
  return fma(z, polynomial(z, kCos), z.of(1));
}
// 0 or 1 for even and odd whole numbers.
Num parity(Num whole) {
  return whole - floor(whole * whole.of(0.5)) * whole.of(2);
}

// sin(r + quadrant pi/2)
Num sin_turned(const Turned& x) {
  const Num y = select(parity(x.quadrant) == x.r.of(0), sin_near(x.r), cos_near(x.r));
  const Num half_turns = parity(floor(x.quadrant * x.r.of(0.5)));
  return select(half_turns == x.r.of(0), y, -y);
}

// The angle of the point (x, y), from -pi to pi. The smaller coordinate over the greater, s/b, is the tangent of the
// angle to the nearer axis; above pi/8 that angle is taken from pi/4, with tan(a - pi/4) = (s - b)/(s + b).
Num angle(Num y, Num x) {
  const Num across = at_most(abs(x), 1e300), up = at_most(abs(y), 1e300);  // infinities divide like numbers
  const auto is_greater = up > across;
  const Num big = select(is_greater, up, across), small = select(is_greater, across, up);
  const auto beyond = small > big * big.of(kTanEighth);
  const Num above = select(beyond, small - big, small);
  const Num below = select(beyond, small + big, big);
  const Num t = above / select(below == below.of(0), below.of(1), below);
  const Num z = t * t;
  Num a = fma(t * z, polynomial(z, kAtan), t);
  a = select(beyond, a + a.of(kHalfPi / 2), a);
  a = select(is_greater, a.of(kHalfPi) - a, a);
  const auto is_left = x.bits() < x.bits().integer(0);  // -0 too
  return with_sign_of(select(is_left, a.of(std::numbers::pi) - a, a), y);
}

// exp and log of an f64.
Num exp_of(Num x) {
  return {x.b, scalar_exp(*x.b, x.v)};
}
Num log_of(Num x) {
  return {x.b, scalar_log(*x.b, x.v)};
}

}  // namespace

// ---- functions --------------------------------------------------------------------------------------------

ScalarValue scalar_sin(ScalarBuilder& builder, ScalarValue operand) {
  const Num x = widened(builder, operand);
  return near_zero(x, 0x1p-13, sin_turned(turned(x)));
}

ScalarValue scalar_cos(ScalarBuilder& builder, ScalarValue operand) {
  Turned x = turned(widened(builder, operand));
  x.quadrant = x.quadrant + x.r.of(1);
  return narrowed(sin_turned(x));
}

ScalarValue scalar_tan(ScalarBuilder& builder, ScalarValue operand) {
  const Num x = widened(builder, operand);
  const Turned turn = turned(x);
  const Num s = sin_near(turn.r), c = cos_near(turn.r);
  const auto even = parity(turn.quadrant) == x.of(0);
  return near_zero(x, 0x1p-13, select(even, s, -c) / select(even, c, s));
}

ScalarValue scalar_asin(ScalarBuilder& builder, ScalarValue operand) {
  const Num x = widened(builder, operand);
  return near_zero(x, 0x1p-13, angle(x, sqrt((x.of(1) - x) * (x.of(1) + x))));
}

ScalarValue scalar_acos(ScalarBuilder& builder, ScalarValue operand) {
  const Num x = widened(builder, operand);
  return narrowed(angle(sqrt((x.of(1) - x) * (x.of(1) + x)), x));
}

ScalarValue scalar_atan(ScalarBuilder& builder, ScalarValue operand) {
  const Num x = widened(builder, operand);
  return near_zero(x, 0x1p-13, angle(x, x.of(1)));
}

ScalarValue scalar_atan2(ScalarBuilder& builder, ScalarValue y, ScalarValue x) {
  return narrowed(angle(widened(builder, y), widened(builder, x)));
}

ScalarValue scalar_sinh(ScalarBuilder& builder, ScalarValue operand) {
  const Num x = widened(builder, operand);
  const Num e = exp_of(x);
  return near_zero(x, 0x1p-13, (e - x.of(1) / e) * x.of(0.5));
}

ScalarValue scalar_cosh(ScalarBuilder& builder, ScalarValue operand) {
  const Num e = exp_of(widened(builder, operand));
  return narrowed((e + e.of(1) / e) * e.of(0.5));
}

ScalarValue scalar_exp2(ScalarBuilder& builder, ScalarValue operand) {
  const Num x = widened(builder, operand);
  return narrowed(exp_of(x * x.of(std::numbers::ln2)));
}

ScalarValue scalar_expm1(ScalarBuilder& builder, ScalarValue operand) {
  const Num x = widened(builder, operand);
  return near_zero(x, 0x1p-26, exp_of(x) - x.of(1));
}

ScalarValue scalar_log1p(ScalarBuilder& builder, ScalarValue operand) {
  const Num x = widened(builder, operand);
  return near_zero(x, 0x1p-26, log_of(x + x.of(1)));
}

ScalarValue scalar_log2(ScalarBuilder& builder, ScalarValue operand) {
  const Num x = widened(builder, operand);
  return narrowed(log_of(x) * x.of(std::numbers::log2e));
}

ScalarValue scalar_log10(ScalarBuilder& builder, ScalarValue operand) {
  const Num x = widened(builder, operand);
  return narrowed(log_of(x) * x.of(std::numbers::log10e));
}

}  // namespace nnc
