// matmul(x, w) {transpose_b} + broadcast(b), and the activation that follows, become one `linear` op:
//   maximum(pre, 0) → relu, tanh(pre), sigmoid(pre).
// The product must have no other reader. The activation joins if nothing else needs the pre-activation; the
// masks of relu's derivative do not, since they hold for the output as well, bit for bit: with h =
// maximum(pre, 0),
//   pre > 0 ⇔ h > 0 and pre <= 0 ⇔ h <= 0, also for NaN (both false).
// pre >= 0 and pre < 0 cannot be told from h; then the op is fused without the activation.
#include <unordered_map>

#include "passes/pass.h"
#include "passes/rewrite.h"

namespace nnc::passes {
namespace {

struct Fusion {
  Value x, w, b;
  LinearAttrs attrs;
  SpanSet spans;
  NodeId activation = {};  // one of those that join
};

// The operand of a bias broadcast: [n] repeated along all axes but the last. A bias of one element reaches
// simplify's result as a number, reshaped from [1].
std::optional<Value> bias_of(const Graph& graph, Value value) {
  const Node* node = made_by(graph, value, Op::broadcast);
  if (node == nullptr || !node->layouts.empty()) return std::nullopt;
  const auto& attrs = std::get<BroadcastAttrs>(node->attrs);
  Value bias = node->operands[0];
  const Node* reshape = made_by(graph, bias, Op::reshape);
  if (attrs.axes.empty() && attrs.shape.back() == 1 && reshape != nullptr && reshape->layouts.empty()) {
    bias = reshape->operands[0];
    return graph.type(bias).shape == Shape{1} ? std::optional(bias) : std::nullopt;
  }
  int64_t last = static_cast<int64_t>(attrs.shape.size()) - 1;
  bool fits = attrs.axes == std::vector<int64_t>{last} && graph.type(bias).shape[0] == attrs.shape.back();
  return fits ? std::optional(bias) : std::nullopt;
}

// x @ wᵀ + b at node `add`, without an activation.
std::optional<Fusion> match(const Graph& graph, const Readers& readers, NodeId add) {
  const Node& sum = graph.nodes[add];
  if (sum.op != Op::add || !sum.layouts.empty()) return std::nullopt;
  for (size_t side = 0; side < 2; ++side) {
    Value product = sum.operands[side];
    const Node* matmul = made_by(graph, product, Op::matmul);
    auto bias = bias_of(graph, sum.operands[1 - side]);
    if (matmul == nullptr || !bias || !matmul->layouts.empty() || readers.count(product) != 1) continue;
    MatmulAttrs flags = std::get<MatmulAttrs>(matmul->attrs);
    Value x = matmul->operands[0];
    Value w = matmul->operands[1];
    if (flags != MatmulAttrs{false, true} || graph.type(w).rank() != 2) continue;
    if (!infer_types(Op::linear, std::vector{graph.type(x), graph.type(w), graph.type(*bias)}, LinearAttrs{})
             .error.empty()) {
      continue;
    }
    NodeId parts[] = {product.node, sum.operands[1 - side].node, add};
    return Fusion{x, w, *bias, {}, spans_of(graph, parts)};
  }
  return std::nullopt;
}

Activation activation_of(const Graph& graph, const Node& node, Value pre) {
  if (node.op == Op::tanh) return Activation::tanh;
  if (node.op == Op::sigmoid) return Activation::sigmoid;
  if (node.op != Op::maximum) return Activation::none;
  Value other = node.operands[0] == pre ? node.operands[1] : node.operands[0];
  return uniform_value(graph, other) == 0.0 ? Activation::relu : Activation::none;
}

// A comparison of `pre` with 0 that its positive part answers as well.
bool is_mask(const Graph& graph, const Node& node, Value pre) {
  bool pre_first = node.op == Op::gt || node.op == Op::le;
  bool zero_first = node.op == Op::lt || node.op == Op::ge;
  if (!pre_first && !zero_first) return false;
  Value value = node.operands[pre_first ? 0 : 1];
  Value zero = node.operands[pre_first ? 1 : 0];
  return value == pre && uniform_value(graph, zero) == 0.0;
}

// Every reader of `pre` is the same activation, or a mask of relu.
Activation common_activation(const Graph& graph, const Readers& readers, Value pre) {
  Activation common = Activation::none;
  bool masks = false;
  for (NodeId reader : readers.of(pre)) {
    if (!reader.valid()) return Activation::none;
    const Node& node = graph.nodes[reader];
    if (!node.layouts.empty()) return Activation::none;
    if (is_mask(graph, node, pre)) {
      masks = true;
      continue;
    }
    Activation activation = activation_of(graph, node, pre);
    if (activation == Activation::none || (common != Activation::none && common != activation)) {
      return Activation::none;
    }
    common = activation;
  }
  return masks && common != Activation::relu ? Activation::none : common;
}

}  // namespace

Graph fuse_linear(const Graph& graph) {
  Readers readers(graph);
  std::unordered_map<NodeId, Fusion> fusions;  // by the node of the sum
  std::unordered_map<NodeId, Value> activated;  // activations and masks → the sum whose fused value they take
  for (NodeId id : node_ids(graph)) {
    auto fusion = match(graph, readers, id);
    if (!fusion) continue;
    Value pre{id, 0};
    fusion->attrs.activation = common_activation(graph, readers, pre);
    if (fusion->attrs.activation != Activation::none) {
      for (NodeId reader : readers.of(pre)) {
        activated.emplace(reader, pre);
        if (!is_mask(graph, graph.nodes[reader], pre)) {
          fusion->spans = join(fusion->spans, graph.nodes[reader].spans);
          fusion->activation = reader;
        }
      }
    }
    fusions.emplace(id, std::move(*fusion));
  }

  return rebuild(
      graph, [&](Rewriter& rewriter, NodeId id, const Node& node) -> std::optional<std::vector<Value>> {
        if (auto it = fusions.find(id); it != fusions.end()) {
          const Fusion& f = it->second;
          rewriter.builder().set_spans(f.spans);
          const Value fused =
              rewriter.builder().make(Op::linear, {rewriter[f.x], rewriter[f.w], rewriter[f.b]}, f.attrs);
          if (f.activation.valid()) rewriter.becomes(f.activation);
          return std::vector<Value>{fused};
        }
        auto it = activated.find(id);
        if (it == activated.end()) return std::nullopt;
        // The sum's place is taken by the activated value: an activation is that value, a mask compares it
        // instead.
        Value fused = rewriter[it->second];
        if (!is_mask(graph, node, it->second)) return std::vector<Value>{fused};
        return std::nullopt;
      });
}

}  // namespace nnc::passes
