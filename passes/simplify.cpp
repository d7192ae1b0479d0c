// Algebraic simplification: the graph is rebuilt with interning, and each node is made through rules that
// look at its (already simplified) operands. The rules:
//
//   algebra (simplify_algebra.cpp)
//     x + 0, x - 0, x * 1, x / 1, x ^ 1 → x; x + x → x * 2; 0 - x, x * -1, x / -1 → -x
//     x / 2^n → x * 2^-n
//     x ^ 0 → 1; x ^ 2 → x * x; x ^ 3, x ^ 4, x ^ -1, x ^ -2, x ^ -0.5 alike; x ^ 0.5 → sqrt(x)
//     -(-x) → x; a + -b → a - b; -a + b → b - a; a - -b → a + b; -(a - b) → b - a
//     -a * b, a * -b, -a / b, a / -b → -(a * b), -(a / b); -a * -b → a * b
//     -(x * c) → x * -c; -(x / c) → x / -c
//     (x * c1) * c2, (x * c1) / c2, (x / c1) * c2, (x / c1) / c2, (c1 / x) * c2 → one constant [rounds once]
//     where(c, a, a) → a; where(not c, a, b) → where(c, b, a); where on a constant
//     not not x; and, or with a constant; maximum(x, x), minimum(x, x) → x
//     cast to the same dtype, cast of a cast that loses nothing; detach(x) → x
//   shapes (simplify_shapes.cpp)
//     broadcast, reshape, permute, slice of the same → one; those that change nothing → the operand
//     reshape, permute, slice of a repeated number → the number repeated
//     permute that moves only 1s → reshape; broadcast of [.., 1, ..] → broadcast of its reshape without 1s
//     slice of a concat or pad within one piece; concat of all slices of x → x
//     pads that tile a shape, added → concat; reshape of a concat along an axis that it keeps → concat of the reshapes
//     conv_input with windows of one place and strides → that without strides, with zeros between the places (reshape, pad)
//     f(broadcast, …) → broadcast(f(…)) and f(reshape, …) → reshape(f(…)) for elementwise f
//   reductions (simplify_reduce.cpp)
//     over axes of extent 1 → reshape; of a reshape, each run of axes as a whole or not at all → of its operand
//     sum(broadcast(x)) → x * n over the repeated axes [rounds once]; sum(-x) → -sum(x)
//     sum(a * s + (x - mean(x)) * t) → sum(a) * s, where s and t are the same along the sum [rounds otherwise]
//     (g / s - broadcast(sum(g / s * y))) * e → (g - broadcast(sum(g * y))) * y, where y = e / s and s is the same along the sum
//       [rounds otherwise]
//     sums over the classes of one_hot → 1, of one_hot * repeated y → y, where the label is known to lie among them
//     pick(z, label) → pick(z, clamped label), where it is not (what a pick does anyway)
//
// Only the rules marked [rounds …] change how often a result is rounded; constants are combined in double,
// and only if the combination is an ordinary number. The sign of a zero is not kept. x * 0 and x - x stay: x
// may be infinite or not a number.
#include "passes/simplify.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "passes/pass.h"
#include "support/check.h"

