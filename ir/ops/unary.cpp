// Elementwise ops of one operand. Their scalar rules are primitive operations or a sequence of
// ir/scalar/math.h; their reference semantics are the C++ library's, in double.
#include <cmath>
#include <limits>
#include <numbers>

#include <fmt/format.h>

#include "ir/ops/support.h"
#include "ir/scalar/math.h"

namespace nnc {
namespace ops {
namespace {

// Shapes that matter: a scalar, one element, no multiple of the lanes, two axes.
const Sample kF32Samples[] = {one(DType::f32, {}, -2, 2), one(DType::f32, {1}, -2, 2),
                              one(DType::f32, {17}, -2, 2), one(DType::f32, {3, 5}, -2, 2),
                              one(DType::f32, {64}, -12, 12)};
const Sample kExpSamples[] = {one(DType::f32, {}, -2, 2),     one(DType::f32, {1}, -2, 2),
                              one(DType::f32, {17}, -2, 2),   one(DType::f32, {3, 5}, -2, 2),
                              one(DType::f32, {64}, -12, 12), one(DType::f64, {}, -2, 2)};
const Sample kPositiveSamples[] = {one(DType::f32, {}, 0.1, 4),    one(DType::f32, {1}, 0.1, 4),
                                   one(DType::f32, {17}, 0.1, 4),  one(DType::f32, {3, 5}, 0.1, 4),
                                   one(DType::f32, {64}, 1, 1000), one(DType::f64, {}, 0.1, 4)};
const Sample kNumberSamples[] = {one(DType::f32, {}, -2, 2),   one(DType::f32, {1}, -2, 2),
                                 one(DType::f32, {17}, -2, 2), one(DType::f32, {3, 5}, -2, 2),
                                 one(DType::f64, {}, -2, 2),   one(DType::i32, {17}, -9, 9),
                                 one(DType::i64, {}, -9, 9)};
const Sample kBoolSamples[] = {one(DType::boolean, {}, 0, 2), one(DType::boolean, {17}, 0, 2),
                               one(DType::boolean, {3, 5}, 0, 2)};
const Sample kCastSamples[] = {{{{DType::f32, {}}}, CastAttrs{DType::f64}, -2, 2},
                               {{{DType::f64, {}}}, CastAttrs{DType::f32}, -2, 2},
                               {{{DType::f32, {17}}}, CastAttrs{DType::i32}, -9, 9},
                               {{{DType::f32, {3, 5}}}, CastAttrs{DType::i64}, -9, 9},
                               {{{DType::f64, {}}}, CastAttrs{DType::i64}, -9, 9},
                               {{{DType::f32, {17}}}, CastAttrs{DType::boolean}, -1, 1},
                               {{{DType::i32, {17}}}, CastAttrs{DType::f32}, -9, 9},
                               {{{DType::i64, {}}}, CastAttrs{DType::f64}, -9, 9},
                               {{{DType::i64, {5}}}, CastAttrs{DType::i32}, -9, 9},
                               {{{DType::i32, {5}}}, CastAttrs{DType::i64}, -9, 9},
                               {{{DType::u8, {3, 5}}}, CastAttrs{DType::f32}, 0, 9},
                               {{{DType::boolean, {17}}}, CastAttrs{DType::f32}, 0, 2},
                               {{{DType::boolean, {3}}}, CastAttrs{DType::i32}, 0, 2}};

// ---- derivatives ------------------------------------------------------------------------------------------

Adjoints vjp_neg(const VjpContext& context) {
  Vjp v(context);
  return {v.b.neg(v.g)};
}

Adjoints vjp_exp(const VjpContext& context) {
  Vjp v(context);
  return {v.b.mul(v.g, v.y)};
}

Adjoints vjp_log(const VjpContext& context) {
  Vjp v(context);
  return {v.b.div(v.g, v.x[0])};
}

// g / (2 y), but 0 at 0, where the slope is infinite: the norm of a zero vector then has gradient 0, not NaN.
// The divisor is replaced as well, so that the second derivative stays free of NaN too.
Adjoints vjp_sqrt(const VjpContext& context) {
  Vjp v(context);
  const Value zero = v.b.full_like(v.y, 0);
  const Value at_zero = v.b.make(Op::eq, {v.y, zero});
  const Value divisor = v.b.make(Op::where, {at_zero, v.b.full_like(v.y, 1), v.y});
  const Value slope = v.b.div(v.b.full_like(v.y, 0.5), divisor);
  return {v.b.mul(v.g, v.b.make(Op::where, {at_zero, zero, slope}))};
}

Adjoints vjp_tanh(const VjpContext& context) {
  Vjp v(context);
  return {v.b.mul(v.g, v.b.sub(v.b.full_like(v.y, 1), v.b.mul(v.y, v.y)))};
}

Adjoints vjp_erf(const VjpContext& context) {
  Vjp v(context);
  const Value bell = v.b.make(Op::exp, {v.b.neg(v.b.mul(v.x[0], v.x[0]))});
  return {v.b.mul(v.g, v.b.mul(v.b.full_like(v.x[0], 2 * std::numbers::inv_sqrtpi), bell))};
}

Adjoints vjp_sigmoid(const VjpContext& context) {
  Vjp v(context);
  return {v.b.mul(v.g, v.b.mul(v.y, v.b.sub(v.b.full_like(v.y, 1), v.y)))};
}

Adjoints vjp_softplus(const VjpContext& context) {
  Vjp v(context);
  return {v.b.mul(v.g, v.b.make(Op::sigmoid, {v.x[0]}))};
}

Adjoints vjp_abs(const VjpContext& context) {
  Vjp v(context);
  return {v.b.mul(v.g, v.b.make(Op::sign, {v.x[0]}))};
}

Adjoints vjp_cast(const VjpContext& context) {
  Vjp v(context);
  if (!is_float(v.in[0].dtype) || !is_float(v.out.dtype)) return {std::nullopt};
  return {v.b.cast(v.g, v.in[0].dtype)};
}

// ---- reference semantics ----------------------------------------------------------------------------------

double negated(double x) {
  return -x;
}
double sigmoid(double x) {
  return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x));
}
double softplus(double x) {
  return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
}
double sign(double x) {
  return x > 0 ? 1 : x < 0 ? -1 : x;
}
double inverted(double x) {
  return x == 0 ? 1 : 0;
}

// What a float becomes as an integer of `bits` bits and a sign: truncated, saturated; NaN gives 0.
double truncated(double x, int bits) {
  const double limit = std::ldexp(1.0, bits);
  return std::isnan(x) ? 0 : std::fmin(std::fmax(std::trunc(x), -limit), limit - 1);
}

std::vector<DenseTensor> eval_cast(std::span<const DenseTensor> x, const Attrs&,
                                   std::span<const TensorType> types) {
  const bool from_float = is_float(x[0].type.dtype);
  return {generate(types[0], [&](int64_t i) {
    const double e = x[0].data[at(i)];
    switch (types[0].dtype) {
      case DType::f32:
      case DType::f64:
        return e;
      case DType::boolean:
        return e != 0 ? 1.0 : 0.0;
      case DType::i32:
        if (from_float) return truncated(e, 31);
        return static_cast<double>(static_cast<int32_t>(static_cast<int64_t>(e)));
      case DType::i64:
        return from_float ? truncated(e, 63) : e;
      case DType::u8:
        if (from_float) return std::isnan(e) ? 0 : std::fmin(std::fmax(std::trunc(e), 0), 255);
        return static_cast<double>(static_cast<uint8_t>(static_cast<int64_t>(e)));
    }
    return e;
  })};
}

// ---- scalars ----------------------------------------------------------------------------------------------

ScalarValue scalar_neg(ScalarBuilder& builder, Scalars x, DType) {
  return builder.neg(x[0]);
}
ScalarValue scalar_sqrt(ScalarBuilder& builder, Scalars x, DType) {
  return builder.sqrt(x[0]);
}
ScalarValue scalar_abs(ScalarBuilder& builder, Scalars x, DType) {
  return builder.abs(x[0]);
}
ScalarValue scalar_logical_not(ScalarBuilder& builder, Scalars x, DType) {
  return builder.logical_not(x[0]);
}
ScalarValue scalar_cast(ScalarBuilder& builder, Scalars x, DType result) {
  return builder.cast(result, x[0]);
}

// x itself where neither: a zero, or a NaN.
ScalarValue scalar_sign(ScalarBuilder& builder, Scalars x, DType result) {
  const ScalarValue zero = builder.constant(result, 0);
  const ScalarValue below =
      builder.select(builder.compare(Compare::lt, x[0], zero), builder.constant(result, -1), x[0]);
  return builder.select(builder.compare(Compare::gt, x[0], zero), builder.constant(result, 1), below);
}

// ---- notation ---------------------------------------------------------------------------------------------

MathText math_neg(std::span<const MathText> x, const Attrs&) {
  return {"-" + at_least(x[0], kUnary + 1), kUnary};
}
MathText math_logical_not(std::span<const MathText> x, const Attrs&) {
  return {"not " + at_least(x[0], kNot), kNot};
}
MathText math_cast(std::span<const MathText> x, const Attrs& attrs) {
  return call(dtype_name(std::get<CastAttrs>(attrs).dtype), x);
}

Inferred infer_cast(std::span<const TensorType> operands, const Attrs& attrs) {
  return typed({std::get<CastAttrs>(attrs).dtype, operands[0].shape});
}

// ---- formulas ---------------------------------------------------------------------------------------------

using formula::Formula;
using Exprs = std::span<const formula::ExprId>;

formula::ExprId write_neg(Formula& f, Exprs x) {
  return f.neg(x[0]);
}
formula::ExprId write_sqrt(Formula& f, Exprs x) {
  return f.power(x[0], 0.5);
}
formula::ExprId write_not(Formula& f, Exprs x) {
  return f.compare("=", x[0], f.number(0));
}
// What a float beyond them becomes.
std::pair<double, double> limits_of(DType dtype) {
  if (dtype == DType::u8) return {0, 255};
  return dtype == DType::i32 ? std::pair(-0x1p31, 0x1p31 - 1) : std::pair(-0x1p63, 0x1p63);
}

// Formulas know real numbers only: what matters is what rounds, and where that ends.
Writings write_cast(Notation& n) {
  const DType from = n.graph.type(n.node.operands[0]).dtype, to = n.node.types[0].dtype;
  if (to == DType::boolean && from != to)
    return n.elementwise([&](Exprs x) { return n.formula.compare("≠", x[0], n.formula.number(0)); });
  if (is_float(from) && is_integer(to))
    return n.elementwise([&](Exprs x) {
      const formula::ExprId whole = n.formula.elementwise("trunc", {x[0]});
      const auto [low, high] = limits_of(to);
      return n.formula.elementwise(
          "minimum",
          {n.formula.elementwise("maximum", {whole, n.formula.number(low)}), n.formula.number(high)});
    });
  return write_same(n);
}

}  // namespace
}  // namespace ops

