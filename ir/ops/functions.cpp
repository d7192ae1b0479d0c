// The elementary functions beyond those of ops/unary.cpp: trigonometric and hyperbolic ones, logarithms and powers of
// other bases, and rounding to whole numbers.
#include <cmath>
#include <numbers>

#include "ir/ops/support.h"
#include "ir/scalar_math.h"

namespace nnc {
namespace ops {
namespace {

const Sample kSamples[] = {one(DType::f32, {}, -2, 2), one(DType::f32, {1}, -2, 2),
                           one(DType::f32, {17}, -2, 2), one(DType::f32, {3, 5}, -2, 2),
                           one(DType::f32, {64}, -6, 6)};
// Between the ends of arcsine, and of a branch of the tangent.
const Sample kInnerSamples[] = {one(DType::f32, {}, -0.9, 0.9), one(DType::f32, {1}, -0.9, 0.9),
                                one(DType::f32, {17}, -0.9, 0.9), one(DType::f32, {3, 5}, -0.9, 0.9)};
const Sample kPositiveSamples[] = {one(DType::f32, {}, 0.1, 4), one(DType::f32, {1}, 0.1, 4),
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

// x / (x^2 + y^2) and -y / (x^2 + y^2); 0 at the origin, where there is no slope.
Adjoints vjp_atan2(const VjpContext& context) {
  Vjp v(context);
  const Value y = v.x[0], x = v.x[1];
  const Value length = v.b.add(square(v, x), square(v, y));
  const Value at_origin = v.b.make(Op::eq, {length, number(v, 0)});
  const Value share = v.b.div(v.g, v.b.make(Op::where, {at_origin, number(v, 1), length}));
  return {v.b.mul(share, x), v.b.neg(v.b.mul(share, y))};
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
// Steps are flat.
Adjoints vjp_flat(const VjpContext&) {
  return {std::nullopt};
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
std::vector<DenseTensor> eval_atan2(std::span<const DenseTensor> x, const Attrs&,
                                    std::span<const TensorType> types) {
  return map_elements(x, types[0], angle);
}
ScalarValue scalar_of_pair(ScalarBuilder& builder, Scalars x, DType) {
  return nnc::scalar_atan2(builder, x[0], x[1]);
}

// ---- notation ---------------------------------------------------------------------------------------------

#define NNC_CALLED(name)                                            \
  MathText math_##name(std::span<const MathText> x, const Attrs&) { \
    return call(#name, x);                                          \
  }
NNC_CALLED(sin)
NNC_CALLED(cos)
NNC_CALLED(tan)
NNC_CALLED(asin)
NNC_CALLED(acos)
NNC_CALLED(atan)
NNC_CALLED(sinh)
NNC_CALLED(cosh)
NNC_CALLED(exp2)
NNC_CALLED(expm1)
NNC_CALLED(log1p)
NNC_CALLED(log2)
NNC_CALLED(log10)
NNC_CALLED(atan2)
NNC_CALLED(floor)
NNC_CALLED(ceil)
NNC_CALLED(round)
NNC_CALLED(trunc)
#undef NNC_CALLED

}  // namespace
}  // namespace ops

constinit const OpDef k_op_sin = {
    .name = "sin",
    .doc = "sin x, x in radians, however large.",
    .arguments = "x",
    .traits = kElementwise | kSmooth | kExpensive,
    .attrs = NoAttrs{},
    .infer = ops::infer_f32,
    .derivative = {ops::vjp_sin, {}},
    .lower = ops::kElementwiseRule,
    .eval = ops::eval_unary<std::sin>,
    .scalar = ops::scalar_unary<nnc::scalar_sin>,
    .ulps = 1.0,
    .math = ops::math_sin,
    .samples = ops::kSamples,
};

constinit const OpDef k_op_cos = {
    .name = "cos",
    .doc = "cos x, x in radians, however large.",
    .arguments = "x",
    .traits = kElementwise | kSmooth | kExpensive,
    .attrs = NoAttrs{},
    .infer = ops::infer_f32,
    .derivative = {ops::vjp_cos, {}},
    .lower = ops::kElementwiseRule,
    .eval = ops::eval_unary<std::cos>,
    .scalar = ops::scalar_unary<nnc::scalar_cos>,
    .ulps = 1.0,
    .math = ops::math_cos,
    .samples = ops::kSamples,
};

constinit const OpDef k_op_tan = {
    .name = "tan",
    .doc = "tan x, x in radians, however large.",
    .arguments = "x",
    .traits = kElementwise | kSmooth | kExpensive,
    .attrs = NoAttrs{},
    .infer = ops::infer_f32,
    .derivative = {ops::vjp_tan, {}},
    .lower = ops::kElementwiseRule,
    .eval = ops::eval_unary<std::tan>,
    .scalar = ops::scalar_unary<nnc::scalar_tan>,
    .ulps = 1.0,
    .math = ops::math_tan,
    .samples = ops::kInnerSamples,
};

constinit const OpDef k_op_asin = {
    .name = "asin",
    .doc = "The angle from -pi/2 to pi/2 whose sine is x; NaN for |x| > 1.",
    .arguments = "x",
    .traits = kElementwise | kSmooth | kExpensive,
    .attrs = NoAttrs{},
    .infer = ops::infer_f32,
    .derivative = {ops::vjp_asin, {}},
    .lower = ops::kElementwiseRule,
    .eval = ops::eval_unary<std::asin>,
    .scalar = ops::scalar_unary<nnc::scalar_asin>,
    .ulps = 1.0,
    .math = ops::math_asin,
    .samples = ops::kInnerSamples,
};

constinit const OpDef k_op_acos = {
    .name = "acos",
    .doc = "The angle from 0 to pi whose cosine is x; NaN for |x| > 1.",
    .arguments = "x",
    .traits = kElementwise | kSmooth | kExpensive,
    .attrs = NoAttrs{},
    .infer = ops::infer_f32,
    .derivative = {ops::vjp_acos, {}},
    .lower = ops::kElementwiseRule,
    .eval = ops::eval_unary<std::acos>,
    .scalar = ops::scalar_unary<nnc::scalar_acos>,
    .ulps = 1.0,
    .math = ops::math_acos,
    .samples = ops::kInnerSamples,
};

constinit const OpDef k_op_atan = {
    .name = "atan",
    .doc = "The angle between -pi/2 and pi/2 whose tangent is x.",
    .arguments = "x",
    .traits = kElementwise | kSmooth | kExpensive,
    .attrs = NoAttrs{},
    .infer = ops::infer_f32,
    .derivative = {ops::vjp_atan, {}},
    .lower = ops::kElementwiseRule,
    .eval = ops::eval_unary<std::atan>,
    .scalar = ops::scalar_unary<nnc::scalar_atan>,
    .ulps = 1.0,
    .math = ops::math_atan,
    .samples = ops::kSamples,
};

constinit const OpDef k_op_sinh = {
    .name = "sinh",
    .doc = "(e^x - e^-x) / 2.",
    .arguments = "x",
    .traits = kElementwise | kSmooth | kExpensive,
    .attrs = NoAttrs{},
    .infer = ops::infer_f32,
    .derivative = {ops::vjp_sinh, {}},
    .lower = ops::kElementwiseRule,
    .eval = ops::eval_unary<std::sinh>,
    .scalar = ops::scalar_unary<nnc::scalar_sinh>,
    .ulps = 1.0,
    .math = ops::math_sinh,
    .samples = ops::kSamples,
};

constinit const OpDef k_op_cosh = {
    .name = "cosh",
    .doc = "(e^x + e^-x) / 2.",
    .arguments = "x",
    .traits = kElementwise | kSmooth | kExpensive,
    .attrs = NoAttrs{},
    .infer = ops::infer_f32,
    .derivative = {ops::vjp_cosh, {}},
    .lower = ops::kElementwiseRule,
    .eval = ops::eval_unary<std::cosh>,
    .scalar = ops::scalar_unary<nnc::scalar_cosh>,
    .ulps = 1.0,
    .math = ops::math_cosh,
    .samples = ops::kSamples,
};

constinit const OpDef k_op_exp2 = {
    .name = "exp2",
    .doc = "2 to the power x.",
    .arguments = "x",
    .traits = kElementwise | kSmooth | kExpensive,
    .attrs = NoAttrs{},
    .infer = ops::infer_f32,
    .derivative = {ops::vjp_exp2, {}},
    .lower = ops::kElementwiseRule,
    .eval = ops::eval_unary<std::exp2>,
    .scalar = ops::scalar_unary<nnc::scalar_exp2>,
    .ulps = 1.0,
    .math = ops::math_exp2,
    .samples = ops::kSamples,
};

constinit const OpDef k_op_expm1 = {
    .name = "expm1",
    .doc = "e^x - 1, precise where x is near 0.",
    .arguments = "x",
    .traits = kElementwise | kSmooth | kExpensive,
    .attrs = NoAttrs{},
    .infer = ops::infer_f32,
    .derivative = {ops::vjp_expm1, {}},
    .lower = ops::kElementwiseRule,
    .eval = ops::eval_unary<std::expm1>,
    .scalar = ops::scalar_unary<nnc::scalar_expm1>,
    .ulps = 1.0,
    .math = ops::math_expm1,
    .samples = ops::kSamples,
};

constinit const OpDef k_op_log1p = {
    .name = "log1p",
    .doc = "log(1 + x), precise where x is near 0; -inf at -1, NaN below.",
    .arguments = "x",
    .traits = kElementwise | kSmooth | kExpensive,
    .attrs = NoAttrs{},
    .infer = ops::infer_f32,
    .derivative = {ops::vjp_log1p, {}},
    .lower = ops::kElementwiseRule,
    .eval = ops::eval_unary<std::log1p>,
    .scalar = ops::scalar_unary<nnc::scalar_log1p>,
    .ulps = 1.0,
    .math = ops::math_log1p,
    .samples = ops::kPositiveSamples,
};

constinit const OpDef k_op_log2 = {
    .name = "log2",
    .doc = "The logarithm to base 2; -inf at 0, NaN below.",
    .arguments = "x",
    .traits = kElementwise | kSmooth | kExpensive,
    .attrs = NoAttrs{},
    .infer = ops::infer_f32,
    .derivative = {ops::vjp_log2, {}},
    .lower = ops::kElementwiseRule,
    .eval = ops::eval_unary<std::log2>,
    .scalar = ops::scalar_unary<nnc::scalar_log2>,
    .ulps = 1.0,
    .math = ops::math_log2,
    .samples = ops::kPositiveSamples,
};

constinit const OpDef k_op_log10 = {
    .name = "log10",
    .doc = "The logarithm to base 10; -inf at 0, NaN below.",
    .arguments = "x",
    .traits = kElementwise | kSmooth | kExpensive,
    .attrs = NoAttrs{},
    .infer = ops::infer_f32,
    .derivative = {ops::vjp_log10, {}},
    .lower = ops::kElementwiseRule,
    .eval = ops::eval_unary<std::log10>,
    .scalar = ops::scalar_unary<nnc::scalar_log10>,
    .ulps = 1.0,
    .math = ops::math_log10,
    .samples = ops::kPositiveSamples,
};

constinit const OpDef k_op_atan2 = {
    .name = "atan2",
    .doc = "The angle from -pi to pi of the point (x, y). Its gradient at (0, 0) is 0.",
    .arguments = "y x",
    .min_operands = 2,
    .max_operands = 2,
    .traits = kElementwise | kSmooth | kExpensive,
    .attrs = NoAttrs{},
    .infer = ops::infer_f32_pair,
    .derivative = {ops::vjp_atan2, {}},
    .lower = ops::kElementwiseRule,
    .eval = ops::eval_atan2,
    .scalar = ops::scalar_of_pair,
    .ulps = 1.0,
    .math = ops::math_atan2,
    .samples = ops::kPairSamples,
};

constinit const OpDef k_op_floor = {
    .name = "floor",
    .doc = "The greatest whole number that is not above x. Its gradient is 0 everywhere.",
    .arguments = "x",
    .traits = kElementwise | kWhole,
    .attrs = NoAttrs{},
    .infer = ops::infer_number,
    .derivative = {ops::vjp_flat, {}},
    .lower = ops::kElementwiseRule,
    .eval = ops::eval_unary<std::floor>,
    .scalar = ops::scalar_rounded<ops::scalar_floor>,
    .math = ops::math_floor,
    .samples = ops::kRoundedSamples,
};

constinit const OpDef k_op_ceil = {
    .name = "ceil",
    .doc = "The least whole number that is not below x. Its gradient is 0 everywhere.",
    .arguments = "x",
    .traits = kElementwise | kWhole,
    .attrs = NoAttrs{},
    .infer = ops::infer_number,
    .derivative = {ops::vjp_flat, {}},
    .lower = ops::kElementwiseRule,
    .eval = ops::eval_unary<std::ceil>,
    .scalar = ops::scalar_rounded<ops::scalar_ceil>,
    .math = ops::math_ceil,
    .samples = ops::kRoundedSamples,
};

constinit const OpDef k_op_round = {
    .name = "round",
    .doc =
        "The nearest whole number, of two the even one: 0.5 gives 0, 1.5 gives 2. Its gradient is 0 "
        "everywhere.",
    .arguments = "x",
    .traits = kElementwise | kWhole,
    .attrs = NoAttrs{},
    .infer = ops::infer_number,
    .derivative = {ops::vjp_flat, {}},
    .lower = ops::kElementwiseRule,
    .eval = ops::eval_unary<std::nearbyint>,
    .scalar = ops::scalar_rounded<ops::scalar_round>,
    .math = ops::math_round,
    .samples = ops::kRoundedSamples,
};

constinit const OpDef k_op_trunc = {
    .name = "trunc",
    .doc = "x without its fraction. Its gradient is 0 everywhere.",
    .arguments = "x",
    .traits = kElementwise | kWhole,
    .attrs = NoAttrs{},
    .infer = ops::infer_number,
    .derivative = {ops::vjp_flat, {}},
    .lower = ops::kElementwiseRule,
    .eval = ops::eval_unary<std::trunc>,
    .scalar = ops::scalar_rounded<ops::scalar_trunc>,
    .math = ops::math_trunc,
    .samples = ops::kRoundedSamples,
};

}  // namespace nnc
