// Statistics of channels, and what is computed with them place by place, get the channels as their first axis: then one kernel
// computes a channel's sums and all that needs them while the channel is in the cache, where kernels over [batch, channel, …]
// would go over memory once for each. Products read and write through permutes, which cost nothing.
//   %1 = reduce_sum x {axes = [0,2,3]} : f32[16]                      x: f32[64,16,32,32], of a convolution
//   %2 = broadcast %1 {shape = [64,16,32,32], axes = [1]}
//   %3 = sub x, %2
//   →  %1 = permute x {order = [1,0,2,3]} : f32[16,64,32,32]
//      %2 = reduce_sum %1 {axes = [1,2,3]} : f32[16]
//      %3 = broadcast %2 {shape = [16,64,32,32], axes = [0]}
//      %4 = sub %1, %3
//      %5 = permute %4 {order = [1,0,2,3]} : f32[64,16,32,32]
// Leaves alone: what has too few channels to be shared among threads, where most sums keep other axes (those of a layer norm keep
// the rows), inputs and outputs.
#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "passes/pass.h"
#include "passes/rewrite.h"

namespace nnc::passes {
namespace {

constexpr int64_t kFewest = 16;  // rows, to be shared among threads

using Axes = std::vector<int64_t>;

size_t nth(int64_t i) {
  return static_cast<size_t>(i);
}

Axes inverse(const Axes& order) {
  Axes result(order.size());
  for (size_t i = 0; i < order.size(); ++i) result[nth(order[i])] = static_cast<int64_t>(i);
  return result;
}

Axes mapped(const Axes& axes, const Axes& to) {
  Axes result;
  for (const int64_t axis : axes) result.push_back(to[nth(axis)]);
  return result;
}

class Reordering {
 public:
  explicit Reordering(const Graph& graph) : g_(graph), rewriter_(graph, Builder::Interning::on) {}

  Graph run() {
    connect();
    choose();
    for (const NodeId id : node_ids(g_))
      if (g_.nodes[id].op != Op::input) build(id);
    return rewriter_.finish();
  }

 private:
  // ---- which values go together

  void connect() {
    for (uint32_t i = 0; i < g_.nodes.size(); ++i) {
      const Node& node = g_.nodes[NodeId{i}];
      same_.push_back(i);
      const bool is_number =
          node.op == Op::constant && std::get<ConstantAttrs>(node.attrs).values.size() == 1;
      flexible_.push_back(node.types.size() == 1 && node.types[0].rank() > 1 && node.layouts.empty() &&
                          (op_def(node.op).has(kElementwise) || node.op == Op::broadcast || is_number));
    }
    for (const Output& output : g_.outputs) flexible_[output.value.node] = false;
    for (const ParameterGradient& gradient : g_.gradients) flexible_[gradient.value.node] = false;
    for (const NodeId id : node_ids(g_)) {
      const Node& node = g_.nodes[id];
      if (!flexible_[id] || node.op == Op::broadcast) continue;
      // Numbers are made anew wherever they are needed. Several results of one node need not have one shape.
      for (const Value operand : node.operands)
        if (g_.node(operand).op != Op::constant && is_alone(operand))
          same_[NodeId{find(operand.node)}] = find(id);
    }
  }

  uint32_t find(NodeId id) {
    uint32_t a = id.index;
    while (same_[NodeId{a}] != a) a = same_[NodeId{a}] = same_[NodeId{same_[NodeId{a}]}];
    return a;
  }

  bool is_alone(Value value) const { return g_.node(value).types.size() == 1; }

  static const Axes* reduced(const Node& node) {
    const auto* attrs = std::get_if<ReduceAttrs>(&node.attrs);
    return attrs && std::holds_alternative<ReduceRule>(op_def(node.op).lower) ? &attrs->axes : nullptr;
  }

  // The axes that a sum keeps; none if it is no sum.
  Axes kept_by(NodeId id) const {
    const Node& node = g_.nodes[id];
    const Axes* over = reduced(node);
    Axes kept;
    if (!over || node.types.size() != 1 || !is_alone(node.operands[0])) return kept;
    for (int64_t axis = 0; axis < g_.type(node.operands[0]).rank(); ++axis)
      if (std::ranges::count(*over, axis) == 0) kept.push_back(axis);
    return kept;
  }

  // Whether there are others before them, and rows enough.
  bool is_worth_it(const Axes& kept, const Shape& shape) const {
    int64_t rows = 1;
    for (const int64_t axis : kept) rows *= shape[nth(axis)];
    return !kept.empty() && kept.back() != static_cast<int64_t>(kept.size()) - 1 && rows >= kFewest;
  }

  // Whether a value per row is computed from others of its size and a sum over what goes together.
  bool comes_of_sums(Value value, uint32_t of) {
    std::vector<NodeId> open{value.node};
    std::set<NodeId> seen;
    while (!open.empty()) {
      const NodeId id = open.back();
      open.pop_back();
      const Node& node = g_.nodes[id];
      if (!seen.insert(id).second || node.types[0].elements() != g_.type(value).elements()) continue;
      if (reduced(node) && find(node.operands[0].node) == of) return true;
      for (const Value operand : node.operands) open.push_back(operand.node);
    }
    return false;
  }