constinit const OpDef k_op_neg = {
    .name = "neg",
    .doc = "-x. Integers wrap.",
    .traits = kElementwise | kSmooth,
    .attrs = NoAttrs{},
    .infer = ops::infer_number,
    .derivative = {ops::vjp_neg, {}},
    .lower = ops::kElementwiseRule,
    .eval = ops::eval_unary<ops::negated>,
    .scalar = ops::scalar_neg,
    .math = ops::math_neg,
    .formula = ops::write_elements<ops::write_neg>,
    .samples = ops::kNumberSamples,
};

constinit const OpDef k_op_exp = {
    .name = "exp",
    .doc = "e^x; 0 where that would be below the smallest normal number.",
    .arguments = "x",
    .traits = kElementwise | kSmooth | kExpensive,
    .attrs = NoAttrs{},
    .infer = ops::infer_float,
    .derivative = {ops::vjp_exp, {}},
    .lower = ops::kElementwiseRule,
    .eval = ops::eval_unary<std::exp>,
    .scalar = ops::scalar_unary<nnc::scalar_exp>,
    .ulps = 1.0,
    .math = ops::called<"exp">,
    .samples = ops::kExpSamples,
};

constinit const OpDef k_op_log = {
    .name = "log",
    .doc = "The natural logarithm; -inf at 0, NaN below.",
    .arguments = "x",
    .traits = kElementwise | kSmooth | kExpensive,
    .attrs = NoAttrs{},
    .infer = ops::infer_float,
    .derivative = {ops::vjp_log, {}},
    .lower = ops::kElementwiseRule,
    .eval = ops::eval_unary<std::log>,
    .scalar = ops::scalar_unary<nnc::scalar_log>,
    .ulps = 1.0,
    .math = ops::called<"log">,
    .samples = ops::kPositiveSamples,
};

