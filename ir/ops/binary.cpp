// Elementwise arithmetic of two operands, and fma of three (comparisons, logic and where: compare.cpp). Operands have
// one shape: broadcasts are separate nodes. The arithmetic exists for i32 and i64 too, where it
// wraps.
#include <algorithm>
#include <cmath>

#include "ir/ops/support.h"
#include "ir/scalar/math.h"

namespace nnc {
namespace ops {
namespace {

using Numbers = std::span<const double>;
using Texts = std::span<const MathText>;

// Shapes that matter: a scalar, one element, no multiple of the lanes, two axes; f64 and i64 are for scalars.
const Sample kNumberPairs[] = {two(DType::f32, {}, -2, 2),   two(DType::f32, {1}, -2, 2),
                               two(DType::f32, {17}, -2, 2), two(DType::f32, {3, 5}, -2, 2),
                               two(DType::f64, {}, -2, 2),   two(DType::i32, {17}, -9, 9),
                               two(DType::i64, {}, -9, 9)};
const Sample kPositivePairs[] = {two(DType::f32, {}, 0.4, 2.5), two(DType::f32, {1}, 0.4, 2.5),
                                 two(DType::f32, {17}, 0.4, 2.5), two(DType::f32, {3, 5}, 0.4, 2.5),
                                 two(DType::f64, {}, 0.4, 2.5)};
const Sample kFloorSamples[] = {two(DType::i32, {}, -9, 9), two(DType::i32, {17}, -9, 9),
                                two(DType::i32, {3, 5}, -9, 9), two(DType::i64, {}, -99, 99),
                                two(DType::f32, {17}, 0.4, 9)};
Sample three(DType dtype, const Shape& shape) {
  return {{{dtype, shape}, {dtype, shape}, {dtype, shape}}, NoAttrs{}, -2, 2};
}
const Sample kFmaSamples[] = {three(DType::f32, {}), three(DType::f32, {1}), three(DType::f32, {17}),
                              three(DType::f32, {3, 5}), three(DType::f64, {})};

// ---- derivatives ------------------------------------------------------------------------------------------

Value where(Builder& b, Value condition, Value x, Value y) {
  return b.make(Op::where, {condition, x, y});
}

Adjoints vjp_add(const VjpContext& context) {
  Vjp v(context);
  return {v.g, v.g};
}

Adjoints vjp_sub(const VjpContext& context) {
  Vjp v(context);
  return {v.g, v.b.neg(v.g)};
}

Adjoints vjp_mul(const VjpContext& context) {
  Vjp v(context);
  return {v.b.mul(v.g, v.x[1]), v.b.mul(v.g, v.x[0])};
}

Adjoints vjp_div(const VjpContext& context) {
  Vjp v(context);
  const Value a = v.b.div(v.g, v.x[1]);
  return {a, v.b.neg(v.b.mul(a, v.y))};
}

// The numbers of `value` if they are constant: looks through ops that only move or convert them. Null
// otherwise.
const std::vector<double>* constant_behind(const Graph& graph, Value value) {
  while (true) {
    const Node& node = graph.node(value);
    if (const auto* constant = std::get_if<ConstantAttrs>(&node.attrs)) return &constant->values;
    if (node.op != Op::cast && !op_def(node.op).has(kMoves)) return nullptr;
    value = node.operands[0];
  }
}

// a^e for one number e: e a^(e-1). For 0 < e < 1 the slope at 0 is infinite, and taken as 0 as for sqrt.
std::optional<Value> power_slope(Vjp& v, double e) {
  const Value a = v.x[0];
  if (e == 0) return std::nullopt;
  const Value zero = v.b.full_like(a, 0);
  const bool cusp = e > 0 && e < 1;
  const Value at_zero = cusp ? v.b.make(Op::eq, {a, zero}) : Value{};
  const Value base = cusp ? where(v.b, at_zero, v.b.full_like(a, 1), a) : a;
  const Value power = e == 1 ? v.b.full_like(a, 1) : v.b.make(Op::pow, {base, v.b.full_like(a, e - 1)});
  const Value slope = v.b.mul(v.b.full_like(a, e), power);
  return cusp ? where(v.b, at_zero, zero, slope) : slope;
}

Adjoints vjp_pow(const VjpContext& context) {
  Vjp v(context);
  const Value a = v.x[0];
  const Value b = v.x[1];
  const std::vector<double>* constant = constant_behind(v.b.graph(), b);
  if (constant != nullptr && std::ranges::count(*constant, constant->front()) == std::ssize(*constant)) {
    const std::optional<Value> slope = power_slope(v, constant->front());
    return {slope ? std::optional(v.b.mul(v.g, *slope)) : std::nullopt, std::nullopt};
  }
  const bool exponent_is_constant = constant != nullptr;
  // b a^(b-1), which is 0 for b = 0 also where a is 0.
  const Value zero = v.b.full_like(a, 0);
  const Value one = v.b.full_like(a, 1);
  const Value b_not_0 = where(v.b, v.b.make(Op::eq, {b, zero}), one, b);
  const Value slope = v.b.mul(b, v.b.make(Op::pow, {a, v.b.sub(b_not_0, one)}));
  const Value to_a = v.b.mul(v.g, slope);
  if (exponent_is_constant) return {to_a, std::nullopt};
  // a^b log a, which goes to 0 with a.
  const Value at_zero = v.b.make(Op::eq, {a, zero});
  const Value log = v.b.make(Op::log, {where(v.b, at_zero, one, a)});
  return {to_a, v.b.mul(v.g, where(v.b, at_zero, zero, v.b.mul(v.y, log)))};
}

// The whole adjoint to a where it is greater (less), else to b.
Adjoints share(Vjp& v, Op how) {
  const Value to_a = v.b.make(how, {v.x[0], v.x[1]});
  const Value zero = v.b.full_like(v.g, 0);
  return {where(v.b, to_a, v.g, zero), where(v.b, to_a, zero, v.g)};
}

Adjoints vjp_maximum(const VjpContext& context) {
  Vjp v(context);
  return share(v, Op::gt);
}

Adjoints vjp_minimum(const VjpContext& context) {
  Vjp v(context);
  return share(v, Op::lt);
}

Adjoints vjp_fma(const VjpContext& context) {
  Vjp v(context);
  return {v.b.mul(v.g, v.x[1]), v.b.mul(v.g, v.x[0]), v.g};
}

// ---- reference semantics ----------------------------------------------------------------------------------

// `real` at each element of floats; integers wrap, and a double would round their products: `whole` has 64 bits.
template <double (*real)(Numbers), uint64_t (*whole)(uint64_t, uint64_t)>
std::vector<DenseTensor> eval_wrapping(std::span<const DenseTensor> x, const Attrs&,
                                       std::span<const TensorType> types) {
  if (is_float(types[0].dtype)) return map_elements(x, types[0], real);
  const auto bits = [](double e) { return static_cast<uint64_t>(static_cast<int64_t>(e)); };
  return {generate(types[0], [&](int64_t i) {
    return wrapped(types[0].dtype, whole(bits(x[0].data[at(i)]), bits(x[1].data[at(i)])));
  })};
}

double added(Numbers x) {
  return x[0] + x[1];
}
double subtracted(Numbers x) {
  return x[0] - x[1];
}
double multiplied(Numbers x) {
  return x[0] * x[1];
}
uint64_t added_whole(uint64_t a, uint64_t b) {
  return a + b;
}
uint64_t subtracted_whole(uint64_t a, uint64_t b) {
  return a - b;
}
uint64_t multiplied_whole(uint64_t a, uint64_t b) {
  return a * b;
}
double divided(Numbers x) {
  return x[0] / x[1];
}
double powered(Numbers x) {
  return std::pow(x[0], x[1]);
}
double greater_of(Numbers x) {
  return std::isnan(x[0]) || x[0] > x[1] ? x[0] : x[1];
}
double smaller_of(Numbers x) {
  return std::isnan(x[0]) || x[0] < x[1] ? x[0] : x[1];
}
double multiplied_added(Numbers x) {
  return std::fma(x[0], x[1], x[2]);
}

// An integer divided by 0 gives 0, a float what its division gives.
double floor_divided(Numbers x) {
  return std::floor(x[0] / x[1]);
}
uint64_t floor_divided_whole(uint64_t a, uint64_t b) {
  if (b == 0) return 0;
  const auto x = static_cast<int64_t>(a), y = static_cast<int64_t>(b);
  if (y == -1) return 0 - a;  // the least number has no positive twin
  return static_cast<uint64_t>(x / y - (x % y != 0 && (x < 0) != (y < 0) ? 1 : 0));
}

// ---- whole numbers of a model's text ----------------------------------------------------------------------

constexpr const char* kTooLarge = "a whole number beyond 2^63";
constexpr const char* kByZero = "division by zero";

WholeResult whole_add(int64_t a, int64_t b) {
  int64_t r = 0;
  if (__builtin_add_overflow(a, b, &r)) return kTooLarge;
  return r;
}

WholeResult whole_sub(int64_t a, int64_t b) {
  int64_t r = 0;
  if (__builtin_sub_overflow(a, b, &r)) return kTooLarge;
  return r;
}

WholeResult whole_mul(int64_t a, int64_t b) {
  int64_t r = 0;
  if (__builtin_mul_overflow(a, b, &r)) return kTooLarge;
  return r;
}

// The remainder by -1 would overflow for the least number, though it is 0.
WholeResult whole_floordiv(int64_t a, int64_t b) {
  if (b == 0) return kByZero;
  if (b == -1) return whole_sub(0, a);
  const bool inexact = a % b != 0;
  return a / b - (inexact && (a < 0) != (b < 0) ? 1 : 0);
}

WholeResult whole_div(int64_t a, int64_t b) {
  if (b != 0 && b != -1 && a % b != 0) return static_cast<double>(a) / static_cast<double>(b);
  return whole_floordiv(a, b);
}

WholeResult whole_pow(int64_t a, int64_t b) {
  if (b < 0 && a == 0) return kByZero;
  if (b < 0) return std::pow(static_cast<double>(a), static_cast<double>(b));
  // These stay small however often they are multiplied; anything else overflows within 63 turns.
  if (a == 0 || a == 1) return b == 0 ? 1 : a;
  if (a == -1) return b % 2 == 0 ? int64_t{1} : int64_t{-1};
  int64_t r = 1;
  for (int64_t i = 0; i < b; ++i)
    if (__builtin_mul_overflow(r, a, &r)) return kTooLarge;
  return r;
}

WholeResult whole_maximum(int64_t a, int64_t b) {
  return std::max(a, b);
}
WholeResult whole_minimum(int64_t a, int64_t b) {
  return std::min(a, b);
}

// ---- bounds of integers -----------------------------------------------------------------------------------

Bounds bounds_maximum(const Graph&, const Node&, std::span<const Bounds> x) {
  return {std::max(x[0].low, x[1].low), std::max(x[0].high, x[1].high)};
}
Bounds bounds_minimum(const Graph&, const Node&, std::span<const Bounds> x) {
  return {std::min(x[0].low, x[1].low), std::min(x[0].high, x[1].high)};
}

// ---- scalars ----------------------------------------------------------------------------------------------

ScalarValue scalar_floordiv(ScalarBuilder& builder, Scalars x, DType result) {
  const ScalarValue quotient = builder.div(x[0], x[1]);
  return is_float(result) ? builder.floor(quotient) : quotient;
}
ScalarValue scalar_fma(ScalarBuilder& builder, Scalars x, DType) {
  return builder.fma(x[0], x[1], x[2]);
}

// ---- notation ---------------------------------------------------------------------------------------------

MathText math_add(Texts x, const Attrs&) {
  return infix(x[0], "+", x[1], kSum);
}
MathText math_sub(Texts x, const Attrs&) {
  return infix(x[0], "-", x[1], kSum);
}
MathText math_mul(Texts x, const Attrs&) {
  return infix(x[0], "*", x[1], kProduct);
}
MathText math_div(Texts x, const Attrs&) {
  return infix(x[0], "/", x[1], kProduct);
}
MathText math_floordiv(Texts x, const Attrs&) {
  return infix(x[0], "//", x[1], kProduct);
}
MathText math_pow(Texts x, const Attrs&) {  // binds to the right
  return {at_least(x[0], kPower + 1) + "^" + at_least(x[1], kPower), kPower};
}
MathText math_fma(Texts x, const Attrs& attrs) {
  const MathText sum[] = {math_mul(x.first(2), attrs), x[2]};
  return math_add(sum, attrs);
}

// ---- formulas ---------------------------------------------------------------------------------------------

using formula::Formula;
using Exprs = std::span<const formula::ExprId>;

formula::ExprId write_add(Formula& f, Exprs x) {
  return f.add(x[0], x[1]);
}
formula::ExprId write_sub(Formula& f, Exprs x) {
  return f.sub(x[0], x[1]);
}
formula::ExprId write_mul(Formula& f, Exprs x) {
  return f.mul(x[0], x[1]);
}
formula::ExprId write_div(Formula& f, Exprs x) {
  return f.div(x[0], x[1]);
}
// An integer divided by 0 gives 0.
Writings write_floordiv(Notation& n) {
  return n.elementwise([&](Exprs x) {
    const formula::ExprId floor = n.formula.elementwise("floor", {n.formula.div(x[0], x[1])});
    if (is_float(n.node.types[0].dtype)) return floor;
    return n.formula.mul(n.formula.compare("≠", x[1], n.formula.number(0)), floor);
  });
}
formula::ExprId write_pow(Formula& f, Exprs x) {
  return f.call(Fn::power, {x[0], x[1]});
}
formula::ExprId write_maximum(Formula& f, Exprs x) {
  return f.is_number(x[1], 0) ? f.call(Fn::relu, {x[0]}) : f.elementwise("maximum", {x[0], x[1]});
}
formula::ExprId write_fma(Formula& f, Exprs x) {
  return f.add(f.mul(x[0], x[1]), x[2]);
}

// ---- rows -------------------------------------------------------------------------------------------------

}  // namespace
}  // namespace ops

constinit const OpDef k_op_add = {
    .name = "add",
    .doc = "a + b. Integers wrap.",
    .min_operands = 2,
    .max_operands = 2,
    .traits = kElementwise | kCommutative | kSmooth,
    .attrs = NoAttrs{},
    .infer = ops::infer_number,
    .derivative = {ops::vjp_add, {}},
    .lower = ops::kElementwiseRule,
    .eval = ops::eval_wrapping<ops::added, ops::added_whole>,
    .scalar = ops::primitive<&ScalarBuilder::add>,
    .whole = ops::whole_add,
    .multiple = Multiple::of_both,
    .math = ops::math_add,
    .formula = ops::write_elements<ops::write_add>,
    .samples = ops::kNumberPairs,
};

constinit const OpDef k_op_sub = {
    .name = "sub",
    .doc = "a - b. Integers wrap.",
    .min_operands = 2,
    .max_operands = 2,
    .traits = kElementwise | kSmooth,
    .attrs = NoAttrs{},
    .infer = ops::infer_number,
    .derivative = {ops::vjp_sub, {}},
    .lower = ops::kElementwiseRule,
    .eval = ops::eval_wrapping<ops::subtracted, ops::subtracted_whole>,
    .scalar = ops::primitive<&ScalarBuilder::sub>,
    .whole = ops::whole_sub,
    .multiple = Multiple::of_both,
    .math = ops::math_sub,
    .formula = ops::write_elements<ops::write_sub>,
    .samples = ops::kNumberPairs,
};

constinit const OpDef k_op_mul = {
    .name = "mul",
    .doc = "a * b. Integers wrap.",
    .min_operands = 2,
    .max_operands = 2,
    .traits = kElementwise | kCommutative | kSmooth,
    .attrs = NoAttrs{},
    .infer = ops::infer_number,
    .derivative = {ops::vjp_mul, {}},
    .lower = ops::kElementwiseRule,
    .eval = ops::eval_wrapping<ops::multiplied, ops::multiplied_whole>,
    .scalar = ops::primitive<&ScalarBuilder::mul>,
    .whole = ops::whole_mul,
    .multiple = Multiple::of_one,
    .math = ops::math_mul,
    .formula = ops::write_elements<ops::write_mul>,
    .samples = ops::kNumberPairs,
};

constinit const OpDef k_op_div = {
    .name = "div",
    .doc = "a / b of floats.",
    .min_operands = 2,
    .max_operands = 2,
    .traits = kElementwise | kSmooth | kExpensive | kDivides,
    .attrs = NoAttrs{},
    .infer = ops::infer_float,
    .derivative = {ops::vjp_div, {}},
    .lower = ops::kElementwiseRule,
    .eval = ops::eval_elements<ops::divided>,
    .scalar = ops::primitive<&ScalarBuilder::div>,
    .whole = ops::whole_div,
    .multiple = Multiple::of_first,
    .math = ops::math_div,
    .formula = ops::write_elements<ops::write_div>,
    .samples = ops::kPositivePairs,
};

constinit const OpDef k_op_floordiv = {
    .name = "floordiv",
    .doc = "a / b rounded down; an integer divided by 0 gives 0. Its gradient is 0 everywhere.",
    .min_operands = 2,
    .max_operands = 2,
    .traits = kElementwise | kDivides,
    .attrs = NoAttrs{},
    .infer = ops::infer_number,
    .derivative = {ops::vjp_flat, {}},
    .lower = ops::kElementwiseRule,
    .eval = ops::eval_wrapping<ops::floor_divided, ops::floor_divided_whole>,
    .scalar = ops::scalar_floordiv,
    .whole = ops::whole_floordiv,
    .math = ops::math_floordiv,
    .formula = ops::write_floordiv,
    .samples = ops::kFloorSamples,
};

constinit const OpDef k_op_pow = {
    .name = "pow",
    .doc = "a to the power b, as C's pow: 0^0 = 1, and negative a want whole b.",
    .min_operands = 2,
    .max_operands = 2,
    .traits = kElementwise | kSmooth | kExpensive,
    .attrs = NoAttrs{},
    .infer = ops::infer_float,
    .derivative = {ops::vjp_pow, {}},
    .lower = ops::kElementwiseRule,
    .eval = ops::eval_elements<ops::powered>,
    .scalar = ops::scalar_binary<scalar_pow>,
    .whole = ops::whole_pow,
    .ulps = 2.0,
    .math = ops::math_pow,
    .formula = ops::write_elements<ops::write_pow>,
    .samples = ops::kPositivePairs,
};

constinit const OpDef k_op_maximum = {
    .name = "maximum",
    .doc = "The greater; a NaN stays one. The gradient goes to a where a > b, else to b.",
    .arguments = "a b",
    .min_operands = 2,
    .max_operands = 2,
    .traits = kElementwise | kCommutative,
    .attrs = NoAttrs{},
    .infer = ops::infer_number,
    .derivative = {ops::vjp_maximum, {}},
    .lower = ops::kElementwiseRule,
    .eval = ops::eval_elements<ops::greater_of>,
    .scalar = ops::scalar_binary<scalar_maximum>,
    .whole = ops::whole_maximum,
    .bounds = ops::bounds_maximum,
    .math = ops::called<"maximum">,
    .formula = ops::write_elements<ops::write_maximum>,
    .samples = ops::kNumberPairs,
};

constinit const OpDef k_op_minimum = {
    .name = "minimum",
    .doc = "The smaller; a NaN stays one. The gradient goes to a where a < b, else to b.",
    .arguments = "a b",
    .min_operands = 2,
    .max_operands = 2,
    .traits = kElementwise | kCommutative,
    .attrs = NoAttrs{},
    .infer = ops::infer_number,
    .derivative = {ops::vjp_minimum, {}},
    .lower = ops::kElementwiseRule,
    .eval = ops::eval_elements<ops::smaller_of>,
    .scalar = ops::scalar_binary<scalar_minimum>,
    .whole = ops::whole_minimum,
    .bounds = ops::bounds_minimum,
    .math = ops::called<"minimum">,
    .samples = ops::kNumberPairs,
};

constinit const OpDef k_op_fma = {
    .name = "fma",
    .doc = "a * b + c, rounded once.",
    .min_operands = 3,
    .max_operands = 3,
    .traits = kElementwise | kSmooth,
    .attrs = NoAttrs{},
    .infer = ops::infer_float,
    .derivative = {ops::vjp_fma, {}},
    .lower = ops::kElementwiseRule,
    .eval = ops::eval_elements<ops::multiplied_added>,
    .scalar = ops::scalar_fma,
    .math = ops::math_fma,
    .formula = ops::write_elements<ops::write_fma>,
    .samples = ops::kFmaSamples,
};

}  // namespace nnc
