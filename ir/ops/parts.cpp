// Parts of a tensor and their inverse: slice, pad, concat. They lower by shifting subscripts; where an
// element may lie outside an operand, a `where` on the subscript chooses.
#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "ir/ops/support.h"

namespace nnc {
namespace ops {
namespace {

// ---- slice ------------------------------------------------------------------------------------------------

Inferred infer_slice(std::span<const TensorType> operands, const Attrs& attrs) {
  const auto& [begin, end] = std::get<SliceAttrs>(attrs);
  const TensorType& x = operands[0];
  if (begin.size() != x.shape.size() || end.size() != x.shape.size())
    return failed(
        fmt::format("begin {} and end {} do not name each axis of {}", list(begin), list(end), to_string(x)));
  Shape shape;
  for (size_t i = 0; i < begin.size(); ++i) {
    if (begin[i] < 0 || begin[i] >= end[i] || end[i] > x.shape[i])
      return failed(fmt::format("{}:{} is not a part of axis {} of {}", begin[i], end[i], i, to_string(x)));
    shape.push_back(end[i] - begin[i]);
  }
  return typed({x.dtype, std::move(shape)});
}

Adjoints vjp_slice(const VjpContext& context) {
  Vjp v(context);
  return {v.b.make(Op::pad, {v.g}, PadAttrs{v.in[0].shape, std::get<SliceAttrs>(v.attrs).begin})};
}

ExprId element_slice(ElementContext& context, std::span<const Index> index, uint32_t) {
  const auto& begin = std::get<SliceAttrs>(context.node.attrs).begin;
  const Shape& shape = context.node.types[0].shape;
  std::vector<Index> inner;
  for (size_t i = 0; i < begin.size(); ++i) {
    const bool whole = shape[i] == context.operand_types[0].shape[i];
    inner.push_back(
        whole ? index[i]
              : plus(context.kernel, settled(context.kernel, index[i], shape[i]), Index::at(begin[i])));
  }
  return context.operand(0, inner);
}

int64_t place_of(std::span<const int64_t> coordinates, std::span<const int64_t> steps) {
  return std::inner_product(coordinates.begin(), coordinates.end(), steps.begin(), int64_t{0});
}

std::vector<DenseTensor> eval_slice(std::span<const DenseTensor> x, const Attrs& attrs,
                                    std::span<const TensorType> types) {
  const auto& begin = std::get<SliceAttrs>(attrs).begin;
  const std::vector<int64_t> steps = strides_of(x[0].type.shape, {});
  return {gathered(x[0], types[0], steps, place_of(begin, steps))};
}

MathText math_slice(std::span<const MathText> operands, const Attrs& attrs) {
  const auto& [begin, end] = std::get<SliceAttrs>(attrs);
  std::string ranges;
  for (size_t i = 0; i < begin.size(); ++i)
    ranges += fmt::format("{}{}:{}", i == 0 ? "" : ", ", begin[i], end[i]);
  return {fmt::format("{}[{}]", at_least(operands[0], kAtom), ranges), kAtom};
}

std::vector<Value> lift_slice(const LiftContext& c) {
  auto [begin, end] = std::get<SliceAttrs>(c.node.attrs);
  begin.insert(begin.begin(), 0);
  end.insert(end.begin(), c.length);
  return lift_with(c, SliceAttrs{std::move(begin), std::move(end)});
}

const Sample kSliceSamples[] = {
    {{{DType::f32, {5, 4}}}, SliceAttrs{{1, 0}, {3, 4}}},
    {{{DType::i32, {6}}}, SliceAttrs{{5}, {6}}},
};

// ---- pad --------------------------------------------------------------------------------------------------

Inferred infer_pad(std::span<const TensorType> operands, const Attrs& attrs) {
  const auto& [shape, begin] = std::get<PadAttrs>(attrs);
  const TensorType& x = operands[0];
  if (std::string error = shape_error(shape); !error.empty()) return failed(std::move(error));
  if (shape.size() != x.shape.size() || begin.size() != x.shape.size())
    return failed(fmt::format("shape {} and begin {} do not name each axis of {}", list(shape), list(begin),
                              to_string(x)));
  for (size_t i = 0; i < begin.size(); ++i)
    if (begin[i] < 0 || begin[i] > shape[i] - x.shape[i])
      return failed(
          fmt::format("{} at {} does not lie within {}", to_string(x), list(begin), to_string(shape)));
  return typed({x.dtype, shape});
}

Adjoints vjp_pad(const VjpContext& context) {
  Vjp v(context);
  const auto& begin = std::get<PadAttrs>(v.attrs).begin;
  std::vector<int64_t> end = begin;
  for (size_t i = 0; i < end.size(); ++i) end[i] += v.in[0].shape[i];
  return {v.b.make(Op::slice, {v.g}, SliceAttrs{begin, std::move(end)})};
}

// low <= index < high as a bool expression; absent where it holds for every index in [0, extent).
ExprId between(kernel::Kernel& kernel, const Index& index, int64_t low, int64_t high, int64_t extent) {
  ExprId condition;
  if (low > 0)
    condition =
        kernel.apply(Op::ge, {index_value(kernel, index, extent), int_constant(kernel, low)}, DType::boolean);
  if (high < extent) {
    const ExprId below = kernel.apply(
        Op::lt, {index_value(kernel, index, extent), int_constant(kernel, high)}, DType::boolean);
    condition = condition.valid() ? kernel.apply(Op::logical_and, {condition, below}, DType::boolean) : below;
  }
  return condition;
}

// index - low, safe to load at even where it is outside.
Index shifted(kernel::Kernel& kernel, const Index& index, int64_t low, int64_t extent) {
  Index result = plus(kernel, settled(kernel, index, extent), Index::at(-low));
  if (!result.computed.valid()) result.checked = true;
  return result;
}

// Outside the operand the loads below give something harmless, which the `where` discards: an op between here
// and the load may map 0 to something else (exp).
ExprId element_pad(ElementContext& context, std::span<const Index> index, uint32_t) {
  const auto& [shape, begin] = std::get<PadAttrs>(context.node.attrs);
  kernel::Kernel& kernel = context.kernel;
  const TensorType& x = context.operand_types[0];
  std::vector<Index> inner;
  ExprId inside;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (index[i].terms.empty() && index[i].is_plain()) {
      const int64_t at = index[i].constant - begin[i];
      if (at < 0 || at >= x.shape[i]) return kernel.constant(x.dtype, 0);
      inner.push_back(Index::at(at));
      continue;
    }
    const ExprId here = between(kernel, index[i], begin[i], begin[i] + x.shape[i], shape[i]);
    inner.push_back(here.valid() ? shifted(kernel, index[i], begin[i], shape[i]) : index[i]);
    if (!here.valid()) continue;
    inside = inside.valid() ? kernel.apply(Op::logical_and, {inside, here}, DType::boolean) : here;
  }
  const ExprId value = context.operand(0, inner);
  if (!inside.valid()) return value;
  return kernel.apply(Op::where, {inside, value, kernel.constant(x.dtype, 0)}, x.dtype);
}

std::vector<DenseTensor> eval_pad(std::span<const DenseTensor> x, const Attrs& attrs,
                                  std::span<const TensorType> types) {
  const auto& begin = std::get<PadAttrs>(attrs).begin;
  DenseTensor result = zeros(types[0]);
  const std::vector<int64_t> steps = strides_of(types[0].shape, {});
  each_place(x[0].type.shape, steps, place_of(begin, steps),
             [&](size_t i, size_t place) { result.data[place] = x[0].data[i]; });
  return {std::move(result)};
}

MathText math_pad(std::span<const MathText> operands, const Attrs& attrs) {
  return call("pad", {operands[0].text, to_string(std::get<PadAttrs>(attrs).shape)});
}

std::vector<Value> lift_pad(const LiftContext& c) {
  auto [shape, begin] = std::get<PadAttrs>(c.node.attrs);
  begin.insert(begin.begin(), 0);
  return lift_with(c, PadAttrs{stacked(shape, c.length), std::move(begin)});
}

const Sample kPadSamples[] = {
    {{{DType::f32, {3, 4}}}, PadAttrs{{5, 4}, {1, 0}}},
    {{{DType::f32, {2, 2}}}, PadAttrs{{4, 5}, {2, 1}}},
};

// ---- concat -----------------------------------------------------------------------------------------------

Inferred infer_concat(std::span<const TensorType> operands, const Attrs& attrs) {
  const int64_t axis = std::get<AxisAttrs>(attrs).axis;
  TensorType result = operands[0];
  if (axis < 0 || axis >= result.rank())
    return failed(fmt::format("{} has no axis {}", to_string(operands[0]), axis));
  for (size_t k = 1; k < operands.size(); ++k) {
    const TensorType& x = operands[k];
    TensorType like = x;
    if (x.rank() == result.rank()) like.shape[at(axis)] = operands[0].shape[at(axis)];
    if (like != operands[0])
      return failed(fmt::format("the operands differ in more than axis {}: {}", axis, list_types(operands)));
    result.shape[at(axis)] += x.shape[at(axis)];
  }
  if (std::string error = shape_error(result.shape); !error.empty()) return failed(std::move(error));
  return typed(std::move(result));
}

Adjoints vjp_concat(const VjpContext& context) {
  Vjp v(context);
  const size_t axis = at(std::get<AxisAttrs>(v.attrs).axis);
  Adjoints adjoints;
  int64_t offset = 0;
  for (const TensorType& x : v.in) {
    std::vector<int64_t> begin(x.shape.size(), 0);
    std::vector<int64_t> end = x.shape;
    begin[axis] += offset;
    end[axis] += offset;
    offset += x.shape[axis];
    adjoints.push_back(v.b.make(Op::slice, {v.g}, SliceAttrs{std::move(begin), std::move(end)}));
  }
  return adjoints;
}

ExprId element_concat(ElementContext& context, std::span<const Index> index, uint32_t) {
  const size_t axis = at(std::get<AxisAttrs>(context.node.attrs).axis);
  kernel::Kernel& kernel = context.kernel;
  const TensorType& type = context.node.types[0];
  const int64_t extent = type.shape[axis];
  ExprId value;
  int64_t end = extent;
  for (size_t k = context.operand_types.size();
       k-- > 0;) {  // the last one first: each later `where` wraps it
    const int64_t begin = end - context.operand_types[k].shape[axis];
    std::vector<Index> inner(index.begin(), index.end());
    if (context.operand_types.size() > 1) inner[axis] = shifted(kernel, index[axis], begin, extent);
    const ExprId part = context.operand(k, inner);
    if (value.valid()) {
      const ExprId here = between(kernel, index[axis], 0, end, extent);
      value = kernel.apply(Op::where, {here, part, value}, type.dtype);
    } else {
      value = part;
    }
    end = begin;
  }
  return value;
}

std::vector<DenseTensor> eval_concat(std::span<const DenseTensor> x, const Attrs& attrs,
                                     std::span<const TensorType> types) {
  const size_t axis = at(std::get<AxisAttrs>(attrs).axis);
  DenseTensor result = zeros(types[0]);
  const std::vector<int64_t> steps = strides_of(types[0].shape, {});
  int64_t first = 0;
  for (const DenseTensor& part : x) {
    each_place(part.type.shape, steps, first,
               [&](size_t i, size_t place) { result.data[place] = part.data[i]; });
    first += part.type.shape[axis] * steps[axis];
  }
  return {std::move(result)};
}

MathText math_concat(std::span<const MathText> operands, const Attrs&) {
  return call("concat", operands);
}

std::vector<Value> lift_concat(const LiftContext& c) {
  return lift_with(c, AxisAttrs{std::get<AxisAttrs>(c.node.attrs).axis + 1});
}

const Sample kConcatSamples[] = {
    {{{DType::f32, {2, 3}}, {DType::f32, {4, 3}}}, AxisAttrs{0}},
    {{{DType::f32, {2, 1}}, {DType::f32, {2, 3}}, {DType::f32, {2, 2}}}, AxisAttrs{1}},
    {{{DType::f32, {3}}}, AxisAttrs{0}},
};

// ---- formulas ---------------------------------------------------------------------------------------------

Writings write_slice(Notation& n) {
  const auto& [begin, end] = std::get<SliceAttrs>(n.node.attrs);
  return write_call(n, Fn::slice, {begin, end});
}
Writings write_pad(Notation& n) {
  const auto& [shape, begin] = std::get<PadAttrs>(n.node.attrs);
  return write_call(n, Fn::pad, {shape, begin});
}
Writings write_concat(Notation& n) {
  return write_call(n, Fn::concat, {{std::get<AxisAttrs>(n.node.attrs).axis}});
}

}  // namespace
}  // namespace ops

