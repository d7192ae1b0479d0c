// Physical layouts. A contraction's vectors run along one axis of its output, and the operand that has this
// axis must hold it innermost; the other operand is read one number at a time, in any layout. So:
//  - a product with a parameter runs its vectors along the other operand's free axis (the batch): activations
//    lie batch-innermost ([c][h][w][n] for a convolution), and weights are not packed; where the batch is small, along the
//    filters (passes/product_lanes.h): activations lie channel-innermost ([n][h][w][c]);
//  - any other product (a weight gradient) runs them along the last axis of its output that one operand has, as the
//    parameter lies;
//  - a narrow output of a long sum whose operands both have the sum innermost runs them along the sum.
// A loop's vectors run along the rows that do not meet in it, which lie innermost in what is stacked; of fewer rows than lanes, along
// what follows them, and weights lie as its products read them.
// Where an operand lies otherwise, a `relayout` node is put before it; equal ones are one node. What else is computed lies
// as its operand does, axis by axis, where they share axes; what is put together from several, and a param
// that no other program reads, as it is read. Rows of tensors of rank two and more are padded
// so that they start on a cache line and do not fall onto the same cache sets.
//   %2 = matmul x, w {transpose_b} : f32[128, 512]
//   →  %1 = relayout x : f32[128, 784] layout [1, 0] pitch 144
//      %2 = matmul %1, w {transpose_b} : f32[128, 512] layout [1, 0] pitch 144
#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "ir/kernel/element_expr.h"
#include "ir/kernel/kernel.h"
#include "ir/kernel/loop_domain.h"
#include "ir/kernel/packing.h"
#include "ir/layout.h"
#include "ir/order.h"
#include "passes/grouping.h"
#include "passes/pass.h"
#include "passes/product_lanes.h"
#include "passes/rewrite.h"
#include "passes/simplify.h"

