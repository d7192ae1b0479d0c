// The elementary functions beyond those of ops/unary.cpp: trigonometric and hyperbolic ones, logarithms and powers to
// other bases, and rounding to whole numbers.
#include <cmath>
#include <limits>
#include <numbers>

#include "ir/ops/support.h"
#include "ir/scalar/math.h"

namespace nnc {
namespace ops {
namespace {

const Sample kSamples[] = {one(DType::f32, {}, -2, 2), one(DType::f32, {1}, -2, 2),
                           one(DType::f32, {17}, -2, 2), one(DType::f32, {3, 5}, -2, 2),
                           one(DType::f32, {64}, -6, 6)};
// Inside the domain of the arcsine and one branch of the tangent.
const Sample kInnerSamples[] = {one(DType::f32, {}, -0.9, 0.9), one(DType::f32, {1}, -0.9, 0.9),
                                one(DType::f32, {17}, -0.9, 0.9), one(DType::f32, {3, 5}, -0.9, 0.9)};
const Sample kLogarithmSamples[] = {one(DType::f32, {}, 0.1, 4), one(DType::f32, {1}, 0.1, 4),
                                    one(DType::f32, {17}, 0.1, 4), one(DType::f32, {3, 5}, 0.1, 4),
                                    one(DType::f32, {64}, 1, 1000)};
const Sample kRoundedSamples[] = {one(DType::f32, {}, -9, 9),   one(DType::f32, {1}, -9, 9),
                                  one(DType::f32, {17}, -9, 9), one(DType::f32, {3, 5}, -9, 9),
                                  one(DType::f64, {}, -9, 9),   one(DType::i32, {17}, -9, 9)};
const Sample kPairSamples[] = {two(DType::f32, {}, 0.2, 2), two(DType::f32, {1}, 0.2, 2),
                               two(DType::f32, {17}, 0.2, 2), two(DType::f32, {3, 5}, 0.2, 2)};

// ---- derivatives ------------------------------------------------------------------------------------------

Value number(Vjp& v, double x) {
  return v.b.full_like(v.x[0], x);
}
Value square(Vjp& v, Value x) {
  return v.b.mul(x, x);
}

Adjoints vjp_sin(const VjpContext& context) {
  Vjp v(context);
  return {v.b.mul(v.g, v.b.make(Op::cos, {v.x[0]}))};
}
Adjoints vjp_cos(const VjpContext& context) {
  Vjp v(context);
  return {v.b.neg(v.b.mul(v.g, v.b.make(Op::sin, {v.x[0]})))};
}
Adjoints vjp_tan(const VjpContext& context) {
  Vjp v(context);
  return {v.b.mul(v.g, v.b.add(number(v, 1), square(v, v.y)))};
}

// 1 / sqrt(1 - x^2), with 1 - x^2 as a product, which does not cancel near 1.
Value arc_slope(Vjp& v) {
  const Value below = v.b.sub(number(v, 1), v.x[0]), above = v.b.add(number(v, 1), v.x[0]);
  return v.b.div(v.g, v.b.make(Op::sqrt, {v.b.mul(below, above)}));
}
Adjoints vjp_asin(const VjpContext& context) {
  Vjp v(context);
  return {arc_slope(v)};
}
Adjoints vjp_acos(const VjpContext& context) {
  Vjp v(context);
  return {v.b.neg(arc_slope(v))};
}
Adjoints vjp_atan(const VjpContext& context) {
  Vjp v(context);
  return {v.b.div(v.g, v.b.add(number(v, 1), square(v, v.x[0])))};
}

// x / (x^2 + y^2) and -y / (x^2 + y^2); 0 at the origin, where atan2 has no derivative. Both are divided by the greater of
// |x| and |y| first: its square may be out of range where the slope is not. What it is does not matter, so that it counts as
// a constant in derivatives of higher order.
Adjoints vjp_atan2(const VjpContext& context) {
  Vjp v(context);
  const auto abs = [&](Value of) { return v.b.make(Op::abs, {of}); };
  const Value greater = v.b.make(Op::maximum, {abs(v.x[0]), abs(v.x[1])});
  const Value at_origin = v.b.make(Op::eq, {greater, number(v, 0)});
  // An infinite one would divide itself: it counts as the greatest number.
  const Value most = v.b.make(Op::minimum, {greater, number(v, std::numeric_limits<float>::max())});
  const Value scale = v.b.make(Op::detach, {v.b.make(Op::where, {at_origin, number(v, 1), most})});
  const Value y = v.b.div(v.x[0], scale), x = v.b.div(v.x[1], scale);
  const Value squares = v.b.add(square(v, x), square(v, y));
  const Value length = v.b.make(Op::where, {at_origin, number(v, 1), squares});
  // By one divisor after the other: their product may be out of range.
  const auto slope = [&](Value part) { return v.b.div(v.b.div(part, length), scale); };
  return {v.b.mul(v.g, slope(x)), v.b.neg(v.b.mul(v.g, slope(y)))};
}

Adjoints vjp_sinh(const VjpContext& context) {
  Vjp v(context);
  return {v.b.mul(v.g, v.b.make(Op::cosh, {v.x[0]}))};
}
Adjoints vjp_cosh(const VjpContext& context) {
  Vjp v(context);
  return {v.b.mul(v.g, v.b.make(Op::sinh, {v.x[0]}))};
}
Adjoints vjp_exp2(const VjpContext& context) {
  Vjp v(context);
  return {v.b.mul(v.g, v.b.mul(v.y, number(v, std::numbers::ln2)))};
}
Adjoints vjp_expm1(const VjpContext& context) {
  Vjp v(context);
  return {v.b.mul(v.g, v.b.add(v.y, number(v, 1)))};
}
Adjoints vjp_log1p(const VjpContext& context) {
  Vjp v(context);
  return {v.b.div(v.g, v.b.add(v.x[0], number(v, 1)))};
}
Adjoints vjp_log2(const VjpContext& context) {
  Vjp v(context);
  return {v.b.div(v.g, v.b.mul(v.x[0], number(v, std::numbers::ln2)))};
}
Adjoints vjp_log10(const VjpContext& context) {
  Vjp v(context);
  return {v.b.div(v.g, v.b.mul(v.x[0], number(v, std::numbers::ln10)))};
}

// ---- rounding ---------------------------------------------------------------------------------------------

ScalarValue scalar_ceil(ScalarBuilder& builder, ScalarValue x) {
  return builder.neg(builder.floor(builder.neg(x)));
}
ScalarValue scalar_trunc(ScalarBuilder& builder, ScalarValue x) {
  const ScalarValue zero = builder.constant(x.dtype, 0);
  return builder.select(builder.compare(Compare::lt, x, zero), scalar_ceil(builder, x), builder.floor(x));
}
ScalarValue scalar_floor(ScalarBuilder& builder, ScalarValue x) {
  return builder.floor(x);
}
ScalarValue scalar_round(ScalarBuilder& builder, ScalarValue x) {
  return builder.round_even(x);
}

// An integer is whole already.
template <ScalarValue (*f)(ScalarBuilder&, ScalarValue)>
ScalarValue scalar_rounded(ScalarBuilder& builder, Scalars x, DType result) {
  return is_float(result) ? f(builder, x[0]) : x[0];
}

double angle(std::span<const double> yx) {
  return std::atan2(yx[0], yx[1]);
}

// ---- rows -------------------------------------------------------------------------------------------------

// A function of one f32 operand with derivatives of every order.
constexpr OpDef smooth(std::string_view name, std::string_view doc, VjpFn vjp, EvalFn eval, ScalarFn scalar,
                       MathFn math, std::span<const Sample> samples) {
  return {.name = name,
          .doc = doc,
          .arguments = "x",
          .traits = kElementwise | kSmooth | kExpensive,
          .attrs = NoAttrs{},
          .infer = infer_f32,
          .derivative = {vjp, {}},
          .lower = kElementwiseRule,
          .eval = eval,
          .scalar = scalar,
          .ulps = 1.0,
          .math = math,
          .samples = samples};
}

// A function that makes whole numbers of real ones and leaves integers as they are.
constexpr OpDef rounding(std::string_view name, std::string_view doc, EvalFn eval, ScalarFn scalar,
                         MathFn math) {
  return {.name = name,
          .doc = doc,
          .arguments = "x",
          .traits = kElementwise | kWhole,
          .attrs = NoAttrs{},
          .infer = infer_number,
          .derivative = {vjp_flat, {}},
          .lower = kElementwiseRule,
          .eval = eval,
          .scalar = scalar,
          .math = math,
          .samples = kRoundedSamples};
}

}  // namespace
}  // namespace ops

constinit const OpDef k_op_sin =
    ops::smooth("sin", "sin x, x in radians, however large.", ops::vjp_sin, ops::eval_unary<std::sin>,
                ops::scalar_unary<nnc::scalar_sin>, ops::called<"sin">, ops::kSamples);

constinit const OpDef k_op_cos =
    ops::smooth("cos", "cos x, x in radians, however large.", ops::vjp_cos, ops::eval_unary<std::cos>,
                ops::scalar_unary<nnc::scalar_cos>, ops::called<"cos">, ops::kSamples);

constinit const OpDef k_op_tan =
    ops::smooth("tan", "tan x, x in radians, however large.", ops::vjp_tan, ops::eval_unary<std::tan>,
                ops::scalar_unary<nnc::scalar_tan>, ops::called<"tan">, ops::kInnerSamples);

constinit const OpDef k_op_asin = ops::smooth(
    "asin", "The angle from -pi/2 to pi/2 whose sine is x; NaN for |x| > 1.", ops::vjp_asin,
    ops::eval_unary<std::asin>, ops::scalar_unary<nnc::scalar_asin>, ops::called<"asin">, ops::kInnerSamples);

constinit const OpDef k_op_acos = ops::smooth(
    "acos", "The angle from 0 to pi whose cosine is x; NaN for |x| > 1.", ops::vjp_acos,
    ops::eval_unary<std::acos>, ops::scalar_unary<nnc::scalar_acos>, ops::called<"acos">, ops::kInnerSamples);

constinit const OpDef k_op_atan = ops::smooth(
    "atan", "The angle between -pi/2 and pi/2 whose tangent is x.", ops::vjp_atan, ops::eval_unary<std::atan>,
    ops::scalar_unary<nnc::scalar_atan>, ops::called<"atan">, ops::kSamples);

constinit const OpDef k_op_sinh =
    ops::smooth("sinh", "(e^x - e^-x) / 2.", ops::vjp_sinh, ops::eval_unary<std::sinh>,
                ops::scalar_unary<nnc::scalar_sinh>, ops::called<"sinh">, ops::kSamples);

constinit const OpDef k_op_cosh =
    ops::smooth("cosh", "(e^x + e^-x) / 2.", ops::vjp_cosh, ops::eval_unary<std::cosh>,
                ops::scalar_unary<nnc::scalar_cosh>, ops::called<"cosh">, ops::kSamples);

constinit const OpDef k_op_exp2 =
    ops::smooth("exp2", "2 to the power x.", ops::vjp_exp2, ops::eval_unary<std::exp2>,
                ops::scalar_unary<nnc::scalar_exp2>, ops::called<"exp2">, ops::kSamples);

constinit const OpDef k_op_expm1 =
    ops::smooth("expm1", "e^x - 1, precise where x is near 0.", ops::vjp_expm1, ops::eval_unary<std::expm1>,
                ops::scalar_unary<nnc::scalar_expm1>, ops::called<"expm1">, ops::kSamples);

constinit const OpDef k_op_log1p =
    ops::smooth("log1p", "log(1 + x), precise where x is near 0; -inf at -1, NaN below.", ops::vjp_log1p,
                ops::eval_unary<std::log1p>, ops::scalar_unary<nnc::scalar_log1p>, ops::called<"log1p">,
                ops::kLogarithmSamples);

constinit const OpDef k_op_log2 = ops::smooth(
    "log2", "The logarithm to base 2; -inf at 0, NaN below.", ops::vjp_log2, ops::eval_unary<std::log2>,
    ops::scalar_unary<nnc::scalar_log2>, ops::called<"log2">, ops::kLogarithmSamples);

constinit const OpDef k_op_log10 = ops::smooth(
    "log10", "The logarithm to base 10; -inf at 0, NaN below.", ops::vjp_log10, ops::eval_unary<std::log10>,
    ops::scalar_unary<nnc::scalar_log10>, ops::called<"log10">, ops::kLogarithmSamples);

constinit const OpDef k_op_atan2 = {
    .name = "atan2",
    .doc = "The angle from -pi to pi of the point (x, y). Its gradient at (0, 0) is 0.",
    .arguments = "y x",
    .min_operands = 2,
    .max_operands = 2,
    .traits = kElementwise | kSmooth | kExpensive,
    .attrs = NoAttrs{},
    .infer = ops::infer_f32,
    .derivative = {ops::vjp_atan2, {}},
    .lower = ops::kElementwiseRule,
    .eval = ops::eval_elements<ops::angle>,
    .scalar = ops::scalar_binary<nnc::scalar_atan2>,
    .ulps = 1.0,
    .math = ops::called<"atan2">,
    .samples = ops::kPairSamples,
};

constinit const OpDef k_op_floor =
    ops::rounding("floor", "The greatest whole number that is not above x. Its gradient is 0 everywhere.",
                  ops::eval_unary<std::floor>, ops::scalar_rounded<ops::scalar_floor>, ops::called<"floor">);

constinit const OpDef k_op_ceil =
    ops::rounding("ceil", "The least whole number that is not below x. Its gradient is 0 everywhere.",
                  ops::eval_unary<std::ceil>, ops::scalar_rounded<ops::scalar_ceil>, ops::called<"ceil">);

constinit const OpDef k_op_round = ops::rounding(
    "round",
    "The nearest whole number, of two the even one: 0.5 gives 0, 1.5 gives 2. Its gradient is 0 everywhere.",
    ops::eval_unary<std::nearbyint>, ops::scalar_rounded<ops::scalar_round>, ops::called<"round">);

constinit const OpDef k_op_trunc =
    ops::rounding("trunc", "x without its fraction. Its gradient is 0 everywhere.",
                  ops::eval_unary<std::trunc>, ops::scalar_rounded<ops::scalar_trunc>, ops::called<"trunc">);

}  // namespace nnc
