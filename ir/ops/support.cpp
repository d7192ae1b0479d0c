// What the op families share; see support.h.
#include "ir/ops/support.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "support/check.h"

namespace nnc::ops {

// ---- shape rules ------------------------------------------------------------------------------------------

std::string list_types(std::span<const TensorType> types) {
  std::string text;
  for (size_t i = 0; i < types.size(); ++i)
    text += (i == 0 ? "" : i + 1 == types.size() ? " and " : ", ") + to_string(types[i]);
  return text;
}

std::string same_types(std::span<const TensorType> operands) {
  const bool equal = std::ranges::all_of(operands, [&](const TensorType& t) { return t == operands[0]; });
  return equal ? "" : "the operands differ: " + list_types(operands);
}

namespace {

Inferred infer_same(std::span<const TensorType> operands, bool allowed, std::string_view wanted) {
  if (std::string error = same_types(operands); !error.empty()) return failed(std::move(error));
  if (!allowed) return failed(fmt::format("takes {}, found {}", wanted, to_string(operands[0])));
  return typed(operands[0]);
}

}  // namespace

Inferred infer_f32(std::span<const TensorType> operands, const Attrs&) {
  return infer_same(operands, operands[0].dtype == DType::f32, "f32");
}

Inferred infer_float(std::span<const TensorType> operands, const Attrs&) {
  return infer_same(operands, is_float(operands[0].dtype), "f32 or f64");
}

Inferred infer_number(std::span<const TensorType> operands, const Attrs&) {
  const DType dtype = operands[0].dtype;
  return infer_same(operands, is_float(dtype) || dtype == DType::i32 || dtype == DType::i64,
                    "floats, i32 or i64");
}

Inferred infer_logical(std::span<const TensorType> operands, const Attrs&) {
  return infer_same(operands, operands[0].dtype == DType::boolean, "bool");
}

Inferred infer_comparison(std::span<const TensorType> operands, const Attrs&) {
  Inferred inferred = infer_same(operands, true, "");
  if (inferred.error.empty()) inferred.types[0].dtype = DType::boolean;
  return inferred;
}

Inferred infer_identity(std::span<const TensorType> operands, const Attrs&) {
  return typed(operands[0]);
}

std::string shape_error(const Shape& shape) {
  if (static_cast<int64_t>(shape.size()) > kMaxRank)
    return fmt::format("a shape of {} axes, the most is {}", shape.size(), kMaxRank);
  for (const int64_t extent : shape)
    if (extent < 1 || extent > (int64_t{1} << 31))
      return fmt::format("the extent {} in {} is not between 1 and 2^31", extent, to_string(shape));
  if (element_count(shape) < 0) return fmt::format("{} has more than 2^40 elements", to_string(shape));
  return {};
}

std::string axes_error(const std::vector<int64_t>& axes, const Shape& shape) {
  const auto rank = static_cast<int64_t>(shape.size());
  for (size_t i = 0; i < axes.size(); ++i) {
    if (axes[i] < 0 || axes[i] >= rank) return fmt::format("{} has no axis {}", to_string(shape), axes[i]);
    if (i > 0 && axes[i] <= axes[i - 1])
      return fmt::format("axes {} are not ascending axes of {}", list(axes), to_string(shape));
  }
  return {};
}

// ---- derivatives ------------------------------------------------------------------------------------------

Vjp::Vjp(const VjpContext& context) : b(context.builder), y{context.node, 0} {
  const Graph& graph = context.builder.graph();
  const Node& node = graph.nodes[context.node];
  NNC_CHECK(!context.adjoints.empty() && context.adjoints[0].has_value(), "a derivative without an adjoint");
  g = *context.adjoints[0];
  x = node.operands;
  for (const Value& operand : x) in.push_back(graph.type(operand));
  out = node.types[0];
  attrs = node.attrs;
}

Adjoints vjp_flat(const VjpContext& context) {
  return Adjoints(context.builder.graph().nodes[context.node].operands.size());
}

// ---- many at once -----------------------------------------------------------------------------------------

Shape stacked(const Shape& shape, int64_t length) {
  Shape out{length};
  out.insert(out.end(), shape.begin(), shape.end());
  return out;
}

std::vector<int64_t> shifted(std::vector<int64_t> axes) {
  for (int64_t& axis : axes) ++axis;
  return axes;
}

std::vector<int64_t> after_first(const std::vector<int64_t>& axes) {
  std::vector<int64_t> out = shifted(axes);
  out.insert(out.begin(), 0);
  return out;
}

Value stacked_operand(const LiftContext& c, size_t i) {
  if (c.stacked[i]) return c.operands[i];
  const TensorType type = c.builder.type(c.operands[i]);
  return c.builder.make(Op::broadcast, {c.operands[i]},
                        BroadcastAttrs{stacked(type.shape, c.length), shifted(first_axes(type.rank()))});
}

std::vector<Value> lift_with(const LiftContext& c, Attrs attrs) {
  std::vector<Value> operands;
  for (size_t i = 0; i < c.operands.size(); ++i) operands.push_back(stacked_operand(c, i));
  return c.builder.make_all(c.node.op, std::move(operands), std::move(attrs));
}

std::vector<Value> lift_same(const LiftContext& context) {
  return lift_with(context, context.node.attrs);
}

// ---- lowering ---------------------------------------------------------------------------------------------

ExprId elementwise(ElementContext& context, std::span<const Index> index, uint32_t) {
  std::vector<ExprId> operands;
  for (size_t i = 0; i < context.operand_types.size(); ++i) operands.push_back(context.operand(i, index));
  return context.kernel.apply(context.node.op, std::move(operands), context.node.types[0].dtype);
}

ExprId same_element(ElementContext& context, std::span<const Index> index, uint32_t) {
  return context.operand(0, index);
}

ExprId int_constant(kernel::Kernel& kernel, int64_t value) {
  return kernel.constant(DType::i64, static_cast<double>(value));
}

ExprId f32_constant(kernel::Kernel& kernel, double value) {
  return kernel.constant(DType::f32, value);
}

ExprId index_value(kernel::Kernel& kernel, const Index& index, int64_t extent) {
  const Index affine = {index.terms, index.constant, {}, false};
  if (!index.computed.valid()) return kernel.axis_value(affine);
  ExprId value = index.computed;
  if (!affine.terms.empty() || affine.constant != 0)
    value = kernel.apply(Op::add, {value, kernel.axis_value(affine)}, DType::i64);
  value = kernel.apply(Op::maximum, {value, int_constant(kernel, 0)}, DType::i64);
  return kernel.apply(Op::minimum, {value, int_constant(kernel, extent - 1)}, DType::i64);
}

Index settled(kernel::Kernel& kernel, const Index& index, int64_t extent) {
  if (!index.computed.valid()) return index;
  return {{}, 0, index_value(kernel, index, extent), false};
}

Index plus(kernel::Kernel& kernel, const Index& a, const Index& b) {
  Index sum = Index{a.terms, a.constant, {}, false} + Index{b.terms, b.constant, {}, false};
  if (a.computed.valid() && b.computed.valid())
    sum.computed = kernel.apply(Op::add, {a.computed, b.computed}, DType::i64);
  else
    sum.computed = a.computed.valid() ? a.computed : b.computed;
  sum.checked = (a.checked || b.checked) && !sum.computed.valid();  // computed subscripts are clamped
  return sum;
}

Index times(kernel::Kernel& kernel, const Index& a, int64_t factor) {
  if (factor == 1) return a;
  Index product = Index{a.terms, a.constant, {}, false} * factor;
  product.checked = a.checked && !a.computed.valid();
  if (a.computed.valid())
    product.computed = kernel.apply(Op::mul, {a.computed, int_constant(kernel, factor)}, DType::i64);
  return product;
}

QuotientRemainder divide(kernel::Kernel& kernel, const Index& index, int64_t divisor, int64_t extent) {
  if (divisor == 1) return {index, Index::at(0)};
  if (!index.computed.valid()) {
    Index quotient = {{}, 0, {}, index.checked};
    Index remainder = {{}, index.constant % divisor, {}, index.checked};
    if (remainder.constant < 0) remainder.constant += divisor;
    quotient.constant = (index.constant - remainder.constant) / divisor;
    int64_t low = remainder.constant;
    int64_t high = remainder.constant;
    for (const kernel::Term& term : index.terms) {
      if (term.coefficient % divisor == 0) {
        quotient.terms.push_back({term.axis, term.coefficient / divisor});
        continue;
      }
      remainder.terms.push_back(term);
      const int64_t reach = term.coefficient * (kernel.axes[term.axis].extent - 1);
      (reach < 0 ? low : high) += reach;
    }
    if (low >= 0 && high < divisor) return {std::move(quotient), std::move(remainder)};
  }
  const ExprId value = index_value(kernel, index, extent);
  const ExprId by = int_constant(kernel, divisor);
  const ExprId quotient = kernel.apply(Op::floordiv, {value, by}, DType::i64);
  const ExprId whole = kernel.apply(Op::mul, {quotient, by}, DType::i64);
  const ExprId remainder = kernel.apply(Op::sub, {value, whole}, DType::i64);
  // Computed subscripts are clamped by the load, so nothing needs to be checked any more.
  return {Index{{}, 0, quotient, false}, Index{{}, 0, remainder, false}};
}

Index linear_index(kernel::Kernel& kernel, std::span<const Index> index, const Shape& shape) {
  Index linear = Index::at(0);
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 1) continue;
    linear = plus(kernel, times(kernel, linear, shape[i]), settled(kernel, index[i], shape[i]));
  }
  return linear;
}