namespace nnc::passes {
namespace {

using kernel::AxisId;
using kernel::Index;

// The layout with `axis` innermost and the others in the order that they have in `before`.
Layout with_innermost(const Shape& shape, int64_t axis, const Layout& before = {}) {
  std::vector<int64_t> order = before.order;
  if (order.empty())
    for (int64_t i = 0; i < static_cast<int64_t>(shape.size()); ++i) order.push_back(i);
  std::erase(order, axis);
  order.push_back(axis);
  return padded_layout(shape, order, true);
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
      else if (std::holds_alternative<LoopRule>(op_def(node.op).lower))
        loop(id, node);
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

  // The dimension of a contraction's operand that vectors can go along.
  int64_t lanes_of(Value value) {
    const Graph& g = rewriter_.result();
    return lanes_through_reshape(g, value).value_or(innermost(g.type(value), g.layout(value)));
  }

  bool may_lie_anyhow(Value value) {
    const Node& node = rewriter_.result().node(value);
    const auto* input = std::get_if<InputAttrs>(&node.attrs);
    return op_def(node.op).has(kJoins) || (input != nullptr && input->free);
  }

  // The value, or a copy of it where vectors cannot go along that dimension. What is only put together, and a free param,
  // lies as the first that reads it in vectors wants it.
  Value lying(Value value, int64_t inner) {
    const bool is_free_to_lie = may_lie_anyhow(value) && read_in_vectors_.insert(value).second;
    if (lanes_of(value) == inner) return value;
    if (is_free_to_lie) {
      set_layout(value, with_innermost(node_shape(value), inner, rewriter_.result().layout(value)));
      return value;
    }
    return moved(value, with_innermost(node_shape(value), inner, rewriter_.result().layout(value)));
  }

  Value moved(Value value, Layout layout) {
    const auto [at, is_new] = moved_.try_emplace({value, layout.order});
    if (is_new) {
      at->second = rewriter_.builder().make(Op::relayout, {value});
      set_layout(at->second, std::move(layout));
    }
    return at->second;
  }

  void contraction(NodeId id, const Node& node) {
    std::vector<TensorType> types;
    for (Value v : node.operands) types.push_back(graph_.type(v));
    // All parts read along the same axes.
    const std::vector<ContractSpec> specs = std::get<ContractRule>(op_def(node.op).lower).specs(node, types);
    const ContractSpec& spec = specs[0];
    std::vector<Value> operands = rewriter_.operands(id);
    const std::vector<Index>* maps[2] = {&spec.a, &spec.b};
    const auto rank = static_cast<uint32_t>(spec.output.size());
    const int64_t lanes = product_lanes(rewriter_.result(), specs, operands).axis;

    const AxisId sum_axis{rank + static_cast<uint32_t>(spec.over.size()) - 1};
    bool along_sum = spec.order == Order::lanes16;
    for (int i = 0; i < 2 && along_sum; ++i) {
      const Graph& g = rewriter_.result();
      along_sum = dimension_of(*maps[i], sum_axis) == innermost(g.type(operands[static_cast<size_t>(i)]),
                                                                g.layout(operands[static_cast<size_t>(i)]));
    }
    // A sum along several axes has its vectors along the last, or none.
    if (spec.order == Order::lanes16 && spec.over.size() > 1)
      for (size_t i = 0; i < 2; ++i)
        if (const int64_t d = dimension_of(*maps[i], sum_axis); d >= 0) {
          operands[i] = lying(operands[i], d);
          along_sum = true;
        }
    if (!along_sum)
      for (size_t i = 0; i < 2; ++i)
        if (const int64_t d = dimension_of(*maps[i], AxisId{static_cast<uint32_t>(lanes)}); d >= 0)
          if (specs.size() > 1 || !is_packed(spec, *maps[i], *maps[1 - i], operands[i], d))
            operands[i] = lying(operands[i], d);

    rewriter_.set(id, rewriter_.builder().copy(node, operands));
    set_layout(rewriter_[Value{id, 0}], with_innermost(node.types[0].shape, lanes));
  }

  // Whether the product's kernel copies the operand, part by part of the sum, as its vectors need it (ir/kernel/packing.h), which
  // moves less memory than a copy of all of it.
  bool is_packed(const ContractSpec& spec, const std::vector<Index>& map, const std::vector<Index>& other,
                 Value value, int64_t lanes) {
    constexpr int64_t kWorthPacking = 1 << 20;  // bytes: what stays in the caches is as well copied once
    const Graph& g = rewriter_.result();
    const Node& node = g.node(value);
    const int64_t row = g.type(value).shape[static_cast<size_t>(lanes)];
    const int64_t results = element_count(spec.output) / row * ((row + kLanes - 1) / kLanes * kLanes);
    if (spec.order != Order::serial || g.type(value).dtype != DType::f32 ||
        g.type(value).bytes() < kWorthPacking || results > kernel::kMostSumsWaiting ||
        lanes_of(value) == lanes || (is_free(node) && !op_def(node.op).has(kView)))
      return false;
    size_t first = 0;  // of the sum's axes with more than one value
    while (first < spec.over.size() && spec.over[first] == 1) ++first;
    const AxisId along{static_cast<uint32_t>(spec.output.size() + first)};
    const auto moves = [&](const Index& index) {
      return std::ranges::find(index.terms, along, &kernel::Term::axis) != index.terms.end();
    };
    bool has_rows = false;  // a tile's, of the other operand
    for (uint32_t axis = 0; axis < spec.output.size(); ++axis)
      has_rows = has_rows || (spec.output[axis] > 1 && dimension_of(other, AxisId{axis}) >= 0 &&
                              dimension_of(map, AxisId{axis}) < 0);
    return has_rows && std::ranges::count_if(map, moves) == 1;
  }

  // What is stacked lies step by step, with the rows that the loop's vectors run along innermost.
  void loop(NodeId id, const Node& node) {
    const auto& scan = std::get<ScanAttrs>(node.attrs);
    const LoopDomain domain = loop_domain(scan);
    const auto states = static_cast<size_t>(scan.states);
    const auto lanes = static_cast<int64_t>(domain.axes.size()) - 1;
    std::vector<Value> operands = rewriter_.operands(id);
    const bool along_rows = has_lanes_along(domain);
    for (size_t i = states; i < states + static_cast<size_t>(scan.steps); ++i) {
      const Shape shape = node_shape(operands[i]);
      const int64_t inner = along_rows ? lanes + 1 : static_cast<int64_t>(shape.size()) - 1;
      if (is_row(shape, domain.axes) && lanes_of(operands[i]) != inner)
        operands[i] = moved(operands[i], with_innermost(shape, inner));
    }
    if (!along_rows) {
      move_weights(scan, domain, operands);
      rewriter_.set(id, rewriter_.builder().copy(node, operands));
      return lay_results(id, node);
    }
    rewriter_.set(id, rewriter_.builder().copy(node, operands));
    for (uint32_t r = 0; r < node.types.size(); ++r) {
      const Shape& shape = node.types[r].shape;
      const int64_t axis = r < states ? lanes : lanes + 1;
      if (axis < static_cast<int64_t>(shape.size()))
        set_layout(rewriter_[Value{id, r}], with_innermost(shape, axis));
    }
  }

  // The vectors of a loop over few rows run along what follows these. What a step's product reads of outside, a weight, is moved
  // for them, once for all steps.
  void move_weights(const ScanAttrs& scan, const LoopDomain& domain, std::vector<Value>& operands) {
    const Graph& body = *scan.body;
    std::set<NodeId> seen;
    for (const NodeId id : node_ids(body)) {
      const Node& node = body.nodes[id];
      const auto* rule = std::get_if<ContractRule>(&op_def(node.op).lower);
      if (rule == nullptr || !domain.by_row[id.index]) continue;
      const std::vector<TensorType> types = {body.type(node.operands[0]), body.type(node.operands[1])};
      const ContractSpec spec = rule->specs(node, types)[0];
      const std::vector<Index>* maps[2] = {&spec.a, &spec.b};
      for (size_t i = 0; i < 2; ++i) {
        const NodeId read = node.operands[i].node;
        const auto number = static_cast<size_t>(std::ranges::find(body.inputs, read) - body.inputs.begin());
        if (number < static_cast<size_t>(scan.states + scan.steps) || number >= body.inputs.size() ||
            !seen.insert(read).second)
          continue;
        const auto rank = static_cast<uint32_t>(spec.output.size());
        int64_t inner = -1;
        if (spec.order == Order::lanes16 && spec.over.size() == 1)
          inner = dimension_of(*maps[i], AxisId{rank});
        else
          for (uint32_t axis = 0; axis < rank; ++axis)
            if (const int64_t d = dimension_of(*maps[i], AxisId{axis});
                d >= 0 && dimension_of(*maps[1 - i], AxisId{axis}) < 0)
              inner = d;
        if (inner >= 0) operands[number] = lying(operands[number], inner);
      }
    }
  }

  const Shape& node_shape(Value value) { return rewriter_.result().type(value).shape; }

  // Whether a slice of what has this shape has the domain's axes first.
  static bool is_row(const Shape& stacked, const Shape& domain) {
    return stacked.size() > domain.size() && std::equal(domain.begin(), domain.end(), stacked.begin() + 1);
  }

  // What is added to rows lies in rows.
  std::vector<Value> operands_of_scatter(NodeId id, const Node& node, const ScatterRule& rule) {
    std::vector<TensorType> types;
    for (Value v : node.operands) types.push_back(graph_.type(v));
    const ScatterSpec spec = rule.spec(node, types);
    std::vector<Value> operands = rewriter_.operands(id);
    const auto last = static_cast<uint32_t>(node.types[0].rank()) - 1;
    if (const int64_t d = dimension_of(spec.value, AxisId{last}); d >= 0 && last != spec.axis)
      operands[0] = lying(operands[0], d);
    return operands;
  }

  void other(NodeId id, const Node& node) {
    if (const auto* rule = std::get_if<ScatterRule>(&op_def(node.op).lower))
      rewriter_.set(id, rewriter_.builder().copy(node, operands_of_scatter(id, node, *rule)));
    else
      rewriter_.copy(id);
    lay_results(id, node);
  }

  // As the operands lie.
  void lay_results(NodeId id, const Node& node) {
    const Graph& g = rewriter_.result();
    for (uint32_t r = 0; r < node.types.size(); ++r) {
      const Value value = rewriter_[Value{id, r}];
      if (!g.layout(value).is_default() || node.op == Op::constant) continue;
      set_layout(value, padded_layout(node.types[r].shape, order_of_operands(value.node), true));
    }
  }

  // The order of the result's axes as they lie in the first operand that lies otherwise than written and has the most of
  // them; axes that it lacks are the outer ones. What only looks at all of its operand in another order lies as that does.
  // Empty: as written.
  std::vector<int64_t> order_of_operands(NodeId id) {
    const Graph& g = rewriter_.result();
    const Node& node = g.nodes[id];
    const bool lies_otherwise =
        node.op == Op::permute ||
        std::ranges::any_of(node.operands, [&](Value operand) { return !g.layout(operand).order.empty(); });
    if (!lies_otherwise || node.types[0].rank() < 2) return {};
    std::vector<int64_t> best;
    if (node.op == Op::reshape) best = through_reshape(node);
    for (const Read& read : operand_reads_of(g, id)) {
      std::vector<int64_t> order, lie = g.layout(read.value).order;
      if (node.op == Op::permute && lie.empty()) {
        lie.resize(g.type(read.value).shape.size());
        std::iota(lie.begin(), lie.end(), 0);
      }
      for (const int64_t d : lie) {
        std::vector<kernel::Term> terms = read.index[static_cast<size_t>(d)].terms;
        std::ranges::sort(terms, std::greater<>(), &kernel::Term::coefficient);
        for (const kernel::Term& term : terms)
          if (term.axis.index < node.types[0].rank() &&
              std::ranges::find(order, static_cast<int64_t>(term.axis.index)) == order.end())
            order.push_back(term.axis.index);
      }
      if (order.size() > best.size()) best = std::move(order);
    }
    std::vector<int64_t> all;
    for (int64_t axis = 0; !best.empty() && axis < node.types[0].rank(); ++axis)
      if (std::ranges::find(best, axis) == best.end()) all.push_back(axis);
    all.insert(all.end(), best.begin(), best.end());
    return all;
  }

  // The order of a reshape's axes where each run of them (passes/simplify.h) lies in the place of the run that it was.
  std::vector<int64_t> through_reshape(const Node& node) {
    const std::vector<Run> runs = runs_of(node_shape(node.operands[0]), node.types[0].shape);
    std::vector<int64_t> order;
    for (const int64_t d : rewriter_.result().layout(node.operands[0]).order)
      for (const Run& run : runs)
        if (static_cast<size_t>(d) >= run.from && static_cast<size_t>(d) < run.from_end)
          for (size_t axis = run.to; axis < run.to_end; ++axis)
            if (std::ranges::find(order, static_cast<int64_t>(axis)) == order.end())
              order.push_back(static_cast<int64_t>(axis));
    return order;
  }

  Rewriter rewriter_;
  const Graph& graph_;
  std::map<std::pair<Value, std::vector<int64_t>>, Value> moved_;  // value, order → its copy
  std::set<Value> read_in_vectors_;                                // of those that may lie anyhow
};

}  // namespace

Graph assign_layout(const Graph& graph) {
  return LayoutAssignment(graph).run();
}

}  // namespace nnc::passes
