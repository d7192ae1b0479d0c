// Products can read either operand with its last two axes swapped, so no transpose need be written to memory:
//   matmul(permute(a), b) → matmul(a, b) {transpose_a}, and the same for b;
//   permute(matmul(a, b)) → matmul(b, a) with both flags inverted and swapped: (a b)ᵀ = bᵀ aᵀ.
// The second only if nothing else reads the product, which would be computed twice. A product's order of
// summation is the same either way (ir/order.h looks at the two last extents alike). Permutes that move other
// axes stay, and those of a product that leaves out terms.
#include <utility>

#include "passes/pass.h"
#include "passes/rewrite.h"

namespace nnc::passes {
namespace {

// Swaps the last two axes and keeps the others.
bool is_transpose(const Node& node) {
  if (node.op != Op::permute) return false;
  const auto& order = std::get<PermuteAttrs>(node.attrs).order;
  size_t rank = order.size();
  if (rank < 2) return false;
  for (size_t i = 0; i + 2 < rank; ++i) {
    if (order[i] != static_cast<int64_t>(i)) return false;
  }
  return order[rank - 1] == static_cast<int64_t>(rank - 2);
}

// What `value` is the transpose of.
std::optional<Value> transposed(const Graph& graph, Value value) {
  const Node& node = graph.node(value);
  if (!is_transpose(node) || !node.layouts.empty()) return std::nullopt;
  return node.operands[0];
}

struct Product {
  Value a;
  Value b;
  MatmulAttrs attrs;
};

// A product with the transposes of its operands taken in; `graph` holds the operands.
Product absorbed(const Graph& graph, Value a, Value b, MatmulAttrs attrs) {
  if (auto inner = transposed(graph, a)) {
    a = *inner;
    attrs.transpose_a = !attrs.transpose_a;
  }
  if (auto inner = transposed(graph, b)) {
    b = *inner;
    attrs.transpose_b = !attrs.transpose_b;
  }
  return {a, b, attrs};
}

std::vector<Value> emit(Rewriter& rewriter, const Product& product) {
  return {rewriter.builder().make(Op::matmul, {product.a, product.b}, product.attrs)};
}

}  // namespace

Graph absorb_transpose(const Graph& graph) {
  Readers readers(graph);
  return rebuild(
      graph, [&](Rewriter& rewriter, NodeId id, const Node& node) -> std::optional<std::vector<Value>> {
        if (!node.layouts.empty()) return std::nullopt;
        if (node.op == Op::matmul) {
          std::vector<Value> operands = rewriter.operands(id);
          Product product =
              absorbed(rewriter.result(), operands[0], operands[1], std::get<MatmulAttrs>(node.attrs));
          if (product.a == operands[0] && product.b == operands[1]) return std::nullopt;
          return emit(rewriter, product);
        }
        if (!is_transpose(node) || readers.count(node.operands[0]) != 1) return std::nullopt;
        const Node* matmul = made_by(rewriter.result(), rewriter[node.operands[0]], Op::matmul);
        if (matmul == nullptr || !matmul->layouts.empty()) return std::nullopt;
        Value a = matmul->operands[0];
        Value b = matmul->operands[1];
        if (rewriter.result().type(a).rank() != rewriter.result().type(b).rank()) return std::nullopt;
        MatmulAttrs flags = std::get<MatmulAttrs>(matmul->attrs);
        if (flags.triangle != Triangle::none) return std::nullopt;
        rewriter.builder().set_spans(join(matmul->spans, node.spans));
        return emit(rewriter, {b, a, MatmulAttrs{!flags.transpose_b, !flags.transpose_a}});
      });
}

}  // namespace nnc::passes