// ---- bounds of integers -----------------------------------------------------------------------------------

Bounds same_bounds(const Graph&, const Node&, std::span<const Bounds> operands) {
  return operands[0];
}

// ---- reference semantics ----------------------------------------------------------------------------------

DenseTensor zeros(const TensorType& type) {
  return {type, std::vector<double>(static_cast<size_t>(type.elements()))};
}

std::vector<DenseTensor> eval_same(std::span<const DenseTensor> operands, const Attrs&,
                                   std::span<const TensorType>) {
  return {operands[0]};
}

DenseTensor generate(const TensorType& type, const std::function<double(int64_t)>& f) {
  DenseTensor tensor = zeros(type);
  for (size_t i = 0; i < tensor.data.size(); ++i) tensor.data[i] = f(static_cast<int64_t>(i));
  return tensor;
}

std::vector<DenseTensor> map_elements(std::span<const DenseTensor> operands, const TensorType& type,
                                      double (*f)(std::span<const double>)) {
  DenseTensor result = zeros(type);
  std::vector<double> elements(operands.size());
  for (size_t i = 0; i < result.data.size(); ++i) {
    for (size_t k = 0; k < operands.size(); ++k) elements[k] = operands[k].data[i];
    result.data[i] = f(elements);
  }
  return {std::move(result)};
}

