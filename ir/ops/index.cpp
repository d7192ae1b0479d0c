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

}  // namespace
}  // namespace ops

constinit const OpDef k_op_pick = {
    .name = "pick",
    .doc = "From each run along the last axis the entry that the index names; indices are clamped.",
    .written = "pick(z, label)",
    .min_operands = 2,
    .max_operands = 2,
    .traits = kSmooth,
    .attrs = NoAttrs{},
    .infer = ops::infer_pick,
    .derivative = {ops::vjp_pick, {}},
    .lower = ElementRule{ops::element_pick},
    .eval = ops::eval_pick,
    .math = ops::called<"pick">,
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
    .eval = ops::eval_one_hot,
    .math = ops::called<"one_hot">,
    .samples = ops::kOneHotSamples,
};

}  // namespace nnc