namespace nnc::passes {
namespace {

// For an elementwise op: operands that all repeat smaller values in the same way → the op on those, then
// repeated.
std::optional<Value> pull_out_broadcast(Simplifier& s, const Candidate& c) {
  if (c.type.shape.empty()) return std::nullopt;
  std::optional<Shape> source;  // the shape of what is repeated; empty for numbers
  BroadcastAttrs how{c.type.shape, {}};
  std::vector<std::optional<Value>> scalars;
  for (Value operand : c.x) {
    scalars.push_back(repeated_scalar(s.graph(), operand));
    if (scalars.back() || s.number(operand)) continue;
    const Node* node = s.made(operand, Op::broadcast);
    if (node == nullptr) return std::nullopt;
    const auto& attrs = std::get<BroadcastAttrs>(node->attrs);
    const Shape& shape = s.type(node->operands[0]).shape;
    if (source && (*source != shape || how != attrs)) return std::nullopt;
    source = shape;
    how = attrs;
  }
  Shape small = source.value_or(Shape());
  std::vector<Value> operands;
  bool constant = true;
  for (size_t i = 0; i < c.x.size(); ++i) {
    if (auto number = s.number(c.x[i])) {
      operands.push_back(s.fill({s.type(c.x[i]).dtype, small}, *number));
      continue;
    }
    constant = false;
    operands.push_back(scalars[i] ? s.broadcast(*scalars[i], small, {}) : s.graph().node(c.x[i]).operands[0]);
  }
  if (constant) return std::nullopt;
  Value inner = s.make(c.op, std::move(operands), c.attrs);
  return s.broadcast(inner, how.shape, how.axes);
}

// The same for reshape: operands that are reshaped from one shape, or broadcast so that the old shape does as
// well.
std::optional<Value> pull_out_reshape(Simplifier& s, const Candidate& c) {
  std::optional<Shape> source;
  for (Value operand : c.x) {
    const Node* node = s.made(operand, Op::reshape);
    if (node == nullptr) continue;
    const Shape& shape = s.type(node->operands[0]).shape;
    if (source && *source != shape) return std::nullopt;
    source = shape;
  }
  if (!source) return std::nullopt;
  for (Value operand : c.x) {
    const Node& node = s.graph().node(operand);
    if (node.op == Op::reshape || s.number(operand)) continue;
    if (node.op != Op::broadcast) return std::nullopt;
    const Shape& shape = s.type(node.operands[0]).shape;
    if (!reshape_of_broadcast(shape, std::get<BroadcastAttrs>(node.attrs), *source)) return std::nullopt;
  }
  std::vector<Value> operands;
  for (Value operand : c.x) {
    auto number = s.number(operand);
    operands.push_back(number ? s.fill({s.type(operand).dtype, *source}, *number)
                              : s.reshape(operand, *source));
  }
  Value inner = s.make(c.op, std::move(operands), c.attrs);
  return s.reshape(inner, c.type.shape);
}

std::optional<Value> apply_rules(Simplifier& s, const Candidate& c) {
  for (std::span<const Rule> rules : {algebra_rules(), shape_rules(), reduce_rules()}) {
    for (const Rule& rule : rules) {
      if (rule.op != c.op) continue;
      if (auto value = rule.apply(s, c)) return value;
    }
  }
  if (!op_def(c.op).has(kElementwise)) return std::nullopt;
  if (auto value = pull_out_broadcast(s, c)) return value;
  return pull_out_reshape(s, c);
}

}  // namespace

std::optional<Value> Simplifier::combined(const TensorType& type, double x) {
  double held = rounded_to(type.dtype, x);
  if (!is_float(type.dtype) || !std::isfinite(held) || held == 0) return std::nullopt;
  return fill(type, x);
}

Value Simplifier::reshape(Value a, const Shape& shape) {
  return make(Op::reshape, {a}, ReshapeAttrs{shape});
}

Value Simplifier::broadcast(Value a, const Shape& shape, const std::vector<int64_t>& axes) {
  return make(Op::broadcast, {a}, BroadcastAttrs{shape, axes});
}

Value Simplifier::make(Op op, std::vector<Value> operands, Attrs attrs) {
  std::vector<TensorType> types;
  for (Value operand : operands) types.push_back(type(operand));
  Inferred inferred = infer_types(op, types, attrs);
  NNC_CHECK(inferred.error.empty() && inferred.types.size() == 1, inferred.error);

  if (auto folded = fold_constant_node(b, op, operands, attrs)) return folded->front();
  Candidate candidate{op, operands, attrs, inferred.types[0]};
  if (auto value = apply_rules(*this, candidate)) {
    NNC_CHECK(type(*value) == candidate.type, std::string(op_def(op).name) + " changed type in simplify");
    return *value;
  }
  return b.make(op, std::move(operands), std::move(attrs));
}

Graph simplify(const Graph& graph) {
  bool has_grad =
      std::any_of(graph.nodes.begin(), graph.nodes.end(), [](const Node& n) { return n.op == Op::grad; });
  return rebuild(
      graph,
      [&](Rewriter& rewriter, NodeId id, const Node& node) -> std::optional<std::vector<Value>> {
        bool plain = node.types.size() == 1 && node.layouts.empty() && node.group == kNoGroup;
        if (!plain || node.operands.empty() || node.op == Op::grad) return std::nullopt;
        Simplifier simplifier(rewriter.builder(), !has_grad);
        return std::vector<Value>{simplifier.make(node.op, rewriter.operands(id), node.attrs)};
      },
      Builder::Interning::on);
}

}  // namespace nnc::passes