double wrapped(DType dtype, uint64_t bits) {
  switch (dtype) {
    case DType::i32:
      return static_cast<int32_t>(bits);
    case DType::u8:
      return static_cast<uint8_t>(bits);
    default:
      return static_cast<double>(static_cast<int64_t>(bits));
  }
}

DenseTensor gathered(const DenseTensor& x, const TensorType& type, std::span<const int64_t> steps,
                     int64_t first) {
  DenseTensor result = zeros(type);
  each_place(type.shape, steps, first, [&](size_t i, size_t place) { result.data[i] = x.data[place]; });
  return result;
}

// ---- notation ---------------------------------------------------------------------------------------------

Writings write_same(Notation& n) {
  return {n.x[0]};
}

Writings write_call(Notation& n, Fn fn, std::vector<formula::Numbers> parameters) {
  std::vector<formula::ExprId> x;
  for (size_t i = 0; i < n.x.size(); ++i) x.push_back(n.exact(i));
  return n.whole(n.formula.call(fn, std::move(x), std::move(parameters)));
}

std::string at_least(const MathText& operand, int precedence) {
  return operand.precedence >= precedence ? operand.text : "(" + operand.text + ")";
}

MathText infix(const MathText& a, std::string_view sign, const MathText& b, int precedence) {
  return {fmt::format("{} {} {}", at_least(a, precedence), sign, at_least(b, precedence + 1)), precedence};
}

MathText call(std::string_view function, std::span<const MathText> operands) {
  std::string arguments;
  for (const MathText& operand : operands) arguments += (arguments.empty() ? "" : ", ") + operand.text;
  return {fmt::format("{}({})", function, arguments), kAtom};
}

MathText call(std::string_view function, std::initializer_list<std::string> arguments) {
  return {fmt::format("{}({})", function, fmt::join(arguments, ", ")), kAtom};
}

// ---- small things -----------------------------------------------------------------------------------------

std::string list(std::span<const int64_t> numbers) {
  return fmt::format("[{}]", fmt::join(numbers, ", "));
}

std::vector<int64_t> other_axes(std::span<const int64_t> axes, int64_t rank) {
  std::vector<int64_t> result;
  for (int64_t axis = 0; axis < rank; ++axis)
    if (std::ranges::find(axes, axis) == axes.end()) result.push_back(axis);
  return result;
}

Shape without(const Shape& shape, std::span<const int64_t> axes) {
  Shape result;
  for (const int64_t axis : other_axes(axes, static_cast<int64_t>(shape.size())))
    result.push_back(shape[static_cast<size_t>(axis)]);
  return result;
}

std::vector<int64_t> first_axes(int64_t count) {
  std::vector<int64_t> axes(static_cast<size_t>(count));
  std::iota(axes.begin(), axes.end(), 0);
  return axes;
}

}  // namespace nnc::ops
