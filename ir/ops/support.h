// What the op families share: shape rules, derivatives' and lowering's recurring parts, notation, walking
// tensors. The rows themselves are declared here, so that a missing definition is a link error.
//
// A row is written `constinit const OpDef k_op_NAME = {…}` (declared below, hence with external linkage):
// constant initialization makes it readable from anywhere, at any time. Rows whose attributes hold a
// std::string (input, random) and all samples are ordinary constants, ready when main begins; nothing reads
// them earlier.
#pragma once

#include <algorithm>
#include <functional>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ir/formula/notation.h"
#include "ir/graph/builder.h"
#include "ir/graph/graph.h"
#include "ir/kernel/kernel.h"
#include "ir/ops/op.h"

namespace nnc {

#define NNC_OP(name) extern const OpDef k_op_##name;
#include "ir/ops/ops.def"

namespace ops {

inline size_t at(int64_t i) {
  return static_cast<size_t>(i);
}

// ---- shape rules ------------------------------------------------------------------------------------------

inline Inferred failed(std::string sentence) {
  return {{}, std::move(sentence)};
}
inline Inferred typed(TensorType type) {
  return {{std::move(type)}, {}};
}

// "f32[2, 3] and f32[3]"
std::string list_types(std::span<const TensorType> types);
// "the operands differ: f32[2, 3] and f32[3]" if they are not all of one type; else empty.
std::string same_types(std::span<const TensorType> operands);

// All operands of one type, which is the result's: f32 only; floats; floats, i32 and i64; bool only.
Inferred infer_f32(std::span<const TensorType> operands, const Attrs& attrs);
Inferred infer_float(std::span<const TensorType> operands, const Attrs& attrs);
Inferred infer_number(std::span<const TensorType> operands, const Attrs& attrs);
Inferred infer_logical(std::span<const TensorType> operands, const Attrs& attrs);
// All operands of one type, whatever it is; the result is bool of their shape.
Inferred infer_comparison(std::span<const TensorType> operands, const Attrs& attrs);
// Result type = operand 0's, whatever it is.
Inferred infer_identity(std::span<const TensorType> operands, const Attrs& attrs);

// What is wrong with a shape that an attribute gives; empty when nothing is: rank at most 8, extents from 1
// to 2^31, at most 2^40 elements.
std::string shape_error(const Shape& shape);
// What is wrong with axes that should be some of the shape's, ascending; empty if nothing is.
std::string axes_error(const std::vector<int64_t>& axes, const Shape& shape);
inline constexpr int64_t kMaxRank = 8;

// ---- derivatives ------------------------------------------------------------------------------------------

using Adjoints = std::vector<std::optional<Value>>;

// What a rule for a one-result op works with: the adjoint of the result, the node's operands, its result and
// its attributes, copied, so that building may move the graph's table.
struct Vjp {
  explicit Vjp(const VjpContext& context);
  Builder& b;
  Value g;                     // the adjoint of result 0
  Value y;                     // result 0
  std::vector<Value> x;        // operands
  std::vector<TensorType> in;  // their types
  TensorType out;              // result 0's type
  Attrs attrs;
};

// Of an op that is constant between its steps: no adjoint for any operand.
Adjoints vjp_flat(const VjpContext& context);

// ---- many at once -----------------------------------------------------------------------------------------

// Operand `i` with the new first axis, along which it is repeated if it is the same for all.
Value stacked_operand(const LiftContext& context, size_t i);
// The op with these attributes on all operands so.
std::vector<Value> lift_with(const LiftContext& context, Attrs attrs);
std::vector<Value> lift_same(const LiftContext& context);  // with those that it has
// Axes, each one further on.
std::vector<int64_t> shifted(std::vector<int64_t> axes);
// 0, then the axes shifted.
std::vector<int64_t> after_first(const std::vector<int64_t>& axes);
Shape stacked(const Shape& shape, int64_t length);

// ---- lowering ---------------------------------------------------------------------------------------------

using kernel::ElementContext;
using kernel::ExprId;
using kernel::Index;

// The rule of every elementwise op: the op itself on the operands' elements at the same index.
ExprId elementwise(ElementContext& context, std::span<const Index> index, uint32_t result);
inline constexpr ElementRule kElementwiseRule = {elementwise};
// Operand 0's element at the same index.
ExprId same_element(ElementContext& context, std::span<const Index> index, uint32_t result);

ExprId int_constant(kernel::Kernel& kernel, int64_t value);  // i64; exact up to 2^53
ExprId f32_constant(kernel::Kernel& kernel, double value);
// The subscript as an i64 expression. A computed part is clamped into [0, extent), as a load would do.
ExprId index_value(kernel::Kernel& kernel, const Index& index, int64_t extent);
// The subscript in a form that may be added to and multiplied: its computed part, if any, is the whole of it
// and clamped into [0, extent).
Index settled(kernel::Kernel& kernel, const Index& index, int64_t extent);
// Sum and multiple of settled subscripts; computed parts become expressions.
Index plus(kernel::Kernel& kernel, const Index& a, const Index& b);
Index times(kernel::Kernel& kernel, const Index& a, int64_t factor);

// A subscript within [0, extent) divided by `divisor`, and the rest. Affine where the terms say so: those with a coefficient
// that `divisor` divides make the quotient, if what the others can sum to stays within [0, divisor). Otherwise computed.
struct QuotientRemainder {
  Index quotient;
  Index remainder;
};
QuotientRemainder divide(kernel::Kernel& kernel, const Index& index, int64_t divisor, int64_t extent);

// The row-major position of an element of `shape`, settled.
Index linear_index(kernel::Kernel& kernel, std::span<const Index> index, const Shape& shape);

// ---- bounds of integers -----------------------------------------------------------------------------------

// Those of operand 0: ops that move elements, or convert them.
Bounds same_bounds(const Graph& graph, const Node& node, std::span<const Bounds> operands);

// ---- reference semantics ----------------------------------------------------------------------------------

DenseTensor zeros(const TensorType& type);
// A tensor of `type` whose element at row-major position i is f(i).
DenseTensor generate(const TensorType& type, const std::function<double(int64_t)>& f);
// Applies f to the elements of the operands at each position.
std::vector<DenseTensor> map_elements(std::span<const DenseTensor> operands, const TensorType& type,
                                      double (*f)(std::span<const double>));
// Operand 0 as it is.
std::vector<DenseTensor> eval_same(std::span<const DenseTensor> operands, const Attrs& attrs,
                                   std::span<const TensorType> types);
// The integer of that dtype that the low bits represent.
double wrapped(DType dtype, uint64_t bits);
// The eval of an elementwise op: `f` of the operands' elements at each position.
template <double (*f)(std::span<const double>)>
std::vector<DenseTensor> eval_elements(std::span<const DenseTensor> x, const Attrs&,
                                       std::span<const TensorType> types) {
  return map_elements(x, types[0], f);
}
// The eval of an op of one operand: `f` at each element; integers wrap.
template <double (*f)(double)>
std::vector<DenseTensor> eval_unary(std::span<const DenseTensor> x, const Attrs&,
                                    std::span<const TensorType> types) {
  std::vector<DenseTensor> result =
      map_elements(x, types[0], [](std::span<const double> e) { return f(e[0]); });
  if (is_integer(types[0].dtype))
    for (double& e : result[0].data)
      e = wrapped(types[0].dtype, static_cast<uint64_t>(static_cast<int64_t>(e)));
  return result;
}

// Goes through the elements of `shape` in row-major order: visit(i, place), i counting them, place being `first` and, for each axis,
// its coordinate times its step.
template <class Visit>
void each_place(const Shape& shape, std::span<const int64_t> steps, int64_t first, Visit visit) {
  std::vector<int64_t> coordinate(shape.size());
  const size_t elements = at(element_count(shape));
  int64_t place = first;
  for (size_t i = 0; i < elements; ++i) {
    visit(i, at(place));
    for (size_t axis = shape.size(); axis-- > 0;) {
      place += steps[axis];
      if (++coordinate[axis] < shape[axis]) break;
      place -= steps[axis] * shape[axis];
      coordinate[axis] = 0;
    }
  }
}
// A tensor of `type` of what x has at those places.
DenseTensor gathered(const DenseTensor& x, const TensorType& type, std::span<const int64_t> steps,
                     int64_t first = 0);

// ---- scalars ----------------------------------------------------------------------------------------------

using Scalars = std::span<const ScalarValue>;

// The ScalarFn of an op of two operands that is a primitive operation.
template <ScalarValue (ScalarBuilder::*operation)(ScalarValue, ScalarValue)>
ScalarValue primitive(ScalarBuilder& builder, Scalars x, DType) {
  return (builder.*operation)(x[0], x[1]);
}

// The ScalarFn of an op of one operand, or of two.
template <ScalarValue (*f)(ScalarBuilder&, ScalarValue)>
ScalarValue scalar_unary(ScalarBuilder& builder, Scalars x, DType) {
  return f(builder, x[0]);
}
template <ScalarValue (*f)(ScalarBuilder&, ScalarValue, ScalarValue)>
ScalarValue scalar_binary(ScalarBuilder& builder, Scalars x, DType) {
  return f(builder, x[0], x[1]);
}

// ---- notation ---------------------------------------------------------------------------------------------

// The language's levels, low to high.
inline constexpr int kOr = 10, kAnd = 20, kNot = 30, kCompare = 40, kSum = 60, kProduct = 70, kUnary = 80,
                     kPower = 90, kAtom = 100;

// `operand` in parentheses if it binds less tightly than `precedence`.
std::string at_least(const MathText& operand, int precedence);
// a OP b; the right operand of a left-associative sign needs one level more.
MathText infix(const MathText& a, std::string_view sign, const MathText& b, int precedence);
MathText call(std::string_view function, std::span<const MathText> operands);
MathText call(std::string_view function, std::initializer_list<std::string> arguments);

// The MathFn of an op that is written as a call: called<"exp">.
template <size_t size>
struct Literal {
  consteval Literal(const char (&characters)[size]) { std::copy_n(characters, size, text); }
  char text[size];
};
template <Literal function>
MathText called(std::span<const MathText> x, const Attrs&) {
  return call(function.text, x);
}

// ---- formulas ---------------------------------------------------------------------------------------------

using formula::Fn;
using formula::Notation;
using Writings = std::vector<formula::Written>;

// Operand 0 as it is: what only repeats, converts or marks a value.
Writings write_same(Notation& n);
// An elementwise op as `of` its operands.
template <formula::ExprId (*of)(formula::Formula&, std::span<const formula::ExprId>)>
Writings write_elements(Notation& n) {
  return n.elementwise([&](std::span<const formula::ExprId> x) { return of(n.formula, x); });
}
// A comparison, with its sign.
template <Literal sign>
Writings write_compared(Notation& n) {
  return n.elementwise(
      [&](std::span<const formula::ExprId> x) { return n.formula.compare(sign.text, x[0], x[1]); });
}
// A function of the operands as they are, with these parameters.
Writings write_call(Notation& n, Fn fn, std::vector<formula::Numbers> parameters = {});

// ---- samples ----------------------------------------------------------------------------------------------

inline Sample one(DType dtype, const Shape& shape, double low, double high) {
  return {{{dtype, shape}}, NoAttrs{}, low, high};
}
// Two operands of one type.
inline Sample two(DType dtype, const Shape& shape, double low, double high) {
  return {{{dtype, shape}, {dtype, shape}}, NoAttrs{}, low, high};
}

// ---- small things -----------------------------------------------------------------------------------------

// "[1, 2]"
std::string list(std::span<const int64_t> numbers);
// The axes of 0 … rank-1 that `axes` (ascending) lacks.
std::vector<int64_t> other_axes(std::span<const int64_t> axes, int64_t rank);
// `shape` without `axes`.
Shape without(const Shape& shape, std::span<const int64_t> axes);
// 0, 1, … count-1
std::vector<int64_t> first_axes(int64_t count);

}  // namespace ops
}  // namespace nnc