constinit const OpDef k_op_slice = {
    .name = "slice",
    .doc = "Along each axis the elements begin, begin + 1, … end - 1.",
    .traits = kSmooth | kMoves | kView,
    .attrs = SliceAttrs{},
    .infer = ops::infer_slice,
    .derivative = {ops::vjp_slice, {}},
    .lower = ElementRule{ops::element_slice},
    .lift = ops::lift_slice,
    .eval = ops::eval_slice,
    .bounds = ops::same_bounds,
    .math = ops::math_slice,
    .formula = ops::write_slice,
    .samples = ops::kSliceSamples,
};

constinit const OpDef k_op_pad = {
    .name = "pad",
    .doc = "The operand at `begin` of a tensor of zeros.",
    .traits = kSmooth,
    .attrs = PadAttrs{},
    .infer = ops::infer_pad,
    .derivative = {ops::vjp_pad, {}},
    .lower = ElementRule{ops::element_pad},
    .lift = ops::lift_pad,
    .eval = ops::eval_pad,
    .math = ops::math_pad,
    .formula = ops::write_pad,
    .samples = ops::kPadSamples,
};

constinit const OpDef k_op_concat = {
    .name = "concat",
    .doc = "The operands one after the other along one axis.",
    .written = "concat(list, axis = …)",
    .max_operands = -1,
    .traits = kSmooth | kJoins,
    .attrs = AxisAttrs{},
    .infer = ops::infer_concat,
    .derivative = {ops::vjp_concat, {}},
    .lower = ElementRule{ops::element_concat},
    .lift = ops::lift_concat,
    .eval = ops::eval_concat,
    .math = ops::math_concat,
    .formula = ops::write_concat,
    .samples = ops::kConcatSamples,
};

}  // namespace nnc
