// Ops that move elements and compute nothing: broadcast, reshape, permute, relayout. They lower by rewriting
// subscripts, so that they cost nothing where they are fused into their readers.
#include <algorithm>

#include <fmt/format.h>

#include "ir/ops/support.h"

namespace nnc {
namespace ops {
namespace {

// ---- broadcast --------------------------------------------------------------------------------------------

Inferred infer_broadcast(std::span<const TensorType> operands, const Attrs& attrs) {
  const auto& [shape, axes] = std::get<BroadcastAttrs>(attrs);
  const TensorType& x = operands[0];
  if (std::string error = shape_error(shape); !error.empty()) return failed(std::move(error));
  if (axes.size() != x.shape.size())
    return failed(
        fmt::format("axes {} do not name one axis of the result for each of {}", list(axes), to_string(x)));
  if (std::string error = axes_error(axes, shape); !error.empty()) return failed(std::move(error));
  for (size_t i = 0; i < axes.size(); ++i) {
    if (x.shape[i] != 1 && x.shape[i] != shape[at(axes[i])])
      return failed(fmt::format("axis {} of {} does not fit axis {} of {}", i, to_string(x), axes[i],
                                to_string(shape)));
  }
  return typed({x.dtype, shape});
}

Adjoints vjp_broadcast(const VjpContext& context) {
  Vjp v(context);
  const auto& [shape, axes] = std::get<BroadcastAttrs>(v.attrs);
  std::vector<int64_t> repeated = other_axes(axes, v.out.rank());
  for (size_t i = 0; i < axes.size(); ++i)
    if (v.in[0].shape[i] != shape[at(axes[i])]) repeated.push_back(axes[i]);
  std::ranges::sort(repeated);
  return {v.b.reshape(v.b.sum(v.g, repeated), v.in[0].shape)};
}

ExprId element_broadcast(ElementContext& context, std::span<const Index> index, uint32_t) {
  const auto& [shape, axes] = std::get<BroadcastAttrs>(context.node.attrs);
  std::vector<Index> inner;
  for (size_t i = 0; i < axes.size(); ++i)
    inner.push_back(context.operand_types[0].shape[i] == 1 ? Index::at(0) : index[at(axes[i])]);
  return context.operand(0, inner);
}

std::vector<DenseTensor> eval_broadcast(std::span<const DenseTensor> x, const Attrs& attrs,
                                        std::span<const TensorType> types) {
  const auto& [shape, axes] = std::get<BroadcastAttrs>(attrs);
  const std::vector<int64_t> own = strides_of(x[0].type.shape, {});
  std::vector<int64_t> steps(shape.size());
  for (size_t k = 0; k < axes.size(); ++k) steps[at(axes[k])] = x[0].type.shape[k] == 1 ? 0 : own[k];
  return {gathered(x[0], types[0], steps)};
}

MathText math_same(std::span<const MathText> operands, const Attrs&) {
  return operands[0];
}

// Along the new axis the operand repeats as it is.
std::vector<Value> lift_broadcast(const LiftContext& c) {
  const auto& attrs = std::get<BroadcastAttrs>(c.node.attrs);
  return lift_with(c, BroadcastAttrs{stacked(attrs.shape, c.length), after_first(attrs.axes)});
}

const Sample kBroadcastSamples[] = {
    {{{DType::f32, {}}}, BroadcastAttrs{{3, 4}, {}}},
    {{{DType::f32, {4}}}, BroadcastAttrs{{3, 4}, {1}}},
    {{{DType::f32, {3, 1}}}, BroadcastAttrs{{2, 3, 5}, {1, 2}}},
    {{{DType::i32, {5}}}, BroadcastAttrs{{5, 2}, {0}}},
};

// ---- reshape ----------------------------------------------------------------------------------------------

Inferred infer_reshape(std::span<const TensorType> operands, const Attrs& attrs) {
  const Shape& shape = std::get<ReshapeAttrs>(attrs).shape;
  if (std::string error = shape_error(shape); !error.empty()) return failed(std::move(error));
  if (element_count(shape) != operands[0].elements())
    return failed(fmt::format("{} has {} elements, {} has {}", to_string(operands[0]), operands[0].elements(),
                              to_string(shape), element_count(shape)));
  return typed({operands[0].dtype, shape});
}

Adjoints vjp_reshape(const VjpContext& context) {
  Vjp v(context);
  return {v.b.reshape(v.g, v.in[0].shape)};
}

// Splits both shapes into the shortest runs of equal products, and translates each run by itself: a run of
// one operand axis is an affine sum, others divide.
ExprId element_reshape(ElementContext& context, std::span<const Index> index, uint32_t) {
  kernel::Kernel& kernel = context.kernel;
  const Shape& from = context.operand_types[0].shape;
  const Shape& to = context.node.types[0].shape;
  std::vector<Index> inner(from.size(), Index::at(0));
  size_t f = 0;
  size_t t = 0;
  while (f < from.size() || t < to.size()) {
    const size_t f0 = f;
    const size_t t0 = t;
    int64_t pf = f < from.size() ? from[f++] : 1;
    int64_t pt = t < to.size() ? to[t++] : 1;
    while (pf != pt) {
      if (pf < pt)
        pf *= from[f++];
      else
        pt *= to[t++];
    }
    if (f - f0 == 1 && t - t0 == 1) {
      inner[f0] = index[t0];
      continue;
    }
    Index linear =
        linear_index(kernel, index.subspan(t0, t - t0),
                     Shape(to.begin() + static_cast<ptrdiff_t>(t0), to.begin() + static_cast<ptrdiff_t>(t)));
    int64_t rest = pf;
    for (size_t k = f0; k < f; ++k) {
      if (from[k] == 1) continue;
      const int64_t extent = rest;
      rest /= from[k];
      QuotientRemainder parts = divide(kernel, linear, rest, extent);
      inner[k] = std::move(parts.quotient);
      linear = std::move(parts.remainder);
    }
  }
  return context.operand(0, inner);
}

std::vector<DenseTensor> eval_reshape(std::span<const DenseTensor> x, const Attrs&,
                                      std::span<const TensorType> types) {
  return {{types[0], x[0].data}};
}

MathText math_reshape(std::span<const MathText> operands, const Attrs& attrs) {
  return call("reshape", {operands[0].text, to_string(std::get<ReshapeAttrs>(attrs).shape)});
}

std::vector<Value> lift_reshape(const LiftContext& c) {
  return lift_with(c, ReshapeAttrs{stacked(c.node.types[0].shape, c.length)});
}

const Sample kReshapeSamples[] = {
    {{{DType::f32, {3, 4}}}, ReshapeAttrs{{12}}},   {{{DType::f32, {12}}}, ReshapeAttrs{{3, 4}}},
    {{{DType::f32, {2, 6}}}, ReshapeAttrs{{3, 4}}}, {{{DType::f32, {2, 3}}}, ReshapeAttrs{{2, 1, 3, 1}}},
    {{{DType::f32, {1, 1}}}, ReshapeAttrs{{}}},     {{{DType::f32, {5, 2, 6}}}, ReshapeAttrs{{5, 3, 4}}},
};

// ---- permute ----------------------------------------------------------------------------------------------

Inferred infer_permute(std::span<const TensorType> operands, const Attrs& attrs) {
  const auto& order = std::get<PermuteAttrs>(attrs).order;
  const TensorType& x = operands[0];
  std::vector<int64_t> sorted = order;
  std::ranges::sort(sorted);
  if (sorted != first_axes(x.rank()))
    return failed(
        fmt::format("{} is not an order of the {} axes of {}", list(order), x.rank(), to_string(x)));
  Shape shape;
  for (const int64_t axis : order) shape.push_back(x.shape[at(axis)]);
  return typed({x.dtype, std::move(shape)});
}

std::vector<int64_t> inverse(const std::vector<int64_t>& order) {
  std::vector<int64_t> result(order.size());
  for (size_t i = 0; i < order.size(); ++i) result[at(order[i])] = static_cast<int64_t>(i);
  return result;
}

Adjoints vjp_permute(const VjpContext& context) {
  Vjp v(context);
  return {v.b.permute(v.g, inverse(std::get<PermuteAttrs>(v.attrs).order))};
}

ExprId element_permute(ElementContext& context, std::span<const Index> index, uint32_t) {
  const auto& order = std::get<PermuteAttrs>(context.node.attrs).order;
  std::vector<Index> inner(order.size());
  for (size_t i = 0; i < order.size(); ++i) inner[at(order[i])] = index[i];
  return context.operand(0, inner);
}

std::vector<DenseTensor> eval_permute(std::span<const DenseTensor> x, const Attrs& attrs,
                                      std::span<const TensorType> types) {
  const auto& order = std::get<PermuteAttrs>(attrs).order;
  const std::vector<int64_t> own = strides_of(x[0].type.shape, {});
  std::vector<int64_t> steps;
  for (const int64_t axis : order) steps.push_back(own[at(axis)]);
  return {gathered(x[0], types[0], steps)};
}

MathText math_permute(std::span<const MathText> operands, const Attrs& attrs) {
  const auto& order = std::get<PermuteAttrs>(attrs).order;
  std::vector<int64_t> swapped = first_axes(static_cast<int64_t>(order.size()));
  if (swapped.size() >= 2) std::swap(swapped[swapped.size() - 1], swapped[swapped.size() - 2]);
  if (order == swapped) return {at_least(operands[0], kAtom) + "ᵀ", kAtom};
  return call("permute", {operands[0].text, list(order)});
}

std::vector<Value> lift_permute(const LiftContext& c) {
  return lift_with(c, PermuteAttrs{after_first(std::get<PermuteAttrs>(c.node.attrs).order)});
}

const Sample kPermuteSamples[] = {
    {{{DType::f32, {3, 4}}}, PermuteAttrs{{1, 0}}},
    {{{DType::f32, {2, 3, 4}}}, PermuteAttrs{{2, 0, 1}}},
};

// ---- relayout ---------------------------------------------------------------------------------------------

Adjoints vjp_same(const VjpContext& context) {
  return {Vjp(context).g};
}

// ---- flip -------------------------------------------------------------------------------------------------

Inferred infer_flip(std::span<const TensorType> operands, const Attrs& attrs) {
  if (std::string error = axes_error(std::get<ReduceAttrs>(attrs).axes, operands[0].shape); !error.empty())
    return failed(std::move(error));
  return typed(operands[0]);
}

Adjoints vjp_flip(const VjpContext& context) {
  Vjp v(context);
  return {v.b.make(Op::flip, {v.g}, v.attrs)};
}

ExprId element_flip(ElementContext& context, std::span<const Index> index, uint32_t) {
  std::vector<Index> inner(index.begin(), index.end());
  for (const int64_t axis : std::get<ReduceAttrs>(context.node.attrs).axes) {
    const int64_t extent = context.operand_types[0].shape[at(axis)];
    const Index back = times(context.kernel, settled(context.kernel, inner[at(axis)], extent), -1);
    inner[at(axis)] = plus(context.kernel, back, Index::at(extent - 1));
  }
  return context.operand(0, inner);
}

std::vector<DenseTensor> eval_flip(std::span<const DenseTensor> x, const Attrs& attrs,
                                   std::span<const TensorType> types) {
  std::vector<int64_t> steps = strides_of(types[0].shape, {});
  int64_t first = 0;
  for (const int64_t axis : std::get<ReduceAttrs>(attrs).axes) {
    first += (types[0].shape[at(axis)] - 1) * steps[at(axis)];
    steps[at(axis)] *= -1;
  }
  return {gathered(x[0], types[0], steps, first)};
}

std::vector<Value> lift_flip(const LiftContext& c) {
  return lift_with(c, ReduceAttrs{shifted(std::get<ReduceAttrs>(c.node.attrs).axes)});
}

const Sample kFlipSamples[] = {
    {{{DType::f32, {5}}}, ReduceAttrs{{0}}},
    {{{DType::f32, {3, 4}}}, ReduceAttrs{{0, 1}}},
    {{{DType::i32, {3, 5, 4}}}, ReduceAttrs{{1}}},
};

// ---- formulas ---------------------------------------------------------------------------------------------

// Repeated silently.
Writings write_broadcast(Notation& n) {
  const auto& [shape, axes] = std::get<BroadcastAttrs>(n.node.attrs);
  formula::Written to{n.x[0].expr, std::vector<size_t>(shape.size())};
  for (size_t i = 0; i < axes.size(); ++i) to.axes[at(axes[i])] = n.x[0].axes[i];
  return {std::move(to)};
}

// Axes of one place come and go silently.
Writings write_reshape(Notation& n) {
  const Shape &from = n.shape(0), &shape = n.node.types[0].shape;
  const auto is_wide = [](int64_t extent) { return extent > 1; };
  Shape wide, wide_from;
  std::ranges::copy_if(shape, std::back_inserter(wide), is_wide);
  std::ranges::copy_if(from, std::back_inserter(wide_from), is_wide);
  formula::Written to{n.x[0].expr, std::vector<size_t>(shape.size())};
  if (n.is_uniform(0)) return {std::move(to)};
  if (wide != wide_from) return n.whole(n.formula.call(Fn::reshape, {n.exact(0)}, {shape}));
  size_t next = 0;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 1) continue;
    while (from[next] == 1) ++next;
    to.axes[i] = n.x[0].axes[next++];
  }
  return {std::move(to)};
}

Writings write_permute(Notation& n) {
  const auto& order = std::get<PermuteAttrs>(n.node.attrs).order;
  if (n.is_uniform(0)) return {{n.x[0].expr, std::vector<size_t>(order.size())}};
  std::vector<int64_t> swapped = first_axes(std::ssize(order));
  if (order.size() >= 2) std::swap(swapped[order.size() - 1], swapped[order.size() - 2]);
  if (order == swapped) return n.whole(n.formula.call(Fn::transpose, {n.matrix(0)}));
  return write_call(n, Fn::perm, {order});
}

Writings write_flip(Notation& n) {
  return write_call(n, Fn::flip, {std::get<ReduceAttrs>(n.node.attrs).axes});
}

const Sample kRelayoutSamples[] = {{{{DType::f32, {3, 4}}}, NoAttrs{}}};

}  // namespace
}  // namespace ops

