// A node whose operands are all constants becomes one, by the op's reference semantics. What comes out is
// rounded to its dtype as the compiled step would round (a subnormal f32 becomes zero). Only values of at
// most 4096 elements are kept element by element; one number that fills a shape may be of any size.
#include <algorithm>
#include <cmath>

#include "passes/pass.h"
#include "passes/rewrite.h"

namespace nnc::passes {
namespace {

constexpr int64_t kMaxElements = 4096;

const ConstantAttrs* constant_of(const Graph& graph, Value value) {
  const Node* node = made_by(graph, value, Op::constant);
  return node == nullptr ? nullptr : &std::get<ConstantAttrs>(node->attrs);
}

// A broadcast of one number is that number in a larger shape, whatever its size.
std::optional<std::vector<Value>> fold_fill(Rewriter& rewriter, const Node& node,
                                            const std::vector<Value>& operands) {
  if (node.op != Op::broadcast && node.op != Op::reshape && node.op != Op::permute && node.op != Op::slice) {
    return std::nullopt;
  }
  const ConstantAttrs* constant = constant_of(rewriter.result(), operands[0]);
  if (constant == nullptr || constant->values.size() != 1) return std::nullopt;
  double value = constant->values[0];
  return std::vector<Value>{rewriter.builder().constant(node.types[0], {value})};
}

std::optional<std::vector<Value>> fold(Rewriter& rewriter, NodeId id, const Node& node) {
  const OpDef& op = op_def(node.op);
  if (node.operands.empty() || op.eval == nullptr || op.has(kRandom) || node.op == Op::relayout ||
      node.op == Op::grad || node.op == Op::detach) {
    return std::nullopt;
  }
  std::vector<Value> operands = rewriter.operands(id);
  for (Value operand : operands) {
    if (constant_of(rewriter.result(), operand) == nullptr) return std::nullopt;
  }
  if (auto filled = fold_fill(rewriter, node, operands)) return filled;
  for (const TensorType& type : node.types) {
    if (type.elements() > kMaxElements) return std::nullopt;
  }
  std::vector<DenseTensor> tensors;
  for (Value operand : operands) {
    const TensorType& type = rewriter.result().type(operand);
    if (type.elements() > kMaxElements) return std::nullopt;
    tensors.push_back({type, constant_of(rewriter.result(), operand)->values});
    DenseTensor& tensor = tensors.back();
    if (tensor.data.size() == 1) tensor.data.resize(static_cast<size_t>(type.elements()), tensor.data[0]);
    for (double& x : tensor.data) x = rounded_to(type.dtype, x);
  }
  std::vector<DenseTensor> results = op.eval(tensors, node.attrs, node.types);
  std::vector<Value> values;
  for (size_t i = 0; i < results.size(); ++i) {
    std::vector<double>& data = results[i].data;
    for (double& x : data) x = rounded_to(node.types[i].dtype, x);
    bool same = !data.empty() && std::all_of(data.begin(), data.end(), [&](double x) {
      return (x == data[0] && std::signbit(x) == std::signbit(data[0])) ||
             (std::isnan(x) && std::isnan(data[0]));
    });
    if (same) data.resize(1);
    values.push_back(rewriter.builder().constant(node.types[i], std::move(data)));
  }
  return values;
}

}  // namespace

Graph fold_constants(const Graph& graph) {
  return rebuild(graph, fold);
}

}  // namespace nnc::passes
