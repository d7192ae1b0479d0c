// Matrix products. Transposes are flags, in the derivative too: no product needs a permuted copy of its
// operands.
#include <fmt/format.h>

#include <array>
#include <optional>

#include "ir/ops/support.h"

namespace nnc {
namespace ops {
namespace {

// rows x columns of an operand as it enters the product.
struct Sides {
  int64_t rows;
  int64_t columns;
};

Sides sides(const TensorType& type, bool transpose) {
  const int64_t before = type.shape[type.shape.size() - 2];
  const int64_t last = type.shape.back();
  return transpose ? Sides{last, before} : Sides{before, last};
}

// The axes of a product, as its triangle names them: those of the result, then that of the sum.
enum Axis : uint32_t { kI, kJ, kK };
using Axes = std::array<Axis, 2>;  // the one with the lower index first

std::optional<Axes> axes_of(Triangle triangle) {
  constexpr Axes kAxes[] = {{kI, kJ}, {kI, kK}, {kJ, kI}, {kJ, kK}, {kK, kI}, {kK, kJ}};
  if (triangle == Triangle::none) return std::nullopt;
  return kAxes[static_cast<size_t>(triangle) - 1];
}

// The same terms where each axis is called what `names` says.
Triangle renamed(Triangle triangle, std::array<Axis, 3> names) {
  const std::optional<Axes> old = axes_of(triangle);
  for (const Triangle t : {Triangle::i_le_j, Triangle::i_le_k, Triangle::j_le_i, Triangle::j_le_k,
                           Triangle::k_le_i, Triangle::k_le_j})
    if (old && axes_of(t) == Axes{names[(*old)[0]], names[(*old)[1]]}) return t;
  return Triangle::none;
}

Inferred infer_matmul(std::span<const TensorType> operands, const Attrs& attrs) {
  const auto& [transpose_a, transpose_b, triangle] = std::get<MatmulAttrs>(attrs);
  const TensorType& a = operands[0];
  const TensorType& b = operands[1];
  if (a.dtype != DType::f32 || b.dtype != DType::f32)
    return failed("multiplies f32, found " + list_types(operands));
  if (a.rank() < 2 || a.rank() != b.rank())
    return failed("multiplies matrices or equal stacks of them, found " + list_types(operands));
  Shape shape(a.shape.begin(), a.shape.end() - 2);
  if (!std::equal(shape.begin(), shape.end(), b.shape.begin()))
    return failed("the leading axes differ: " + list_types(operands));
  const auto [m, k] = sides(a, transpose_a);
  const auto [k_b, n] = sides(b, transpose_b);
  if (k != k_b)
    return failed(fmt::format("the inner sizes differ, {} and {}: {}{} and {}{}", k, k_b, to_string(a),
                              transpose_a ? " transposed" : "", to_string(b),
                              transpose_b ? " transposed" : ""));
  if (const std::optional<Axes> axes = axes_of(triangle)) {
    const int64_t extents[] = {m, n, k};
    const auto [low, high] = *axes;
    if (extents[low] != extents[high])
      return failed(fmt::format("the axes of the triangle {} have {} and {} places: {}{} and {}{}",
                                name_of(triangle), extents[low], extents[high], to_string(a),
                                transpose_a ? " transposed" : "", to_string(b),
                                transpose_b ? " transposed" : ""));
  }
  shape.push_back(m);
  shape.push_back(n);
  if (std::string error = shape_error(shape); !error.empty()) return failed(std::move(error));
  return typed({DType::f32, std::move(shape)});
}

Adjoints vjp_matmul(const VjpContext& context) {
  Vjp v(context);
  const auto [ta, tb, triangle] = std::get<MatmulAttrs>(v.attrs);
  const Value a = v.x[0];
  const Value b = v.x[1];
  // `names`: what i, j and k of y are called there. The terms that were left out are left out again.
  const auto product = [&](Value p, Value q, bool tp, bool tq, std::array<Axis, 3> names) {
    return v.b.make(Op::matmul, {p, q}, MatmulAttrs{tp, tq, renamed(triangle, names)});
  };
  // y = a b:  da = g bᵀ, db = aᵀ g. For a transposed operand the adjoint is transposed: da = (g bᵀ)ᵀ = b gᵀ.
  const Value da = ta ? product(b, v.g, tb, true, {kJ, kK, kI}) : product(v.g, b, false, !tb, {kI, kK, kJ});
  const Value db = tb ? product(v.g, a, true, ta, {kK, kI, kJ}) : product(a, v.g, !ta, false, {kK, kJ, kI});
  return {da, db};
}

std::vector<ContractSpec> specs_matmul(const Node& node, std::span<const TensorType> operands) {
  const auto& [transpose_a, transpose_b, triangle] = std::get<MatmulAttrs>(node.attrs);
  const Shape& output = node.types[0].shape;
  const auto rank = static_cast<uint32_t>(output.size());
  const auto axis = [](uint32_t number) { return Index::of(kernel::AxisId{number}); };
  const Index i = axis(rank - 2);
  const Index j = axis(rank - 1);
  const Index k = axis(rank);
  ContractSpec spec;
  spec.output = output;
  spec.over = {sides(operands[0], transpose_a).columns};
  for (uint32_t leading = 0; leading + 2 < rank; ++leading) spec.a.push_back(axis(leading));
  spec.b = spec.a;
  spec.a.push_back(transpose_a ? k : i);
  spec.a.push_back(transpose_a ? i : k);
  spec.b.push_back(transpose_b ? j : k);
  spec.b.push_back(transpose_b ? k : j);
  spec.order = product_order(spec);
  if (const std::optional<Axes> axes = axes_of(triangle))
    spec.triangle = {rank - 2 + (*axes)[0], rank - 2 + (*axes)[1]};
  return {std::move(spec)};
}

std::vector<DenseTensor> eval_matmul(std::span<const DenseTensor> x, const Attrs& attrs,
                                     std::span<const TensorType> types) {
  const auto& [transpose_a, transpose_b, triangle] = std::get<MatmulAttrs>(attrs);
  const std::optional<Axes> axes = axes_of(triangle);
  const auto [m, depth] = sides(x[0].type, transpose_a);
  const int64_t n = sides(x[1].type, transpose_b).columns;
  DenseTensor result = zeros(types[0]);
  const int64_t stack = types[0].elements() / (m * n);
  for (int64_t s = 0; s < stack; ++s)
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j) {
        double sum = 0;
        for (int64_t k = 0; k < depth; ++k) {
          const int64_t at_axis[] = {i, j, k};
          if (axes && at_axis[(*axes)[0]] > at_axis[(*axes)[1]]) continue;
          const int64_t a = s * m * depth + (transpose_a ? k * m + i : i * depth + k);
          const int64_t b = s * depth * n + (transpose_b ? j * depth + k : k * n + j);
          sum += x[0].data[at(a)] * x[1].data[at(b)];
        }
        result.data[at(s * m * n + i * n + j)] = sum;
      }
  return {std::move(result)};
}

MathText math_matmul(std::span<const MathText> x, const Attrs& attrs) {
  const auto& [transpose_a, transpose_b, triangle] = std::get<MatmulAttrs>(attrs);
  const auto side = [](const MathText& operand, bool transpose) {
    return transpose ? MathText{at_least(operand, kAtom) + "ᵀ", kAtom} : operand;
  };
  return infix(side(x[0], transpose_a), "·", side(x[1], transpose_b), kProduct);
}

Writings write_matmul(Notation& n) {
  const auto& [transpose_a, transpose_b, triangle] = std::get<MatmulAttrs>(n.node.attrs);
  if (triangle != Triangle::none) return {};
  const auto side = [&](size_t i, bool transpose) {
    return transpose ? n.formula.call(Fn::transpose, {n.matrix(i)}) : n.matrix(i);
  };
  return n.whole(n.formula.call(Fn::matmul, {side(0, transpose_a), side(1, transpose_b)}));
}

// Rows of all times one matrix are one product, where a step's rows do not fill vectors; else each step's result lies as the
// steps around it take it. Anything else is a stack of products, too.
std::vector<Value> lift_matmul(const LiftContext& c) {
  const auto [transpose_a, transpose_b, triangle] = std::get<MatmulAttrs>(c.node.attrs);
  const Shape& result = c.node.types[0].shape;
  if (!c.stacked[0] || c.stacked[1] || transpose_a || triangle != Triangle::none || result.size() != 2 ||
      result[0] % kLanes == 0)
    return lift_same(c);
  const Shape& a = c.builder.type(c.operands[0]).shape;
  const Value rows = c.builder.reshape(c.operands[0], {a[0] * a[1], a[2]});
  const Value product = c.builder.make(Op::matmul, {rows, c.operands[1]}, MatmulAttrs{false, transpose_b});
  return {c.builder.reshape(product, stacked(result, c.length))};
}

const Sample kMatmulSamples[] = {
    {{{DType::f32, {3, 4}}, {DType::f32, {4, 5}}}, MatmulAttrs{false, false}},
    {{{DType::f32, {3, 4}}, {DType::f32, {5, 4}}}, MatmulAttrs{false, true}},
    {{{DType::f32, {4, 3}}, {DType::f32, {4, 5}}}, MatmulAttrs{true, false}},
    {{{DType::f32, {4, 3}}, {DType::f32, {5, 4}}}, MatmulAttrs{true, true}},
    {{{DType::f32, {2, 3, 4}}, {DType::f32, {2, 5, 4}}}, MatmulAttrs{false, true}},
    {{{DType::f32, {2, 4, 3}}, {DType::f32, {2, 4, 2}}}, MatmulAttrs{true, false}},
    {{{DType::f32, {1, 70}}, {DType::f32, {70, 2}}}, MatmulAttrs{false, false}},
    {{{DType::f32, {5, 3}}, {DType::f32, {5, 3}}}, MatmulAttrs{false, true, Triangle::i_le_j}},
    {{{DType::f32, {5, 5}}, {DType::f32, {5, 3}}}, MatmulAttrs{false, false, Triangle::i_le_k}},
    {{{DType::f32, {2, 5, 3}}, {DType::f32, {2, 3, 5}}}, MatmulAttrs{false, false, Triangle::j_le_i}},
    {{{DType::f32, {4, 3}}, {DType::f32, {4, 4}}}, MatmulAttrs{true, false, Triangle::j_le_k}},
    {{{DType::f32, {2, 5, 5}}, {DType::f32, {2, 5, 3}}}, MatmulAttrs{true, false, Triangle::k_le_i}},
    {{{DType::f32, {3, 5}}, {DType::f32, {5, 5}}}, MatmulAttrs{false, true, Triangle::k_le_j}},
};

}  // namespace
}  // namespace ops

constinit const OpDef k_op_matmul = {
    .name = "matmul",
    .doc =
        "Matrix product of the last two axes, each operand read transposed where its flag says so. With a "
        "triangle the "
        "terms a[i, k] * b[k, j] are those where one index is at most another one: k_le_i.",
    .min_operands = 2,
    .max_operands = 2,
    .traits = kReduces | kSmooth,
    .attrs = MatmulAttrs{},
    .infer = ops::infer_matmul,
    .derivative = {ops::vjp_matmul, {}},
    .lower = ContractRule{ops::specs_matmul},
    .lift = ops::lift_matmul,
    .eval = ops::eval_matmul,
    .math = ops::math_matmul,
    .formula = ops::write_matmul,
    .samples = ops::kMatmulSamples,
};

}  // namespace nnc
