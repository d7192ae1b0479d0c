// Ops that combine elements along axes. The order of the sums is not their business (ir/order.h).
#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "ir/ops/support.h"

namespace nnc {
namespace ops {
namespace {

Inferred infer_reduce(std::span<const TensorType> operands, const Attrs& attrs) {
  const auto& axes = std::get<ReduceAttrs>(attrs).axes;
  const TensorType& x = operands[0];
  if (Inferred number = infer_number(operands, attrs); !number.error.empty()) return number;
  if (axes.empty()) return failed("no axes to reduce");
  if (std::string error = axes_error(axes, x.shape); !error.empty()) return failed(std::move(error));
  return typed({x.dtype, without(x.shape, axes)});
}

std::vector<int64_t> reduced_axes(const Node& node, std::span<const TensorType>) {
  return std::get<ReduceAttrs>(node.attrs).axes;
}

// Calls visit(o, k, x[i]) for all elements that have the same place o on the other axes, k counting them row-major; then for
// those of the next o.
template <class Visit>
void each_fold(const DenseTensor& x, std::span<const int64_t> axes, Visit visit) {
  const std::vector<int64_t> steps = strides_of(x.type.shape, {});
  const auto part = [&](std::span<const int64_t> some, const std::vector<int64_t>& of) {
    std::vector<int64_t> result;
    for (const int64_t axis : some) result.push_back(of[at(axis)]);
    return result;
  };
  const std::vector<int64_t> kept = other_axes(axes, x.type.rank());
  const Shape folded = part(axes, x.type.shape);
  const std::vector<int64_t> inside = part(axes, steps);
  each_place(part(kept, x.type.shape), part(kept, steps), 0, [&](size_t o, size_t first) {
    each_place(folded, inside, static_cast<int64_t>(first),
               [&](size_t k, size_t i) { visit(o, k, x.data[i]); });
  });
}

// result[o] = fold(result[o], x[i]) over all i in row-major order, o being i without the reduced axes.
std::vector<DenseTensor> fold(const DenseTensor& x, const Attrs& attrs, const TensorType& type, double start,
                              double (*combine)(double, double)) {
  const auto& axes = std::get<ReduceAttrs>(attrs).axes;
  DenseTensor result = generate(type, [&](int64_t) { return start; });
  each_fold(x, axes,
            [&](size_t o, size_t, double value) { result.data[o] = combine(result.data[o], value); });
  return {std::move(result)};
}

std::vector<DenseTensor> eval_sum(std::span<const DenseTensor> x, const Attrs& attrs,
                                  std::span<const TensorType> types) {
  if (types[0].dtype != DType::i32)
    return fold(x[0], attrs, types[0], 0, [](double a, double b) { return a + b; });
  return fold(x[0], attrs, types[0], 0, [](double a, double b) {
    return wrapped(DType::i32, static_cast<uint64_t>(static_cast<int64_t>(a + b)));
  });
}

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::vector<DenseTensor> eval_max(std::span<const DenseTensor> x, const Attrs& attrs,
                                  std::span<const TensorType> types) {
  return fold(x[0], attrs, types[0], -kInfinity,
              [](double a, double b) { return std::isnan(a) || a > b ? a : b; });
}

std::vector<DenseTensor> eval_min(std::span<const DenseTensor> x, const Attrs& attrs,
                                  std::span<const TensorType> types) {
  return fold(x[0], attrs, types[0], kInfinity,
              [](double a, double b) { return std::isnan(a) || a < b ? a : b; });
}

Adjoints vjp_sum(const VjpContext& context) {
  Vjp v(context);
  const auto& axes = std::get<ReduceAttrs>(v.attrs).axes;
  return {v.b.broadcast(v.g, v.in[0].shape, other_axes(axes, v.in[0].rank()))};
}

// Elements that equal the extreme share its adjoint evenly, so that the gradient is symmetric in its ties.
Adjoints vjp_extreme(const VjpContext& context) {
  Vjp v(context);
  if (!is_float(v.in[0].dtype)) return {std::nullopt};
  const auto& axes = std::get<ReduceAttrs>(v.attrs).axes;
  const Shape& shape = v.in[0].shape;
  const std::vector<int64_t> kept = other_axes(axes, v.in[0].rank());
  const Value extreme = v.b.broadcast(v.y, shape, kept);
  const Value mask = v.b.cast(v.b.make(Op::eq, {v.x[0], extreme}), v.in[0].dtype);
  const Value share = v.b.div(v.g, v.b.sum(mask, axes));
  return {v.b.mul(mask, v.b.broadcast(share, shape, kept))};
}

MathText math_reduce(std::string_view name, const MathText& x, const Attrs& attrs) {
  const auto& axes = std::get<ReduceAttrs>(attrs).axes;
  const std::string axis = axes.size() == 1 ? fmt::format("{}", axes[0]) : list(axes);
  return {fmt::format("{}({}, axis = {})", name, x.text, axis), kAtom};
}
MathText math_sum(std::span<const MathText> x, const Attrs& attrs) {
  return math_reduce("sum", x[0], attrs);
}
MathText math_max(std::span<const MathText> x, const Attrs& attrs) {
  return math_reduce("max", x[0], attrs);
}
MathText math_min(std::span<const MathText> x, const Attrs& attrs) {
  return math_reduce("min", x[0], attrs);
}

std::vector<Value> lift_reduction(const LiftContext& c) {
  return lift_with(c, ReduceAttrs{shifted(std::get<ReduceAttrs>(c.node.attrs).axes)});
}

const Sample kReduceSamples[] = {
    {{{DType::f32, {3, 4}}}, ReduceAttrs{{1}}},       {{{DType::f32, {3, 4}}}, ReduceAttrs{{0}}},
    {{{DType::f32, {2, 3, 4}}}, ReduceAttrs{{0, 2}}}, {{{DType::f32, {37}}}, ReduceAttrs{{0}}},
    {{{DType::i32, {2, 5}}}, ReduceAttrs{{1}}},
};

// ---- argmax ----------------------------------------------------------------------------------------------

Inferred infer_argmax(std::span<const TensorType> operands, const Attrs& attrs) {
  const int64_t axis = std::get<AxisAttrs>(attrs).axis;
  const TensorType& x = operands[0];
  if (Inferred number = infer_number(operands, attrs); !number.error.empty()) return number;
  if (axis < 0 || axis >= x.rank()) return failed(fmt::format("{} has no axis {}", to_string(x), axis));
  const int64_t axes[] = {axis};
  return typed({DType::i32, without(x.shape, axes)});
}

std::vector<int64_t> argmax_axes(const Node& node, std::span<const TensorType>) {
  return {std::get<AxisAttrs>(node.attrs).axis};
}

// Along the axes the first of equals, and the first NaN before everything; and its place among them, row-major.
void greatest(const DenseTensor& x, std::span<const int64_t> axes, DenseTensor& value, DenseTensor& place) {
  each_fold(x, axes, [&](size_t o, size_t k, double candidate) {
    const double best = value.data[o];
    const bool is_better = !std::isnan(best) && (std::isnan(candidate) || candidate > best);
    if (k > 0 && !is_better) return;
    value.data[o] = candidate;
    place.data[o] = static_cast<double>(k);
  });
}

std::vector<DenseTensor> eval_argmax(std::span<const DenseTensor> x, const Attrs& attrs,
                                     std::span<const TensorType> types) {
  const int64_t axes[] = {std::get<AxisAttrs>(attrs).axis};
  DenseTensor value = zeros({x[0].type.dtype, types[0].shape}), place = zeros(types[0]);
  greatest(x[0], axes, value, place);
  return {std::move(place)};
}

Bounds bounds_argmax(const Graph& graph, const Node& node, std::span<const Bounds>) {
  return {0, graph.type(node.operands[0]).shape[at(std::get<AxisAttrs>(node.attrs).axis)] - 1};
}

MathText math_argmax(std::span<const MathText> x, const Attrs& attrs) {
  return {fmt::format("argmax({}, axis = {})", x[0].text, std::get<AxisAttrs>(attrs).axis), kAtom};
}

std::vector<Value> lift_argmax(const LiftContext& c) {
  return lift_with(c, AxisAttrs{std::get<AxisAttrs>(c.node.attrs).axis + 1});
}

const Sample kArgmaxSamples[] = {
    {{{DType::f32, {3, 4}}}, AxisAttrs{1}},
    {{{DType::f32, {3, 4}}}, AxisAttrs{0}},
    {{{DType::f32, {20}}}, AxisAttrs{0}},
};

// ---- max_position ----------------------------------------------------------------------------------------

Inferred infer_max_position(std::span<const TensorType> operands, const Attrs& attrs) {
  Inferred inferred = infer_reduce(operands, attrs);
  if (inferred.error.empty()) inferred.types.push_back({DType::i32, inferred.types[0].shape});
  return inferred;
}

// The adjoint goes to the element that was found.
Adjoints vjp_max_position(const VjpContext& context) {
  if (!context.adjoints[0]) return {std::nullopt};
  Vjp v(context);
  if (!is_float(v.in[0].dtype)) return {std::nullopt};
  const auto& axes = std::get<ReduceAttrs>(v.attrs).axes;
  const Shape& shape = v.in[0].shape;
  const std::vector<int64_t> kept = other_axes(axes, v.in[0].rank());
  const TensorType positions{DType::i32, shape};
  std::optional<Value> here;  // each element's own position
  int64_t step = 1;
  for (size_t i = axes.size(); i-- > 0; step *= shape[at(axes[i])]) {
    const Value along = v.b.make(Op::iota, {}, IotaAttrs{shape, axes[i], DType::i32});
    const Value part =
        step == 1 ? along : v.b.mul(along, v.b.constant(positions, {static_cast<double>(step)}));
    here = here ? v.b.add(*here, part) : part;
  }
  const Value found = v.b.broadcast(Value{context.node, 1}, shape, kept);
  const Value is_found = v.b.make(Op::eq, {*here, found});
  return {v.b.make(Op::where, {is_found, v.b.broadcast(v.g, shape, kept), v.b.full_like(v.x[0], 0)})};
}

std::vector<DenseTensor> eval_max_position(std::span<const DenseTensor> x, const Attrs& attrs,
                                           std::span<const TensorType> types) {
  DenseTensor value = zeros(types[0]), place = zeros(types[1]);
  greatest(x[0], std::get<ReduceAttrs>(attrs).axes, value, place);
  return {std::move(value), std::move(place)};
}

// ---- formulas --------------------------------------------------------------------------------------------

template <Fn fn>
Writings write_reduced(Notation& n) {
  return {n.reduced(fn, std::get<ReduceAttrs>(n.node.attrs).axes)};
}

// A position needs every element in its place, also those that only repeat.
formula::Written write_position(Notation& n, const std::vector<int64_t>& axes) {
  n.x[0] = Notation::whole(n.exact(0), n.shape(0).size());
  return n.reduced(Fn::argmax, axes);
}
Writings write_argmax(Notation& n) {
  return {write_position(n, {std::get<AxisAttrs>(n.node.attrs).axis})};
}
Writings write_max_position(Notation& n) {
  const auto& axes = std::get<ReduceAttrs>(n.node.attrs).axes;
  return {n.reduced(Fn::max, axes), write_position(n, axes)};
}

// ---- accumulate ------------------------------------------------------------------------------------------

MathText math_accumulate(std::span<const MathText> x, const Attrs&) {
  return x[0];
}

const Sample kAccumulateSamples[] = {{{{DType::f32, {}}}, NoAttrs{}}, {{{DType::f32, {3}}}, NoAttrs{}}};

}  // namespace
}  // namespace ops

constinit const OpDef k_op_reduce_sum = {
    .name = "reduce_sum",
    .doc = "The sum along the axes, which the result lacks.",
    .written = "sum(x, axis = …, keep = …)",
    .traits = kReduces | kSmooth,
    .attrs = ReduceAttrs{},
    .infer = ops::infer_reduce,
    .derivative = {ops::vjp_sum, {}},
    .lower = ReduceRule{kernel::Combine::sum, ops::reduced_axes},
    .lift = ops::lift_reduction,
    .eval = ops::eval_sum,
    .math = ops::math_sum,
    .formula = ops::write_reduced<ops::Fn::sum>,
    .samples = ops::kReduceSamples,
};

constinit const OpDef k_op_reduce_max = {
    .name = "reduce_max",
    .doc = "The largest element along the axes; a NaN stays one. Ties share the gradient evenly.",
    .written = "max(x, axis = …, keep = …)",
    .traits = kReduces,
    .attrs = ReduceAttrs{},
    .infer = ops::infer_reduce,
    .derivative = {ops::vjp_extreme, {}},
    .lower = ReduceRule{kernel::Combine::max, ops::reduced_axes},
    .lift = ops::lift_reduction,
    .eval = ops::eval_max,
    .math = ops::math_max,
    .formula = ops::write_reduced<ops::Fn::max>,
    .samples = ops::kReduceSamples,
};

constinit const OpDef k_op_reduce_min = {
    .name = "reduce_min",
    .doc = "The smallest element along the axes; a NaN stays one. Ties share the gradient evenly.",
    .written = "min(x, axis = …, keep = …)",
    .traits = kReduces,
    .attrs = ReduceAttrs{},
    .infer = ops::infer_reduce,
    .derivative = {ops::vjp_extreme, {}},
    .lower = ReduceRule{kernel::Combine::min, ops::reduced_axes},
    .lift = ops::lift_reduction,
    .eval = ops::eval_min,
    .math = ops::math_min,
    .formula = ops::write_reduced<ops::Fn::min>,
    .samples = ops::kReduceSamples,
};

constinit const OpDef k_op_argmax = {
    .name = "argmax",
    .doc = "The index (i32) of the largest element along the axis; the first of equals.",
    .written = "argmax(x, axis = …)",
    .traits = kReduces,
    .attrs = AxisAttrs{},
    .infer = ops::infer_argmax,
    .derivative = no_gradient("its result is an index"),
    .lower = ReduceRule{kernel::Combine::argmax, ops::argmax_axes, 1},
    .lift = ops::lift_argmax,
    .eval = ops::eval_argmax,
    .bounds = ops::bounds_argmax,
    .math = ops::math_argmax,
    .formula = ops::write_argmax,
    .samples = ops::kArgmaxSamples,
};

constinit const OpDef k_op_max_position = {
    .name = "max_position",
    .doc =
        "The largest element along the axes and its position among them (i32, row-major); the first of "
        "equals, which takes "
        "the whole gradient.",
    .written = "max_pool(x, size, …)",
    .traits = kReduces,
    .attrs = ReduceAttrs{},
    .infer = ops::infer_max_position,
    .derivative = {ops::vjp_max_position, {}},
    .lower = ReduceRule{kernel::Combine::argmax, ops::reduced_axes},
    .lift = ops::lift_reduction,
    .eval = ops::eval_max_position,
    .math = ops::called<"max_position">,
    .formula = ops::write_max_position,
    .samples = ops::kReduceSamples,
};

constinit const OpDef k_op_accumulate = {
    .name = "accumulate",
    .doc =
        "A sum over the batch of which the total over all batches is meant; in one batch the operand itself.",
    .attrs = NoAttrs{},
    .infer = ops::infer_number,
    .derivative = no_gradient("its total over all batches is only known at the end of an evaluation"),
    .lower = RewrittenRule{"the split of metrics into eval and finish"},
    .eval = ops::eval_same,
    .math = ops::math_accumulate,
    .formula = ops::write_same,
    .samples = ops::kAccumulateSamples,
};

}  // namespace nnc
