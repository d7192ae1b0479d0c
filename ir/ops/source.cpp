// Where values come from: inputs, constants, and the numbers of an axis.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "ir/ops/support.h"
#include "support/check.h"

namespace nnc {
namespace ops {
namespace {

Inferred infer_stated(std::span<const TensorType>, const Attrs&) {
  return failed("its type is stated with it, there is nothing to infer it from");
}

std::vector<DenseTensor> eval_input(std::span<const DenseTensor>, const Attrs& attrs,
                                    std::span<const TensorType>) {
  check_failed("false", __FILE__, __LINE__,
               "input " + std::get<InputAttrs>(attrs).name + " has no operands to read");
}

Bounds bounds_input(const Graph&, const Node& node, std::span<const Bounds>) {
  const int64_t classes = std::get<InputAttrs>(node.attrs).classes;
  return classes == 0 ? Bounds() : Bounds{0, classes - 1};
}

MathText math_input(std::span<const MathText>, const Attrs& attrs) {
  return {std::get<InputAttrs>(attrs).name, kAtom};
}

// ---- constant --------------------------------------------------------------------------------------------

// The value at `index` of a dense constant: a balanced tree of choices on the row-major position, [begin,
// end) of it. For small ones: a constant that is data (is_given) is read from its buffer instead.
ExprId choose(kernel::Kernel& kernel, const ConstantAttrs& attrs, DType dtype, ExprId where, int64_t begin,
              int64_t end) {
  if (end - begin == 1) return kernel.constant(dtype, attrs.values[at(begin)]);
  const int64_t middle = begin + (end - begin) / 2;
  const ExprId low = choose(kernel, attrs, dtype, where, begin, middle);
  const ExprId high = choose(kernel, attrs, dtype, where, middle, end);
  if (low == high) return low;
  const ExprId condition = kernel.apply(Op::lt, {where, int_constant(kernel, middle)}, DType::boolean);
  return kernel.apply(Op::where, {condition, low, high}, dtype);
}

ExprId element_constant(ElementContext& context, std::span<const Index> index, uint32_t) {
  const auto& constant = std::get<ConstantAttrs>(context.node.attrs);
  const TensorType& type = context.node.types[0];
  kernel::Kernel& kernel = context.kernel;
  if (constant.values.size() == 1) return kernel.constant(type.dtype, constant.values[0]);
  const Index linear = linear_index(kernel, index, type.shape);
  if (linear.terms.empty() && !linear.computed.valid() && linear.constant >= 0 &&
      linear.constant < type.elements())
    return kernel.constant(type.dtype, constant.values[at(linear.constant)]);
  return choose(kernel, constant, type.dtype, index_value(kernel, linear, type.elements()), 0,
                type.elements());
}

std::vector<DenseTensor> eval_constant(std::span<const DenseTensor>, const Attrs& attrs,
                                       std::span<const TensorType> types) {
  const auto& values = std::get<ConstantAttrs>(attrs).values;
  return {generate(types[0], [&](int64_t i) { return values.size() == 1 ? values[0] : values[at(i)]; })};
}

Bounds bounds_constant(const Graph&, const Node& node, std::span<const Bounds>) {
  const auto [low, high] = std::ranges::minmax(std::get<ConstantAttrs>(node.attrs).values);
  return std::fabs(low) < 0x1p53 && std::fabs(high) < 0x1p53
             ? Bounds{static_cast<int64_t>(low), static_cast<int64_t>(high)}
             : Bounds();
}

MathText math_constant(std::span<const MathText>, const Attrs& attrs) {
  const auto& values = std::get<ConstantAttrs>(attrs).values;
  if (values.size() == 1) {
    const bool negative = std::signbit(values[0]) && !std::isnan(values[0]);
    return {fmt::format("{}", values[0]), negative ? kUnary : kAtom};
  }
  if (values.size() <= 8) return {fmt::format("[{}]", fmt::join(values, ", ")), kAtom};
  return {fmt::format("[{}, … {} values]", values[0], values.size()), kAtom};
}

// ---- iota ------------------------------------------------------------------------------------------------

Inferred infer_iota(std::span<const TensorType>, const Attrs& attrs) {
  const auto& [shape, axis, dtype] = std::get<IotaAttrs>(attrs);
  if (std::string error = shape_error(shape); !error.empty()) return failed(std::move(error));
  if (axis < 0 || axis >= static_cast<int64_t>(shape.size()))
    return failed(fmt::format("{} has no axis {}", to_string(shape), axis));
  if (dtype == DType::boolean || dtype == DType::u8)
    return failed(fmt::format("counts in numbers, not in {}", dtype_name(dtype)));
  return typed({dtype, shape});
}

ExprId element_iota(ElementContext& context, std::span<const Index> index, uint32_t) {
  const auto& [shape, axis, dtype] = std::get<IotaAttrs>(context.node.attrs);
  const ExprId value = index_value(context.kernel, index[at(axis)], shape[at(axis)]);
  return dtype == DType::i64 ? value : context.kernel.apply(Op::cast, {value}, dtype);
}

std::vector<DenseTensor> eval_iota(std::span<const DenseTensor>, const Attrs& attrs,
                                   std::span<const TensorType> types) {
  const size_t axis = at(std::get<IotaAttrs>(attrs).axis);
  DenseTensor result = zeros(types[0]);
  std::vector<int64_t> steps(types[0].shape.size());
  steps[axis] = 1;
  each_place(types[0].shape, steps, 0,
             [&](size_t i, size_t place) { result.data[i] = static_cast<double>(place); });
  return {std::move(result)};
}

MathText math_iota(std::span<const MathText>, const Attrs& attrs) {
  const auto& iota = std::get<IotaAttrs>(attrs);
  return {fmt::format("[0 … {}]", iota.shape[at(iota.axis)] - 1), kAtom};
}

Bounds bounds_iota(const Graph&, const Node& node, std::span<const Bounds>) {
  const auto& [shape, axis, dtype] = std::get<IotaAttrs>(node.attrs);
  return {0, shape[at(axis)] - 1};
}

// ---- hole ------------------------------------------------------------------------------------------------

Inferred infer_hole(std::span<const TensorType>, const Attrs& attrs) {
  const auto& [shape, axis, dtype] = std::get<IotaAttrs>(attrs);
  return typed({dtype, shape});
}

std::vector<DenseTensor> eval_hole(std::span<const DenseTensor>, const Attrs&, std::span<const TensorType>) {
  check_failed("false", __FILE__, __LINE__, "a hole is filled before anything is computed");
}

const Sample kIotaSamples[] = {
    {{}, IotaAttrs{{5}, 0, DType::i32}},
    {{}, IotaAttrs{{2, 3}, 1, DType::f32}},
    {{}, IotaAttrs{{4, 2}, 0, DType::i64}},
};

// ---- formulas ---------------------------------------------------------------------------------------------

// One number, or a few that are written out; more are given.
Writings write_constant(Notation& n) {
  const auto& values = std::get<ConstantAttrs>(n.node.attrs).values;
  const Shape& shape = n.node.types[0].shape;
  if (std::ranges::all_of(values, [&](double v) { return v == values[0]; }))
    return {{n.formula.number(values[0]), std::vector<size_t>(shape.size())}};
  bool counts = true;
  for (size_t i = 0; i < values.size(); ++i) counts = counts && values[i] == static_cast<double>(i);
  if (!counts && values.size() > kInlineConstant) return {};
  formula::Expr list{.fn = Fn::list, .list = values};
  const formula::ExprId expr =
      counts ? n.formula.call(Fn::range, {}, {{std::ssize(values)}}) : n.formula.make(std::move(list));
  const auto wide = std::ranges::find_if(shape, [](int64_t extent) { return extent > 1; });
  if (*wide < std::ssize(values)) return n.whole(n.formula.call(Fn::reshape, {expr}, {shape}));
  formula::Written along{expr, std::vector<size_t>(shape.size())};
  along.axes[static_cast<size_t>(wide - shape.begin())] = 1;
  return {std::move(along)};
}

Writings write_iota(Notation& n) {
  const auto& [shape, axis, dtype] = std::get<IotaAttrs>(n.node.attrs);
  formula::Written to{n.formula.call(Fn::range, {}, {{shape[at(axis)]}}), std::vector<size_t>(shape.size())};
  to.axes[at(axis)] = 1;
  return {std::move(to)};
}

}  // namespace
}  // namespace ops

// Its attributes hold a std::string, so this row is ready when main begins, not before (see support.h).
const OpDef k_op_input = {
    .name = "input",
    .doc = "A data column, parameter, state or scalar, in the graph's signature.",
    .min_operands = 0,
    .max_operands = 0,
    .traits = kTyped | kGiven,
    .attrs = InputAttrs{},
    .infer = ops::infer_stated,
    .derivative = no_gradient("it is an input"),
    .lower = RewrittenRule{"the binding of kernels' parameters"},
    .eval = ops::eval_input,
    .bounds = ops::bounds_input,
    .math = ops::math_input,
};

constinit const OpDef k_op_constant = {
    .name = "constant",
    .doc = "Numbers known when compiling: every element in row-major order, or one that fills the shape.",
    .min_operands = 0,
    .max_operands = 0,
    .traits = kTyped,
    .attrs = ConstantAttrs{},
    .infer = ops::infer_stated,
    .derivative = no_gradient("it is a constant"),
    .lower = ElementRule{ops::element_constant},
    .eval = ops::eval_constant,
    .bounds = ops::bounds_constant,
    .math = ops::math_constant,
    .formula = ops::write_constant,
};

constinit const OpDef k_op_iota = {
    .name = "iota",
    .doc = "Every element is its own index along one axis: 0, 1, 2, …",
    .min_operands = 0,
    .max_operands = 0,
    .attrs = IotaAttrs{},
    .infer = ops::infer_iota,
    .derivative = no_gradient("it is a constant"),
    .lower = ElementRule{ops::element_iota},
    .eval = ops::eval_iota,
    .bounds = ops::bounds_iota,
    .math = ops::math_iota,
    .formula = ops::write_iota,
    .samples = ops::kIotaSamples,
};

constinit const OpDef k_op_hole = {
    .name = "hole",
    .doc = "What a step of a scan is given, while a model is elaborated: its number is in `axis`.",
    .min_operands = 0,
    .max_operands = 0,
    .traits = kInternal,
    .attrs = IotaAttrs{},
    .infer = ops::infer_hole,
    .derivative = no_gradient("it stands for what a step is given"),
    .lower = RewrittenRule{"elaboration"},
    .eval = ops::eval_hole,
    .math = ops::math_iota,
};

}  // namespace nnc