constinit const OpDef k_op_broadcast = {
    .name = "broadcast",
    .doc = "Operand axis i becomes axis axes[i] of the result; other axes, and extents of 1, are repeated.",
    .traits = kSmooth | kMoves | kView,
    .attrs = BroadcastAttrs{},
    .infer = ops::infer_broadcast,
    .derivative = {ops::vjp_broadcast, {}},
    .lower = ElementRule{ops::element_broadcast},
    .lift = ops::lift_broadcast,
    .eval = ops::eval_broadcast,
    .bounds = ops::same_bounds,
    .math = ops::math_same,
    .formula = ops::write_broadcast,
    .samples = ops::kBroadcastSamples,
};

constinit const OpDef k_op_reshape = {
    .name = "reshape",
    .doc = "The same elements in row-major order under another shape.",
    .written = "reshape(x, shape)",
    .traits = kSmooth | kMoves,
    .attrs = ReshapeAttrs{},
    .infer = ops::infer_reshape,
    .derivative = {ops::vjp_reshape, {}},
    .lower = ElementRule{ops::element_reshape},
    .lift = ops::lift_reshape,
    .eval = ops::eval_reshape,
    .bounds = ops::same_bounds,
    .math = ops::math_reshape,
    .formula = ops::write_reshape,
    .samples = ops::kReshapeSamples,
};

