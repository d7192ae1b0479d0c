// Physical layouts. A contraction's vectors run along one axis of its output, and the operand that has this
// axis must hold it innermost; the other operand is read one number at a time, in any layout. So:
//  - a product with a parameter runs its vectors along the other operand's free axis (the batch): activations
//    lie batch-innermost, and weights are never packed;
//  - any other product (a weight gradient) runs them along the last axis of its output, as the parameter lies;
//  - a narrow output of a long sum whose operands both have the sum innermost runs them along the sum.
// Where an operand lies otherwise, a `relayout` node is put before it; equal ones are one node. Elementwise
// results lie as their first operand of the same shape does. Rows of tensors of rank two and more are padded
// so that they start on a cache line and do not fall onto the same cache sets.
//   %2 = matmul x, w {transpose_b} : f32[128, 512]
//   →  %1 = relayout x : f32[128, 784] layout [1, 0] pitch 144
//      %2 = matmul %1, w {transpose_b} : f32[128, 512] layout [1, 0] pitch 144
#include <map>

#include "ir/kernel/kernel.h"
#include "ir/layout.h"
#include "ir/order.h"
#include "passes/pass.h"
#include "passes/rewrite.h"

namespace nnc::passes {
namespace {

using kernel::AxisId;
using kernel::Index;

// The layout with `axis` innermost and the others as they were.
Layout with_innermost(const Shape& shape, int64_t axis) {
  std::vector<int64_t> order;
  for (int64_t i = 0; i < static_cast<int64_t>(shape.size()); ++i)
    if (i != axis) order.push_back(i);
  order.push_back(axis);
  return padded_layout(shape, order);
}

int64_t innermost(const TensorType& type, const Layout& layout) {
  return layout.order.empty() ? type.rank() - 1 : layout.order.back();
}

class LayoutAssignment {
 public:
  explicit LayoutAssignment(const Graph& graph) : rewriter_(graph), graph_(graph) {}

  Graph run() {
    for (NodeId id : node_ids(graph_)) {
      const Node& node = graph_.nodes[id];
      if (node.op == Op::input) {
        assign_input(rewriter_[Value{id, 0}]);
        continue;
      }
      rewriter_.builder().set_spans(node.spans);
      if (std::holds_alternative<ContractRule>(op_def(node.op).lower))
        contraction(id, node);
      else
        other(id, node);
    }
    return rewriter_.finish();
  }

 private:
  void set_layout(Value value, Layout layout) {
    Node& node = rewriter_.result().nodes[value.node];
    if (node.layouts.empty()) {
      if (layout.is_default()) return;
      node.layouts.resize(node.types.size());
    }
    node.layouts[value.result] = std::move(layout);
  }

  void assign_input(Value value) {
    const Node& node = rewriter_.result().nodes[value.node];
    const Role role = std::get<InputAttrs>(node.attrs).role;
    const Shape& shape = node.types[0].shape;
    if (is_kept(role)) set_layout(value, padded_layout(shape));
  }

  // Whether a node that moves elements has each of its operand's once.
  bool is_whole(const Node& node) {
    return node.types[0].elements() == rewriter_.result().type(node.operands[0]).elements();
  }

  // Whether the value is a parameter, looked at through reordering.
  bool is_weight(Value value) {
    const Node& node = rewriter_.result().nodes[value.node];
    if (node.op == Op::input) return std::get<InputAttrs>(node.attrs).role == Role::param;
    const bool is_read_in_place = op_def(node.op).has(kView) || node.op == Op::relayout;
    return is_read_in_place && is_whole(node) && is_weight(node.operands[0]);
  }

  // The dimension of an operand that moves with `axis` alone and one by one; -1 if there is none.
  static int64_t dimension_of(const std::vector<Index>& map, AxisId axis) {
    for (size_t d = 0; d < map.size(); ++d)
      if (map[d] == Index::of(axis)) return static_cast<int64_t>(d);
    return -1;
  }

  Value lying(Value value, int64_t inner) {
    const TensorType type = rewriter_.result().type(value);
    if (innermost(type, rewriter_.result().layout(value)) == inner) return value;
    const auto [at, is_new] = moved_.try_emplace({value, inner});
    if (is_new) {
      at->second = rewriter_.builder().make(Op::relayout, {value});
      set_layout(at->second, with_innermost(type.shape, inner));
    }
    return at->second;
  }

  void contraction(NodeId id, const Node& node) {
    std::vector<TensorType> types;
    for (Value v : node.operands) types.push_back(graph_.type(v));
    const ContractSpec spec = std::get<ContractRule>(op_def(node.op).lower).spec(node, types);
    std::vector<Value> operands = rewriter_.operands(id);
    const std::vector<Index>* maps[2] = {&spec.a, &spec.b};
    const auto rank = static_cast<uint32_t>(spec.output.size());

    // The last output axis that only this operand has.
    const auto free_axis = [&](int which) {
      for (uint32_t axis = rank; axis-- > 0;)
        if (dimension_of(*maps[which], AxisId{axis}) >= 0 && dimension_of(*maps[1 - which], AxisId{axis}) < 0)
          return static_cast<int64_t>(axis);
      return int64_t{-1};
    };
    int64_t lanes = static_cast<int64_t>(rank) - 1;
    const bool a_weight = is_weight(operands[0]);
    const bool b_weight = is_weight(operands[1]);
    if (b_weight && !a_weight && free_axis(0) >= 0) lanes = free_axis(0);
    if (a_weight && !b_weight && free_axis(1) >= 0) lanes = free_axis(1);

    const AxisId sum_axis{rank + static_cast<uint32_t>(spec.over.size()) - 1};
    bool along_sum = contraction_order(spec) == Order::lanes16;
    for (int i = 0; i < 2 && along_sum; ++i) {
      const Graph& g = rewriter_.result();
      along_sum = dimension_of(*maps[i], sum_axis) == innermost(g.type(operands[static_cast<size_t>(i)]),
                                                                g.layout(operands[static_cast<size_t>(i)]));
    }
    if (!along_sum)
      for (size_t i = 0; i < 2; ++i)
        if (const int64_t d = dimension_of(*maps[i], AxisId{static_cast<uint32_t>(lanes)}); d >= 0)
          operands[i] = lying(operands[i], d);

    rewriter_.set(id, rewriter_.builder().copy(node, operands));
    set_layout(rewriter_[Value{id, 0}], with_innermost(node.types[0].shape, lanes));
  }

  void other(NodeId id, const Node& node) {
    rewriter_.copy(id);
    const Graph& g = rewriter_.result();
    for (uint32_t r = 0; r < node.types.size(); ++r) {
      const Value value = rewriter_[Value{id, r}];
      if (!g.layout(value).is_default()) continue;
      const Shape& shape = node.types[r].shape;
      std::vector<int64_t> order;
      if (op_def(node.op).has(kElementwise))
        for (Value operand : rewriter_.operands(id)) {
          const Layout layout = g.layout(operand);
          if (g.type(operand).shape == shape && !layout.order.empty()) {
            order = layout.order;
            break;
          }
        }
      if (node.op != Op::constant) set_layout(value, padded_layout(shape, order));
    }
  }

  Rewriter rewriter_;
  const Graph& graph_;
  std::map<std::pair<Value, int64_t>, Value> moved_;  // value, innermost axis → its copy
};

}  // namespace

Graph assign_layout(const Graph& graph) {
  return LayoutAssignment(graph).run();
}

}  // namespace nnc::passes
