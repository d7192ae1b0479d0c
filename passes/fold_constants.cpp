// A node whose operands are all constants becomes one, by the op's reference semantics. What comes out is
// rounded to its dtype as the compiled step would round (a subnormal f32 becomes zero). Only values of at
// most 4096 elements are kept element by element, and only as many as the operands held: repeating a short
// constant is left to the op that does it. One number that fills a shape may be of any size. Integers beyond what a double
// holds exactly are left to be computed.
#include <algorithm>
#include <cmath>

#include "passes/pass.h"
#include "passes/rewrite.h"

namespace nnc::passes {
namespace {

constexpr int64_t kMaxElements = 4096;

using Folded = std::optional<std::vector<Value>>;

// Whether a constant holds these numbers exactly, and what is computed of them in double is so: i64 ends at 2^53 here.
bool are_exact(DType dtype, const std::vector<double>& numbers) {
  return dtype != DType::i64 || std::ranges::all_of(numbers, [](double x) { return std::fabs(x) <= 0x1p53; });
}

// The op on filled tensors, computed on single elements.
Folded fold_filled(Builder& builder, const OpDef& op, const std::vector<DenseTensor>& filled,
                   const Attrs& attrs, const TensorType& type) {
  double x = filled[0].data[0];
  if (op.has(kElementwise)) {
    std::vector<DenseTensor> single = filled;
    for (DenseTensor& tensor : single) tensor.type.shape = {};
    TensorType scalar{type.dtype, {}};
    x = op.eval(single, attrs, std::span(&scalar, 1))[0].data[0];
  }
  if (!are_exact(type.dtype, {x})) return std::nullopt;
  return std::vector<Value>{builder.constant(type, {rounded_to(type.dtype, x)})};
}

}  // namespace

Folded fold_constant_node(Builder& builder, Op op, std::span<const Value> operands, const Attrs& attrs) {
  const OpDef& def = op_def(op);
  if (operands.empty() || def.eval == nullptr || def.has(kRandom) || op == Op::relayout || op == Op::grad ||
      op == Op::detach) {
    return std::nullopt;
  }
  std::vector<TensorType> operand_types;
  std::vector<DenseTensor> tensors;
  bool all_filled = true;
  bool small = true;
  size_t held = 0;
  for (Value operand : operands) {
    const Node* node = made_by(builder.graph(), operand, Op::constant);
    if (node == nullptr) return std::nullopt;
    operand_types.push_back(node->types[0]);
    tensors.push_back({node->types[0], std::get<ConstantAttrs>(node->attrs).values});
    for (double& x : tensors.back().data) x = rounded_to(node->types[0].dtype, x);
    if (!are_exact(node->types[0].dtype, tensors.back().data)) return std::nullopt;
    held += tensors.back().data.size();
    all_filled &= tensors.back().data.size() == 1;
    small &= node->types[0].elements() <= kMaxElements;
  }
  std::vector<TensorType> types = infer_types(op, operand_types, attrs).types;
  if (all_filled && types.size() == 1 && (def.has(kMoves) || def.has(kElementwise))) {
    return fold_filled(builder, def, tensors, attrs, types[0]);
  }
  for (const TensorType& type : types) small &= type.elements() <= kMaxElements;
  if (!small || types.empty()) return std::nullopt;

  for (DenseTensor& tensor : tensors) {
    if (tensor.data.size() == 1)
      tensor.data.resize(static_cast<size_t>(tensor.type.elements()), tensor.data[0]);
  }
  std::vector<DenseTensor> results = def.eval(tensors, attrs, types);
  std::vector<Value> values;
  for (size_t i = 0; i < results.size(); ++i) {
    for (double& x : results[i].data) x = rounded_to(types[i].dtype, x);
    if (!are_exact(types[i].dtype, results[i].data)) return std::nullopt;
    values.push_back(builder.constant(types[i], std::move(results[i].data)));
    if (std::get<ConstantAttrs>(builder.graph().node(values.back()).attrs).values.size() > held)
      return std::nullopt;
  }
  return values;
}

Graph fold_constants(const Graph& graph) {
  return rebuild(graph, [](Rewriter& rewriter, NodeId id, const Node& node) -> Folded {
    if (!node.layouts.empty() || node.group != kNoGroup) return std::nullopt;
    return fold_constant_node(rewriter.builder(), node.op, rewriter.operands(id), node.attrs);
  });
}

}  // namespace nnc::passes