constinit const OpDef k_op_permute = {
    .name = "permute",
    .doc = "Axes in another order: axis i of the result is axis order[i] of the operand.",
    .traits = kSmooth | kMoves | kView,
    .attrs = PermuteAttrs{},
    .infer = ops::infer_permute,
    .derivative = {ops::vjp_permute, {}},
    .lower = ElementRule{ops::element_permute},
    .lift = ops::lift_permute,
    .eval = ops::eval_permute,
    .bounds = ops::same_bounds,
    .math = ops::math_permute,
    .formula = ops::write_permute,
    .samples = ops::kPermuteSamples,
};

constinit const OpDef k_op_flip = {
    .name = "flip",
    .doc = "The elements in the opposite order along the axes.",
    .written = "flip(x, axis)",
    .traits = kSmooth | kMoves,
    .attrs = ReduceAttrs{},
    .infer = ops::infer_flip,
    .derivative = {ops::vjp_flip, {}},
    .lower = ElementRule{ops::element_flip},
    .lift = ops::lift_flip,
    .eval = ops::eval_flip,
    .bounds = ops::same_bounds,
    .math = ops::called<"flip">,
    .formula = ops::write_flip,
    .samples = ops::kFlipSamples,
};

constinit const OpDef k_op_relayout = {
    .name = "relayout",
    .doc = "The same tensor in another layout; made by passes, meaningless to users.",
    .traits = kSmooth | kMoves,
    .attrs = NoAttrs{},
    .infer = ops::infer_identity,
    .derivative = {ops::vjp_same, {}},
    .lower = ElementRule{ops::same_element},
    .eval = ops::eval_same,
    .bounds = ops::same_bounds,
    .math = ops::math_same,
    .formula = ops::write_same,
    .samples = ops::kRelayoutSamples,
};

}  // namespace nnc
