// Ops that read or write at computed places. A read clamps an index outside its axis, so that nothing is accessed out of
// bounds; one_hot makes a row of zeros of it.
#include <algorithm>

#include <fmt/format.h>

#include "ir/ops/support.h"

namespace nnc {
namespace ops {
namespace {

bool is_label(DType dtype) {
  return dtype == DType::i32 || dtype == DType::i64;
}

// ---- pick ------------------------------------------------------------------------------------------------

Inferred infer_pick(std::span<const TensorType> operands, const Attrs&) {
  const TensorType& z = operands[0];
  const TensorType& label = operands[1];
  if (!is_float(z.dtype) || z.rank() == 0)
    return failed("picks from the last axis of floats, found " + to_string(z));
  if (!is_label(label.dtype)) return failed("picks by i32 or i64 indices, found " + to_string(label));
  const int64_t last[] = {z.rank() - 1};
  if (label.shape != without(z.shape, last))
    return failed(fmt::format("the indices {} are not shaped like {} without its last axis", to_string(label),
                              to_string(z)));
  return typed({z.dtype, label.shape});
}

// The adjoint goes to the element that was read.
Adjoints vjp_pick(const VjpContext& context) {
  Vjp v(context);
  const Shape& shape = v.in[0].shape;
  const Value spread = v.b.broadcast(v.g, shape, first_axes(v.in[0].rank() - 1));
  const Value index = clamped(v.b, v.x[1], shape.back());
  const Value chosen = v.b.make(Op::one_hot, {index}, ClassesAttrs{shape.back()});
  return {v.b.mul(spread, v.b.cast(chosen, v.in[0].dtype)), std::nullopt};
}

ExprId element_pick(ElementContext& context, std::span<const Index> index, uint32_t) {
  ExprId label = context.operand(1, index);
  if (context.operand_types[1].dtype != DType::i64)
    label = context.kernel.apply(Op::cast, {label}, DType::i64);
  std::vector<Index> inner(index.begin(), index.end());
  inner.push_back({{}, 0, label, false});
  return context.operand(0, inner);
}

std::vector<DenseTensor> eval_pick(std::span<const DenseTensor> x, const Attrs&,
                                   std::span<const TensorType> types) {
  const int64_t classes = x[0].type.shape.back();
  return {generate(types[0], [&](int64_t i) {
    const auto label = std::clamp<int64_t>(static_cast<int64_t>(x[1].data[at(i)]), 0, classes - 1);
    return x[0].data[at(i * classes + label)];
  })};
}

const Sample kPickSamples[] = {
    {{{DType::f32, {4, 3}}, {DType::i32, {4}}}, NoAttrs{}, 0, 3},
    {{{DType::f32, {5}}, {DType::i64, {}}}, NoAttrs{}, 0, 5},
    {{{DType::f32, {2, 3, 4}}, {DType::i32, {2, 3}}}, NoAttrs{}, 0, 4},
};

// ---- one_hot ---------------------------------------------------------------------------------------------

Inferred infer_one_hot(std::span<const TensorType> operands, const Attrs& attrs) {
  const int64_t classes = std::get<ClassesAttrs>(attrs).classes;
  const TensorType& label = operands[0];
  if (!is_label(label.dtype)) return failed("takes i32 or i64 indices, found " + to_string(label));
  Shape shape = label.shape;
  shape.push_back(classes);
  if (std::string error = shape_error(shape); !error.empty()) return failed(std::move(error));
  return typed({DType::f32, std::move(shape)});
}

ExprId element_one_hot(ElementContext& context, std::span<const Index> index, uint32_t) {
  kernel::Kernel& kernel = context.kernel;
  ExprId label = context.operand(0, index.first(index.size() - 1));
  if (context.operand_types[0].dtype != DType::i64) label = kernel.apply(Op::cast, {label}, DType::i64);
  const ExprId own = index_value(kernel, index.back(), context.node.types[0].shape.back());
  const ExprId equal = kernel.apply(Op::eq, {label, own}, DType::boolean);
  return kernel.apply(Op::cast, {equal}, DType::f32);
}

std::vector<DenseTensor> eval_one_hot(std::span<const DenseTensor> x, const Attrs& attrs,
                                      std::span<const TensorType> types) {
  const int64_t classes = std::get<ClassesAttrs>(attrs).classes;
  return {generate(types[0], [&](int64_t i) {
    return x[0].data[at(i / classes)] == static_cast<double>(i % classes) ? 1.0 : 0.0;
  })};
}

const Sample kOneHotSamples[] = {
    {{{DType::i32, {4}}}, ClassesAttrs{3}, 0, 3},
    {{{DType::i64, {}}}, ClassesAttrs{5}, 0, 5},
};

// ---- take and add_at -------------------------------------------------------------------------------------
//
//   x: [shared, before, count, after], index: [shared, places]
//   take(x, index)[s, b, i, a] = x[s, b, index[s, i], a]
//   add_at(g, index)[s, b, k, a] = the sum of g[s, b, i, a] over the places i with index[s, i] = k
//
// Linear in x and in g, and each other's adjoint.

// The axes of the index that are not shared, and those of the result that stand for them: axis, axis + 1, …
size_t place_rank(const TensorType& index, int64_t shared) {
  return index.shape.size() - at(shared);
}

std::string bad_places(const TensorType& x, const TensorType& index, int64_t axis, int64_t shared) {
  if (!is_label(index.dtype)) return "the places are i32 or i64, found " + to_string(index);
  if (shared < 0 || shared > axis || axis >= x.rank() || index.rank() < shared)
    return fmt::format("axis {} with {} shared axes is none of {} by {}", axis, shared, to_string(x),
                       to_string(index));
  if (!std::equal(x.shape.begin(), x.shape.begin() + shared, index.shape.begin()))
    return fmt::format("the first {} axes differ: {} and {}", shared, to_string(x), to_string(index));
  return {};
}

Inferred infer_take(std::span<const TensorType> operands, const Attrs& attrs) {
  const auto& [axis, shared] = std::get<TakeAttrs>(attrs);
  const TensorType& x = operands[0];
  const TensorType& index = operands[1];
  if (std::string error = bad_places(x, index, axis, shared); !error.empty()) return failed(std::move(error));
  Shape shape(x.shape.begin(), x.shape.begin() + axis);
  shape.insert(shape.end(), index.shape.begin() + shared, index.shape.end());
  shape.insert(shape.end(), x.shape.begin() + axis + 1, x.shape.end());
  if (std::string error = shape_error(shape); !error.empty()) return failed(std::move(error));
  return typed({x.dtype, std::move(shape)});
}

Inferred infer_add_at(std::span<const TensorType> operands, const Attrs& attrs) {
  const auto& [axis, shared, count] = std::get<AddAtAttrs>(attrs);
  const TensorType& g = operands[0];
  const TensorType& index = operands[1];
  if (g.dtype != DType::f32) return failed("adds f32, found " + to_string(g));
  if (!is_label(index.dtype) || shared < 0 || shared > axis || index.rank() < shared ||
      axis + index.rank() - shared > g.rank())
    return failed(fmt::format("axis {} with {} shared axes is none of {} at {}", axis, shared, to_string(g),
                              to_string(index)));
  const auto places = static_cast<int64_t>(place_rank(index, shared));
  if (!std::equal(g.shape.begin(), g.shape.begin() + shared, index.shape.begin()) ||
      !std::equal(index.shape.begin() + shared, index.shape.end(), g.shape.begin() + axis))
    return failed("each slice needs a place, found " + list_types(operands));
  Shape shape = g.shape;
  shape.erase(shape.begin() + axis, shape.begin() + axis + places);
  shape.insert(shape.begin() + axis, count);
  if (std::string error = shape_error(shape); !error.empty()) return failed(std::move(error));
  return typed({g.dtype, std::move(shape)});
}

Adjoints vjp_take(const VjpContext& context) {
  Vjp v(context);
  const auto& [axis, shared] = std::get<TakeAttrs>(v.attrs);
  return {v.b.make(Op::add_at, {v.g, v.x[1]}, AddAtAttrs{axis, shared, v.in[0].shape[at(axis)]}),
          std::nullopt};
}

Adjoints vjp_add_at(const VjpContext& context) {
  Vjp v(context);
  const auto& [axis, shared, count] = std::get<AddAtAttrs>(v.attrs);
  return {v.b.make(Op::take, {v.g, v.x[1]}, TakeAttrs{axis, shared}), std::nullopt};
}

ExprId element_take(ElementContext& context, std::span<const Index> index, uint32_t) {
  const auto& [axis, shared] = std::get<TakeAttrs>(context.node.attrs);
  const size_t places = place_rank(context.operand_types[1], shared);
  const auto part = [&](size_t begin, size_t count) { return index.subspan(begin, count); };
  std::vector<Index> where(index.begin(), index.begin() + shared);
  where.insert(where.end(), part(at(axis), places).begin(), part(at(axis), places).end());
  ExprId place = context.operand(1, where);
  if (context.operand_types[1].dtype != DType::i64)
    place = context.kernel.apply(Op::cast, {place}, DType::i64);
  std::vector<Index> inner(index.begin(), index.begin() + axis);
  inner.push_back({{}, 0, place, false});
  const auto after = index.subspan(at(axis) + places);
  inner.insert(inner.end(), after.begin(), after.end());
  return context.operand(0, inner);
}

ScatterSpec spec_add_at(const Node& node, std::span<const TensorType> operands) {
  const auto& [axis, shared, count] = std::get<AddAtAttrs>(node.attrs);
  const auto rank = static_cast<uint32_t>(node.types[0].rank());
  const auto number = [](int64_t axis_number) {
    return Index::of(kernel::AxisId{static_cast<uint32_t>(axis_number)});
  };
  ScatterSpec spec;
  spec.axis = at(axis);
  spec.over.assign(operands[1].shape.begin() + shared, operands[1].shape.end());
  for (int64_t d = 0; d < shared; ++d) spec.place.push_back(number(d));
  for (int64_t d = 0; d < axis; ++d) spec.value.push_back(number(d));
  for (size_t d = 0; d < spec.over.size(); ++d) {
    spec.place.push_back(number(rank + static_cast<int64_t>(d)));
    spec.value.push_back(spec.place.back());
  }
  for (int64_t d = axis + 1; d < rank; ++d) spec.value.push_back(number(d));
  return spec;
}

// Calls f(position in the whole, position among the slices) for each element of the slices: the whole has `count` slices along
// the axis, the others one for each place.
template <class F>
void each_taken(const TensorType& whole, const DenseTensor& index, int64_t axis, int64_t shared, F f) {
  const auto product = [&](const Shape& shape, int64_t begin, int64_t end) {
    return element_count(Shape(shape.begin() + begin, shape.begin() + end));
  };
  const int64_t own = product(whole.shape, 0, shared);
  const int64_t before = product(whole.shape, shared, axis);
  const int64_t count = whole.shape[at(axis)];
  const int64_t after = product(whole.shape, axis + 1, whole.rank());
  const int64_t places = index.type.elements() / std::max<int64_t>(1, own);
  for (int64_t s = 0; s < own; ++s)
    for (int64_t b = 0; b < before; ++b)
      for (int64_t i = 0; i < places; ++i) {
        const auto k = static_cast<int64_t>(
            std::clamp<double>(index.data[at(s * places + i)], 0, static_cast<double>(count - 1)));
        for (int64_t a = 0; a < after; ++a)
          f(at((((s * before + b) * count) + k) * after + a),
            at((((s * before + b) * places) + i) * after + a));
      }
}

std::vector<DenseTensor> eval_take(std::span<const DenseTensor> x, const Attrs& attrs,
                                   std::span<const TensorType> types) {
  const auto& [axis, shared] = std::get<TakeAttrs>(attrs);
  DenseTensor result = zeros(types[0]);
  each_taken(x[0].type, x[1], axis, shared,
             [&](size_t from, size_t to) { result.data[to] = x[0].data[from]; });
  return {std::move(result)};
}

std::vector<DenseTensor> eval_add_at(std::span<const DenseTensor> x, const Attrs& attrs,
                                     std::span<const TensorType> types) {
  const auto& [axis, shared, count] = std::get<AddAtAttrs>(attrs);
  DenseTensor result = zeros(types[0]);
  each_taken(types[0], x[1], axis, shared,
             [&](size_t to, size_t from) { result.data[to] += x[0].data[from]; });
  return {std::move(result)};
}

// A table that is the same for all is looked up at all places at once.
std::vector<Value> lift_take(const LiftContext& c) {
  const auto [axis, shared] = std::get<TakeAttrs>(c.node.attrs);
  if (c.stacked[0]) return lift_with(c, TakeAttrs{axis + 1, shared + 1});
  if (shared > 0 || axis > 0) return lift_with(c, TakeAttrs{axis + 1, shared + 1});
  return c.builder.make_all(Op::take, c.operands, TakeAttrs{0, 0});
}

std::vector<Value> lift_add_at(const LiftContext& c) {
  const auto [axis, shared, count] = std::get<AddAtAttrs>(c.node.attrs);
  return lift_with(c, AddAtAttrs{axis + 1, shared + 1, count});
}

const Sample kTakeSamples[] = {
    {{{DType::f32, {4, 3}}, {DType::i32, {5}}}, TakeAttrs{0, 0}, 0, 4},
    {{{DType::f32, {3, 5, 4}}, {DType::i32, {6, 7}}}, TakeAttrs{1, 0}, 0, 5},
    {{{DType::f32, {3, 5, 4}}, {DType::i32, {3, 5, 6}}}, TakeAttrs{2, 2}, 0, 4},
    {{{DType::f32, {3, 5, 4, 6}}, {DType::i64, {3}}}, TakeAttrs{2, 1}, 0, 4},
    {{{DType::i32, {6}}, {DType::i32, {}}}, TakeAttrs{0, 0}, 0, 6},
};
const Sample kAddAtSamples[] = {
    {{{DType::f32, {5, 3}}, {DType::i32, {5}}}, AddAtAttrs{0, 0, 4}, 0, 4},
    {{{DType::f32, {3, 6, 7, 4}}, {DType::i32, {6, 7}}}, AddAtAttrs{1, 0, 5}, 0, 5},
    {{{DType::f32, {3, 5, 6}}, {DType::i32, {3, 5, 6}}}, AddAtAttrs{2, 2, 4}, 0, 4},
    {{{DType::f32, {3, 5, 6}}, {DType::i64, {3}}}, AddAtAttrs{2, 1, 4}, 0, 4},
    {{{DType::f32, {}}, {DType::i32, {}}}, AddAtAttrs{0, 0, 3}, 0, 3},
};

// ---- formulas --------------------------------------------------------------------------------------------

// What is picked keeps the axis, with one place.
Writings write_pick(Notation& n) {
  const size_t rank = n.shape(0).size();
  formula::Written to{n.formula.call(Fn::pick, {n.exact(0), n.exact(1)}), {}};
  for (size_t i = 0; i + 1 < rank; ++i) to.axes.push_back(rank - i);
  return {std::move(to)};
}

// `onehot` says that there is a 1; where an index may lie outside, it is a comparison.
Writings write_one_hot(Notation& n) {
  formula::Formula& f = n.formula;
  const int64_t classes = std::get<ClassesAttrs>(n.node.attrs).classes;
  const formula::ExprId index = n.exact(0);
  if (lies_within(n.graph, n.node.operands[0], classes))
    return n.whole(f.call(Fn::onehot, {index}, {{classes}}));
  formula::Numbers pattern(n.shape(0).size(), 1);
  pattern.push_back(0);
  return n.whole(f.compare("=", f.call(Fn::align, {index}, {pattern}), f.call(Fn::range, {}, {{classes}})));
}

Writings write_take(Notation& n) {
  const auto& [axis, shared] = std::get<TakeAttrs>(n.node.attrs);
  if (axis == 0 && shared == 0) return write_call(n, Fn::rows);
  return write_call(n, Fn::take, {{axis}, {shared}});
}

Writings write_add_at(Notation& n) {
  const auto& [axis, shared, count] = std::get<AddAtAttrs>(n.node.attrs);
  return write_call(n, Fn::add_at, {{axis}, {shared}, {count}});
}

}  // namespace
}  // namespace ops

constinit const OpDef k_op_pick = {
    .name = "pick",
    .doc = "From each run along the last axis the entry that the index names; indices are clamped.",
    .written = "pick(z, label, axis)",
    .min_operands = 2,
    .max_operands = 2,
    .traits = kSmooth,
    .attrs = NoAttrs{},
    .infer = ops::infer_pick,
    .derivative = {ops::vjp_pick, {}},
    .lower = ElementRule{ops::element_pick},
    .lift = ops::lift_same,
    .eval = ops::eval_pick,
    .math = ops::called<"pick">,
    .formula = ops::write_pick,
    .samples = ops::kPickSamples,
};

constinit const OpDef k_op_one_hot = {
    .name = "one_hot",
    .doc = "A new last axis that is 1 at the index and 0 elsewhere; all 0 for an index outside it.",
    .written = "one_hot(label, classes)",
    .attrs = ClassesAttrs{},
    .infer = ops::infer_one_hot,
    .derivative = no_gradient("its operand is an index"),
    .lower = ElementRule{ops::element_one_hot},
    .lift = ops::lift_same,
    .eval = ops::eval_one_hot,
    .math = ops::called<"one_hot">,
    .formula = ops::write_one_hot,
    .samples = ops::kOneHotSamples,
};

constinit const OpDef k_op_take = {
    .name = "take",
    .doc = "The slices along an axis that the index names, in its shape; indices are clamped.",
    .written = "x[index], take_along(x, index, axis)",
    .min_operands = 2,
    .max_operands = 2,
    .traits = kSmooth,
    .attrs = TakeAttrs{},
    .infer = ops::infer_take,
    .derivative = {ops::vjp_take, {}},
    .lower = ElementRule{ops::element_take},
    .lift = ops::lift_take,
    .eval = ops::eval_take,
    .math = ops::called<"take">,
    .formula = ops::write_take,
    .samples = ops::kTakeSamples,
};

constinit const OpDef k_op_add_at = {
    .name = "add_at",
    .doc =
        "Zeros to which slices are added at the places along an axis that the index names, in its order; "
        "indices are "
        "clamped.",
    .min_operands = 2,
    .max_operands = 2,
    .traits = kReduces | kSmooth,
    .attrs = AddAtAttrs{},
    .infer = ops::infer_add_at,
    .derivative = {ops::vjp_add_at, {}},
    .lower = ScatterRule{ops::spec_add_at},
    .lift = ops::lift_add_at,
    .eval = ops::eval_add_at,
    .math = ops::called<"add_at">,
    .formula = ops::write_add_at,
    .samples = ops::kAddAtSamples,
};

}  // namespace nnc