  // An order for all values that go together, where what most of their sums keep is also what something made of such sums is repeated along.
  void choose() {
    std::map<uint32_t, std::map<Axes, int64_t>> wanted;  // elements summed
    std::map<uint32_t, std::vector<Axes>> repeated;
    for (const NodeId id : node_ids(g_)) {
      if (const Axes kept = kept_by(id); !kept.empty()) {
        const Value from = g_.nodes[id].operands[0];
        wanted[find(from.node)][kept] += g_.type(from).elements();
      }
      if (!flexible_[id]) continue;
      for (const Value operand : g_.nodes[id].operands)
        if (const Node& node = g_.node(operand);
            node.op == Op::broadcast && comes_of_sums(node.operands[0], find(id)))
          repeated[find(id)].push_back(std::get<BroadcastAttrs>(node.attrs).axes);
    }
    for (const auto& [of, kept] : wanted) {
      const auto most = std::ranges::max_element(kept, {}, [](const auto& entry) { return entry.second; });
      const Shape& shape = g_.nodes[NodeId{of}].types[0].shape;
      if (!is_worth_it(most->first, shape) || std::ranges::count(repeated[of], most->first) == 0) continue;
      Axes order = most->first;
      for (int64_t axis = 0; axis < static_cast<int64_t>(shape.size()); ++axis)
        if (std::ranges::count(most->first, axis) == 0) order.push_back(axis);
      order_[of] = std::move(order);
    }
  }

  const Axes* order_of(Value value) {
    if (!is_alone(value)) return nullptr;
    const auto found = order_.find(find(value.node));
    return found == order_.end() ? nullptr : &found->second;
  }

  // ---- the new graph

  // The value with its axes in that order; as they were without one.
  Value read(Value value, const Axes* order) {
    const Value now = rewriter_[value];
    const Axes* own = flexible_[value.node] ? order_of(value) : nullptr;
    if (own == order || (own && order && *own == *order)) return now;
    Builder& b = rewriter_.builder();
    if (const Node& node = g_.node(value); node.op == Op::constant && order && flexible_[value.node]) {
      TensorType type = node.types[0];
      for (size_t d = 0; d < order->size(); ++d) type.shape[d] = node.types[0].shape[nth((*order)[d])];
      return b.constant(type, std::get<ConstantAttrs>(node.attrs).values);
    }
    const Value before = own ? b.permute(now, inverse(*own)) : now;
    return order ? b.permute(before, *order) : before;
  }

  void build(NodeId id) {
    const Node& node = g_.nodes[id];
    Builder& b = rewriter_.builder();
    b.set_spans(node.spans);
    const Axes* order = flexible_[id] ? order_of({id, 0}) : nullptr;
    Value made;
    if (order && node.op == Op::broadcast)
      made = broadcast(node, *order);
    else if (order)
      made = b.make(node.op, operands_in(node, order), node.attrs);
    else if (const Axes* over = reduced(node); over && node.types.size() == 1 && keeps_order(node, *over))
      made = reduce(node, *over);
    else
      return rewriter_.set(id, b.copy(node, operands_in(node, nullptr)));
    rewriter_.set(id, std::span(&made, 1));
  }

  std::vector<Value> operands_in(const Node& node, const Axes* order) {
    std::vector<Value> operands;
    for (const Value operand : node.operands) operands.push_back(read(operand, order));
    return operands;
  }

  // A broadcast's axes ascend: those of its operand may have to change places.
  Value broadcast(const Node& node, const Axes& order) {
    const auto& attrs = std::get<BroadcastAttrs>(node.attrs);
    const Axes axes = mapped(attrs.axes, inverse(order));
    Axes sorted(axes.size());
    std::iota(sorted.begin(), sorted.end(), 0);
    std::ranges::sort(sorted, {}, [&](int64_t i) { return axes[nth(i)]; });
    Shape shape;
    for (const int64_t axis : order) shape.push_back(attrs.shape[nth(axis)]);
    Builder& b = rewriter_.builder();
    return b.make(Op::broadcast, {b.permute(read(node.operands[0], nullptr), sorted)},
                  BroadcastAttrs{std::move(shape), mapped(sorted, axes)});
  }

  // Whether the axes that are left of what goes together come in the same order as before.
  bool keeps_order(const Node& node, const Axes& over) {
    const Axes* order = order_of(node.operands[0]);
    if (!order) return false;
    Axes kept;
    for (const int64_t axis : *order)
      if (std::ranges::count(over, axis) == 0) kept.push_back(axis);
    return std::ranges::is_sorted(kept);
  }

  Value reduce(const Node& node, const Axes& over) {
    const Axes* order = order_of(node.operands[0]);
    Axes axes = mapped(over, inverse(*order));
    std::ranges::sort(axes);
    return rewriter_.builder().make(node.op, {read(node.operands[0], order)}, ReduceAttrs{std::move(axes)});
  }

  const Graph& g_;
  Rewriter rewriter_;
  IdVector<NodeId, uint32_t> same_;  // a node that it goes together with, and so on
  IdVector<NodeId, char> flexible_;  // computed place by place, in any order of its axes
  std::map<uint32_t, Axes> order_;   // by the node that stands for those that go together
};

}  // namespace

Graph kept_axes_first(const Graph& graph) {
  return Reordering(graph).run();
}

}  // namespace nnc::passes
