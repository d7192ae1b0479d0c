// Ops that fusion makes of several. Each expands again into what it was made of, so that fusing changes no
// bit beyond the simplification its pass documents; what is gained is one kernel, and one name in the
// reports. They are made after differentiation and have no derivative.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "ir/ops/support.h"

namespace nnc {
namespace ops {
namespace {

// ---- linear ----------------------------------------------------------------------------------------------

Inferred infer_linear(std::span<const TensorType> operands, const Attrs&) {
  const TensorType& x = operands[0];
  const TensorType& w = operands[1];
  const TensorType& b = operands[2];
  if (x.dtype != DType::f32 || w.dtype != DType::f32 || b.dtype != DType::f32 || x.rank() != 2 ||
      w.rank() != 2 || b.rank() != 1 || x.shape[1] != w.shape[1] || b.shape[0] != w.shape[0])
    return failed("takes f32[m, k], f32[n, k] and f32[n], found " + list_types(operands));
  return typed({DType::f32, {x.shape[0], w.shape[0]}});
}

std::vector<Value> expand_linear(Builder& b, const Node& node, std::span<const Value> x) {
  const Value product = b.make(Op::matmul, {x[0], x[1]}, MatmulAttrs{false, true});
  const Value sum = b.add(product, b.broadcast(x[2], b.type(product).shape, {1}));
  switch (std::get<LinearAttrs>(node.attrs).activation) {
    case Activation::none:
      return {sum};
    case Activation::relu:
      return {b.make(Op::maximum, {sum, b.full_like(sum, 0)})};
    case Activation::tanh:
      return {b.make(Op::tanh, {sum})};
    case Activation::sigmoid:
      return {b.make(Op::sigmoid, {sum})};
  }
  return {sum};
}

double activate(Activation activation, double x) {
  switch (activation) {
    case Activation::none:
      return x;
    case Activation::relu:
      return x < 0 ? 0 : x;
    case Activation::tanh:
      return std::tanh(x);
    case Activation::sigmoid:
      return 1 / (1 + std::exp(-x));
  }
  return x;
}

std::vector<DenseTensor> eval_linear(std::span<const DenseTensor> x, const Attrs& attrs,
                                     std::span<const TensorType> types) {
  const int64_t depth = x[0].type.shape[1];
  const int64_t n = types[0].shape[1];
  return {generate(types[0], [&](int64_t i) {
    double sum = x[2].data[at(i % n)];
    for (int64_t k = 0; k < depth; ++k)
      sum += x[0].data[at(i / n * depth + k)] * x[1].data[at(i % n * depth + k)];
    return activate(std::get<LinearAttrs>(attrs).activation, sum);
  })};
}

MathText math_linear(std::span<const MathText> x, const Attrs& attrs) {
  const Activation activation = std::get<LinearAttrs>(attrs).activation;
  const std::string sum =
      fmt::format("{} · {}ᵀ + {}", at_least(x[0], kProduct), at_least(x[1], kAtom), at_least(x[2], kSum + 1));
  if (activation == Activation::none) return {sum, kSum};
  return call(name_of(activation), {sum});
}

const Sample kLinearSamples[] = {
    {{{DType::f32, {3, 4}}, {DType::f32, {5, 4}}, {DType::f32, {5}}}, LinearAttrs{Activation::none}},
    {{{DType::f32, {3, 4}}, {DType::f32, {5, 4}}, {DType::f32, {5}}}, LinearAttrs{Activation::relu}},
    {{{DType::f32, {2, 20}}, {DType::f32, {3, 20}}, {DType::f32, {3}}}, LinearAttrs{Activation::tanh}},
    {{{DType::f32, {3, 4}}, {DType::f32, {1, 4}}, {DType::f32, {1}}}, LinearAttrs{Activation::sigmoid}},
};

// ---- softmax_xent ----------------------------------------------------------------------------------------

bool is_label(const TensorType& label, int64_t n) {
  return (label.dtype == DType::i32 || label.dtype == DType::i64) && label.shape == Shape{n};
}

Inferred infer_softmax_xent(std::span<const TensorType> operands, const Attrs&) {
  const TensorType& z = operands[0];
  if (z.dtype != DType::f32 || z.rank() != 2 || !is_label(operands[1], z.shape[0]))
    return failed("takes f32[n, c] and i32[n], found " + list_types(operands));
  return {{{DType::f32, {}}, z}, {}};
}

std::vector<Value> expand_softmax_xent(Builder& b, const Node& node, std::span<const Value> x) {
  const Shape shape = node.types[1].shape;
  const Value z = x[0];
  const Value largest = b.make(Op::reduce_max, {z}, ReduceAttrs{{1}});
  const Value shifted = b.sub(z, b.broadcast(largest, shape, {0}));
  const Value e = b.make(Op::exp, {shifted});
  const Value total = b.sum(e, {1});
  const Value p = b.div(e, b.broadcast(total, shape, {0}));
  const Value each = b.sub(b.make(Op::log, {total}), b.make(Op::pick, {shifted, x[1]}));
  const Value loss = b.div(b.sum(each, {0}), b.scalar(DType::f32, static_cast<double>(shape[0])));
  return {loss, p};
}

std::vector<DenseTensor> eval_softmax_xent(std::span<const DenseTensor> x, const Attrs&,
                                           std::span<const TensorType> types) {
  const int64_t n = types[1].shape[0];
  const int64_t c = types[1].shape[1];
  DenseTensor loss = zeros(types[0]);
  DenseTensor p = zeros(types[1]);
  for (int64_t i = 0; i < n; ++i) {
    const double* z = x[0].data.data() + i * c;
    const double largest = *std::max_element(z, z + c);
    double total = 0;
    for (int64_t j = 0; j < c; ++j) total += std::exp(z[j] - largest);
    for (int64_t j = 0; j < c; ++j) p.data[at(i * c + j)] = std::exp(z[j] - largest) / total;
    const auto label = std::clamp<int64_t>(static_cast<int64_t>(x[1].data[at(i)]), 0, c - 1);
    loss.data[0] += (std::log(total) - (z[label] - largest)) / static_cast<double>(n);
  }
  return {std::move(loss), std::move(p)};
}

const Sample kSoftmaxXentSamples[] = {
    {{{DType::f32, {4, 3}}, {DType::i32, {4}}}, NoAttrs{}, 0, 3},
    {{{DType::f32, {2, 20}}, {DType::i32, {2}}}, NoAttrs{}, 0, 20},
};

// ---- softmax_xent_grad -----------------------------------------------------------------------------------

Inferred infer_softmax_xent_grad(std::span<const TensorType> operands, const Attrs&) {
  const TensorType& p = operands[0];
  if (p.dtype != DType::f32 || p.rank() != 2 || !is_label(operands[1], p.shape[0]) ||
      operands[2] != TensorType{DType::f32, {}})
    return failed("takes f32[n, c], i32[n] and f32[], found " + list_types(operands));
  return typed(p);
}

std::vector<Value> expand_softmax_xent_grad(Builder& b, const Node& node, std::span<const Value> x) {
  const Shape shape = node.types[0].shape;
  const Value scale = b.div(x[2], b.scalar(DType::f32, static_cast<double>(shape[0])));
  const Value chosen = b.make(Op::one_hot, {x[1]}, ClassesAttrs{shape[1]});
  return {b.mul(b.sub(x[0], chosen), b.broadcast_scalar(scale, shape))};
}

std::vector<DenseTensor> eval_softmax_xent_grad(std::span<const DenseTensor> x, const Attrs&,
                                                std::span<const TensorType> types) {
  const int64_t c = types[0].shape[1];
  const double scale = x[2].data[0] / static_cast<double>(types[0].shape[0]);
  return {generate(types[0], [&](int64_t i) {
    const double target = static_cast<int64_t>(x[1].data[at(i / c)]) == i % c ? 1 : 0;
    return (x[0].data[at(i)] - target) * scale;
  })};
}

MathText math_softmax_xent_grad(std::span<const MathText> x, const Attrs&) {
  return {
      fmt::format("({} − one_hot({})) · {} / n", at_least(x[0], kSum), x[1].text, at_least(x[2], kProduct)),
      kProduct};
}

const Sample kSoftmaxXentGradSamples[] = {
    {{{DType::f32, {4, 3}}, {DType::i32, {4}}, {DType::f32, {}}}, NoAttrs{}, 0, 3},
};

constexpr std::string_view kMadeLater = "it is made after differentiation";

}  // namespace
}  // namespace ops

constinit const OpDef k_op_linear = {
    .name = "linear",
    .doc = "activation(x · wᵀ + b) for x[m, k], w[n, k], b[n].",
    .min_operands = 3,
    .max_operands = 3,
    .traits = kReduces | kFused,
    .attrs = LinearAttrs{},
    .infer = ops::infer_linear,
    .derivative = no_gradient(ops::kMadeLater),
    .lower = ExpandRule{ops::expand_linear},
    .eval = ops::eval_linear,
    .math = ops::math_linear,
    .samples = ops::kLinearSamples,
};

constinit const OpDef k_op_softmax_xent = {
    .name = "softmax_xent",
    .doc = "Mean cross entropy of softmax(z[n, c]) against the indices label[n], and softmax(z) itself.",
    .min_operands = 2,
    .max_operands = 2,
    .traits = kReduces | kFused,
    .attrs = NoAttrs{},
    .infer = ops::infer_softmax_xent,
    .derivative = no_gradient(ops::kMadeLater),
    .lower = ExpandRule{ops::expand_softmax_xent},
    .eval = ops::eval_softmax_xent,
    .math = ops::called<"cross_entropy">,
    .samples = ops::kSoftmaxXentSamples,
};

constinit const OpDef k_op_softmax_xent_grad = {
    .name = "softmax_xent_grad",
    .doc = "The derivative of softmax_xent's mean by z: (p - one_hot(label)) * (dloss / n).",
    .min_operands = 3,
    .max_operands = 3,
    .traits = kFused,
    .attrs = NoAttrs{},
    .infer = ops::infer_softmax_xent_grad,
    .derivative = no_gradient(ops::kMadeLater),
    .lower = ExpandRule{ops::expand_softmax_xent_grad},
    .eval = ops::eval_softmax_xent_grad,
    .math = ops::math_softmax_xent_grad,
    .samples = ops::kSoftmaxXentGradSamples,
};

}  // namespace nnc
