// Products with a common factor are added before they are multiplied by it. What stands between the parentheses often comes
// from the forward pass alone, as the derivative of an activation that reads its operand twice; it is computed there, and kept
// as one value in place of several.
//   a * x + a * y  →  a * (x + y)        y * a - a * x * z  →  a * (y - x * z)
// The result is rounded elsewhere. Left alone: common factors that are one number repeated, which cost nothing, and a + a * x,
// whose x would lose its last digits beside 1.
#include <algorithm>
#include <vector>

#include "passes/pass.h"
#include "passes/rewrite.h"

namespace nnc::passes {
namespace {

constexpr size_t kMostFactors = 8;

struct Product {
  std::vector<Value> factors;
  bool negative = false;
};

void collect(const Graph& graph, Value value, Product& product) {
  if (const Node* neg = made_by(graph, value, Op::neg)) {
    product.negative = !product.negative;
    return collect(graph, neg->operands[0], product);
  }
  const Node* mul = made_by(graph, value, Op::mul);
  if (mul == nullptr || product.factors.size() + 2 > kMostFactors) return product.factors.push_back(value);
  for (const Value operand : mul->operands) collect(graph, operand, product);
}

// Takes what both have, repeated numbers left out, from both.
std::vector<Value> take_common(const Graph& graph, Product& a, Product& b) {
  std::vector<Value> common;
  std::erase_if(a.factors, [&](Value factor) {
    const auto same = std::ranges::find(b.factors, factor);
    if (same == b.factors.end() || uniform_value(graph, factor)) return false;
    b.factors.erase(same);
    common.push_back(factor);
    return true;
  });
  return common;
}

Value multiplied(Builder& b, std::span<const Value> factors) {
  Value product = factors[0];
  for (const Value factor : factors.subspan(1)) product = b.mul(product, factor);
  return product;
}

}  // namespace

Graph factor_products(const Graph& graph) {
  return rebuild(
      graph,
      [](Rewriter& rewriter, NodeId id, const Node& node) -> std::optional<std::vector<Value>> {
        if ((node.op != Op::add && node.op != Op::sub) || !is_float(node.types[0].dtype)) return std::nullopt;
        Builder& b = rewriter.builder();
        const std::vector<Value> x = rewriter.operands(id);
        Product left, right;
        collect(b.graph(), x[0], left);
        collect(b.graph(), x[1], right);
        if (node.op == Op::sub) right.negative = !right.negative;
        const std::vector<Value> common = take_common(b.graph(), left, right);
        if (common.empty() || left.factors.empty() || right.factors.empty()) return std::nullopt;
        const Value first = multiplied(b, left.factors), second = multiplied(b, right.factors);
        const bool swapped = left.negative && !right.negative;
        Value sum = left.negative == right.negative ? b.add(first, second)
                    : swapped                       ? b.make(Op::sub, {second, first})
                                                    : b.make(Op::sub, {first, second});
        if (left.negative && right.negative) sum = b.neg(sum);
        return std::vector<Value>{b.mul(multiplied(b, common), sum)};
      },
      Builder::Interning::on);
}

}  // namespace nnc::passes