constinit const OpDef k_op_sqrt = {
    .name = "sqrt",
    .doc = "The square root; its gradient at 0 is taken as 0, so that norms of zero vectors have one.",
    .arguments = "x",
    .traits = kElementwise | kSmooth | kExpensive,
    .attrs = NoAttrs{},
    .infer = ops::infer_float,
    .derivative = {ops::vjp_sqrt, {}},
    .lower = ops::kElementwiseRule,
    .eval = ops::eval_unary<std::sqrt>,
    .scalar = ops::scalar_sqrt,
    .math = ops::called<"sqrt">,
    .formula = ops::write_elements<ops::write_sqrt>,
    .samples = ops::kPositiveSamples,
};

constinit const OpDef k_op_tanh = {
    .name = "tanh",
    .doc = "The hyperbolic tangent.",
    .arguments = "x",
    .traits = kElementwise | kSmooth | kExpensive,
    .attrs = NoAttrs{},
    .infer = ops::infer_f32,
    .derivative = {ops::vjp_tanh, {}},
    .lower = ops::kElementwiseRule,
    .eval = ops::eval_unary<std::tanh>,
    .scalar = ops::scalar_unary<nnc::scalar_tanh>,
    .ulps = 2.5,
    .math = ops::called<"tanh">,
    .samples = ops::kF32Samples,
};

