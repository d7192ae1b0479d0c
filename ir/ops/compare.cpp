// Elementwise comparisons, logic, and where: ops whose operands or results are truth values.
#include <tuple>

#include "ir/ops/support.h"

namespace nnc {
namespace ops {
namespace {

using Numbers = std::span<const double>;
using Texts = std::span<const MathText>;

// Few different numbers, so that equal ones occur.
const Sample kCompareSamples[] = {two(DType::f32, {}, -2, 2),     two(DType::f32, {17}, -2, 2),
                                  two(DType::f32, {3, 5}, -2, 2), two(DType::f64, {}, -2, 2),
                                  two(DType::i32, {17}, -2, 2),   two(DType::i64, {}, -2, 2),
                                  two(DType::boolean, {17}, 0, 2)};
const Sample kLogicSamples[] = {two(DType::boolean, {}, 0, 2), two(DType::boolean, {17}, 0, 2),
                                two(DType::boolean, {3, 5}, 0, 2)};

Sample choice(DType dtype, const Shape& shape) {
  return {{{DType::boolean, shape}, {dtype, shape}, {dtype, shape}}, NoAttrs{}, -2, 2};
}
const Sample kWhereSamples[] = {
    choice(DType::f32, {}), choice(DType::f32, {1}),  choice(DType::f32, {17}), choice(DType::f32, {3, 5}),
    choice(DType::f64, {}), choice(DType::i32, {17}), choice(DType::i64, {}),   choice(DType::boolean, {5})};

// ---- shape rules ------------------------------------------------------------------------------------------

Inferred infer_where(std::span<const TensorType> operands, const Attrs&) {
  const auto& [condition, a, b] = std::tie(operands[0], operands[1], operands[2]);
  if (condition.dtype != DType::boolean)
    return failed("the condition is " + to_string(condition) + ", not bool");
  if (condition.shape != a.shape || a != b) return failed("the operands differ: " + list_types(operands));
  return typed(a);
}

// ---- derivatives ------------------------------------------------------------------------------------------

Adjoints vjp_where(const VjpContext& context) {
  Vjp v(context);
  const Value zero = v.b.full_like(v.g, 0);
  return {std::nullopt, v.b.make(Op::where, {v.x[0], v.g, zero}), v.b.make(Op::where, {v.x[0], zero, v.g})};
}

// ---- reference semantics ----------------------------------------------------------------------------------

double equal(Numbers x) {
  return x[0] == x[1] ? 1 : 0;
}
double unequal(Numbers x) {
  return x[0] != x[1] ? 1 : 0;
}
double less(Numbers x) {
  return x[0] < x[1] ? 1 : 0;
}
double less_or_equal(Numbers x) {
  return x[0] <= x[1] ? 1 : 0;
}
double greater(Numbers x) {
  return x[0] > x[1] ? 1 : 0;
}
double greater_or_equal(Numbers x) {
  return x[0] >= x[1] ? 1 : 0;
}
double both(Numbers x) {
  return x[0] != 0 && x[1] != 0 ? 1 : 0;
}
double either(Numbers x) {
  return x[0] != 0 || x[1] != 0 ? 1 : 0;
}
double chosen(Numbers x) {
  return x[0] != 0 ? x[1] : x[2];
}

// ---- scalars ----------------------------------------------------------------------------------------------

template <Compare how>
ScalarValue comparison(ScalarBuilder& builder, Scalars x, DType) {
  return builder.compare(how, x[0], x[1]);
}

ScalarValue scalar_where(ScalarBuilder& builder, Scalars x, DType) {
  return builder.select(x[0], x[1], x[2]);
}

// ---- notation ---------------------------------------------------------------------------------------------

MathText math_logical_and(Texts x, const Attrs&) {
  return infix(x[0], "and", x[1], kAnd);
}
MathText math_logical_or(Texts x, const Attrs&) {
  return infix(x[0], "or", x[1], kOr);
}

// Comparisons do not chain: both sides must bind tighter.
MathText compared(Texts x, std::string_view sign) {
  return {at_least(x[0], kCompare + 1) + " " + std::string(sign) + " " + at_least(x[1], kCompare + 1),
          kCompare};
}
MathText math_eq(Texts x, const Attrs&) {
  return compared(x, "==");
}
MathText math_ne(Texts x, const Attrs&) {
  return compared(x, "!=");
}
MathText math_lt(Texts x, const Attrs&) {
  return compared(x, "<");
}
MathText math_le(Texts x, const Attrs&) {
  return compared(x, "<=");
}
MathText math_gt(Texts x, const Attrs&) {
  return compared(x, ">");
}
MathText math_ge(Texts x, const Attrs&) {
  return compared(x, ">=");
}

// A row that compares or combines to a truth value.
constexpr OpDef truth(std::string_view name, std::string_view doc, uint32_t traits, InferFn infer,
                      EvalFn eval, ScalarFn scalar, MathFn math, FormulaFn formula,
                      std::span<const Sample> samples) {
  return {.name = name,
          .doc = doc,
          .min_operands = 2,
          .max_operands = 2,
          .traits = kElementwise | traits,
          .attrs = NoAttrs{},
          .infer = infer,
          .derivative = no_gradient("its result is a truth value"),
          .lower = kElementwiseRule,
          .eval = eval,
          .scalar = scalar,
          .math = math,
          .formula = formula,
          .samples = samples};
}

}  // namespace
}  // namespace ops

constinit const OpDef k_op_where = {
    .name = "where",
    .doc = "The second operand where the first is true, else the third.",
    .written = "where(c, a, b)",
    .min_operands = 3,
    .max_operands = 3,
    .traits = kElementwise,
    .attrs = NoAttrs{},
    .infer = ops::infer_where,
    .derivative = {ops::vjp_where, {}},
    .lower = ops::kElementwiseRule,
    .eval = ops::eval_elements<ops::chosen>,
    .scalar = ops::scalar_where,
    .math = ops::called<"where">,
    .samples = ops::kWhereSamples,
};

constinit const OpDef k_op_eq =
    ops::truth("eq", "a == b; false where either is NaN.", kCommutative, ops::infer_comparison,
               ops::eval_elements<ops::equal>, ops::comparison<Compare::eq>, ops::math_eq,
               ops::write_compared<"=">, ops::kCompareSamples);

constinit const OpDef k_op_ne =
    ops::truth("ne", "a != b; true where either is NaN.", kCommutative, ops::infer_comparison,
               ops::eval_elements<ops::unequal>, ops::comparison<Compare::ne>, ops::math_ne,
               ops::write_compared<"≠">, ops::kCompareSamples);

constinit const OpDef k_op_lt = ops::truth(
    "lt", "a < b; false where either is NaN.", 0, ops::infer_comparison, ops::eval_elements<ops::less>,
    ops::comparison<Compare::lt>, ops::math_lt, ops::write_compared<"<">, ops::kCompareSamples);

constinit const OpDef k_op_le =
    ops::truth("le", "a <= b; false where either is NaN.", 0, ops::infer_comparison,
               ops::eval_elements<ops::less_or_equal>, ops::comparison<Compare::le>, ops::math_le,
               ops::write_compared<"≤">, ops::kCompareSamples);

constinit const OpDef k_op_gt = ops::truth(
    "gt", "a > b; false where either is NaN.", 0, ops::infer_comparison, ops::eval_elements<ops::greater>,
    ops::comparison<Compare::gt>, ops::math_gt, ops::write_compared<">">, ops::kCompareSamples);

constinit const OpDef k_op_ge =
    ops::truth("ge", "a >= b; false where either is NaN.", 0, ops::infer_comparison,
               ops::eval_elements<ops::greater_or_equal>, ops::comparison<Compare::ge>, ops::math_ge,
               ops::write_compared<"≥">, ops::kCompareSamples);

constinit const OpDef k_op_logical_and =
    ops::truth("logical_and", "True where both are.", kCommutative, ops::infer_logical,
               ops::eval_elements<ops::both>, ops::primitive<&ScalarBuilder::logical_and>,
               ops::math_logical_and, ops::write_compared<"∧">, ops::kLogicSamples);

constinit const OpDef k_op_logical_or =
    ops::truth("logical_or", "True where either is.", kCommutative, ops::infer_logical,
               ops::eval_elements<ops::either>, ops::primitive<&ScalarBuilder::logical_or>,
               ops::math_logical_or, ops::write_compared<"∨">, ops::kLogicSamples);

}  // namespace nnc