constinit const OpDef k_op_erf = {
    .name = "erf",
    .doc = "The error function, as in the exact gelu.",
    .arguments = "x",
    .traits = kElementwise | kSmooth | kExpensive,
    .attrs = NoAttrs{},
    .infer = ops::infer_f32,
    .derivative = {ops::vjp_erf, {}},
    .lower = ops::kElementwiseRule,
    .eval = ops::eval_unary<std::erf>,
    .scalar = ops::scalar_unary<nnc::scalar_erf>,
    .ulps = 2.0,
    .math = ops::called<"erf">,
    .samples = ops::kF32Samples,
};

constinit const OpDef k_op_sigmoid = {
    .name = "sigmoid",
    .doc = "1 / (1 + e^-x).",
    .arguments = "x",
    .traits = kElementwise | kSmooth | kExpensive,
    .attrs = NoAttrs{},
    .infer = ops::infer_f32,
    .derivative = {ops::vjp_sigmoid, {}},
    .lower = ops::kElementwiseRule,
    .eval = ops::eval_unary<ops::sigmoid>,
    .scalar = ops::scalar_unary<nnc::scalar_sigmoid>,
    .ulps = 2.5,
    .math = ops::called<"sigmoid">,
    .samples = ops::kF32Samples,
};

constinit const OpDef k_op_softplus = {
    .name = "softplus",
    .doc = "log(1 + e^x), without overflow.",
    .arguments = "x",
    .traits = kElementwise | kSmooth | kExpensive,
    .attrs = NoAttrs{},
    .infer = ops::infer_f32,
    .derivative = {ops::vjp_softplus, {}},
    .lower = ops::kElementwiseRule,
    .eval = ops::eval_unary<ops::softplus>,
    .scalar = ops::scalar_unary<nnc::scalar_softplus>,
    .ulps = 2.0,
    .math = ops::called<"softplus">,
    .samples = ops::kF32Samples,
};

constinit const OpDef k_op_abs = {
    .name = "abs",
    .doc = "|x|; its gradient at 0 is 0.",
    .arguments = "x",
    .traits = kElementwise,
    .attrs = NoAttrs{},
    .infer = ops::infer_number,
    .derivative = {ops::vjp_abs, {}},
    .lower = ops::kElementwiseRule,
    .eval = ops::eval_unary<std::fabs>,
    .scalar = ops::scalar_abs,
    .math = ops::called<"abs">,
    .samples = ops::kNumberSamples,
};

constinit const OpDef k_op_sign = {
    .name = "sign",
    .doc = "-1, 0 or 1; a NaN stays one. Its gradient is 0 everywhere.",
    .arguments = "x",
    .traits = kElementwise,
    .attrs = NoAttrs{},
    .infer = ops::infer_number,
    .derivative = {ops::vjp_flat, {}},
    .lower = ops::kElementwiseRule,
    .eval = ops::eval_unary<ops::sign>,
    .scalar = ops::scalar_sign,
    .math = ops::called<"sign">,
    .samples = ops::kNumberSamples,
};

constinit const OpDef k_op_logical_not = {
    .name = "logical_not",
    .doc = "True where x is false.",
    .traits = kElementwise,
    .attrs = NoAttrs{},
    .infer = ops::infer_logical,
    .derivative = no_gradient("its result is a truth value"),
    .lower = ops::kElementwiseRule,
    .eval = ops::eval_unary<ops::inverted>,
    .scalar = ops::scalar_logical_not,
    .math = ops::math_logical_not,
    .formula = ops::write_elements<ops::write_not>,
    .samples = ops::kBoolSamples,
};

constinit const OpDef k_op_cast = {
    .name = "cast",
    .doc = "Another dtype. Float to integer truncates and saturates, NaN gives 0; to bool is \"not zero\".",
    .written = "f32(x), i32(x)",
    .traits = kElementwise,
    .attrs = CastAttrs{},
    .infer = ops::infer_cast,
    .derivative = {ops::vjp_cast, {}},
    .lower = ops::kElementwiseRule,
    .eval = ops::eval_cast,
    .scalar = ops::scalar_cast,
    .bounds = ops::same_bounds,
    .math = ops::math_cast,
    .formula = ops::write_cast,
    .samples = ops::kCastSamples,
};

}  // namespace nnc
