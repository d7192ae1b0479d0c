// Grouping: decides which nodes are computed in one kernel (Node::group). Ops stay as they are; lowering
// inlines within a group. A group is either
//  - a contraction with the elementwise work on its output, with its axes in any order, which becomes its epilogue (bias,
//    activation, mask, the optimizer's update), or
//  - a scatter or a loop alone: its results are there when all of its terms or steps are;
//  - rows: reductions and elementwise work that all leave the same leading axes (the domain) alone, so that
//    one task can compute a row of everything without another task's results.
// Broadcasts, slices and other views, and values that depend on inputs and constants only, belong to no
// group unless they have to lie in memory: each reader computes them again. What a group computes is limited, by
// the verifier of kernels and because the machine code of a block of code takes more than linear time: a long chain
// becomes several groups.
//   %0 = matmul x, w {transpose_b} : f32[128, 10]          in 0
//   %1 = broadcast b {shape=[128, 10], axes=[1]} : f32[128, 10]
//   %2 = add %0, %1 : f32[128, 10]                         in 0
#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "ir/kernel/element_expr.h"
#include "passes/grouping.h"
#include "passes/pass.h"
#include "passes/rewrite.h"
#include "support/check.h"
#include "support/reaches.h"

namespace nnc::passes {
namespace {

using kernel::AxisId;
using kernel::Index;

// Up to this many elements a group runs as a single task, so that a reduction over its rows can join it.
constexpr int64_t kSingleTask = 4096;

struct Group {
  bool contraction = false;
  bool alone = false;         // nothing can be computed along with it
  Shape domain;               // the axes tasks may be cut along: the leading ones of every node
  int64_t work = 0;           // elements that its nodes go through
  std::set<uint32_t> before;  // groups it reads from
  size_t code = 0;            // of its nodes and what they inline
  std::set<AxisPlace>
      axes;  // what its statements run over: each at most as one axis of results and one of sums
};

bool is_prefix(const Shape& prefix, const Shape& shape) {
  return prefix.size() <= shape.size() && std::equal(prefix.begin(), prefix.end(), shape.begin());
}

class Grouping {
 public:
  // What has to lie in memory is found before the first group is formed, so that every node gets its group, or none, in its
  // turn: then `before` holds every group that is read, and no cycle of groups can form.
  explicit Grouping(Graph graph) : g_(std::move(graph)), in_memory_(needed_in_memory(g_)) {
    for (Node& node : g_.nodes) node.group = kNoGroup;
  }

  Graph run() {
    for (NodeId id : node_ids(g_)) place(id);
    return std::move(g_);
  }

 private:
  std::vector<Read> reads(NodeId id) const { return reads_of(g_, id); }

  // Whether `from` needs `target`, directly or through others.
  bool depends(uint32_t from, uint32_t target) const {
    return reaches(
        from, target, [&](uint32_t at) -> const auto& { return groups_[at].before; });
  }

  void add(NodeId id, uint32_t group) {
    for (const Read& read : reads(id))
      if (const uint32_t from = g_.node(read.value).group; from != kNoGroup && from != group)
        groups_[group].before.insert(from);
    if (groups_[group].contraction) {
      std::vector<size_t>& axes = axes_[id];
      axes = axes_in_contraction(id, reads(id), group);
      if (axes.empty())  // the contraction itself
        for (int64_t axis = 0; axis < g_.nodes[id].types[0].rank(); ++axis)
          axes.push_back(static_cast<size_t>(axis));
    }
    if (std::holds_alternative<ReduceRule>(op_def(g_.nodes[id].op).lower))
      for (const Read& read : reads(id))
        if (g_.type(read.value).elements() >= kWorthJoining) sums_of_[read.value].insert(group);
    g_.nodes[id].group = group;
    groups_[group].work += work_of(g_, id);
    groups_[group].code += code_of(g_.nodes[id]) + inlined_code(g_, id, kMostCode);
    for (const AxisPlace& axis : axes_of(g_, id)) groups_[group].axes.insert(axis);
  }

  // Whether the group stays as short as kernels have to be.
  bool has_room_for_code(NodeId id, uint32_t group) const {
    const Group& g = groups_[group];
    if (g.code + code_of(g_.nodes[id]) + inlined_code(g_, id, kMostCode) > kMostCode) return false;
    size_t axes = g.axes.size();
    for (const AxisPlace& axis : axes_of(g_, id)) axes += g.axes.count(axis) ? 0 : 1;
    return 2 * axes <= kernel::kMostAxes;
  }

  void start(NodeId id, bool contraction) {
    const bool alone = is_alone(op_def(g_.nodes[id].op).lower);
    groups_.push_back({contraction, alone, g_.nodes[id].types[0].shape, 0, {}, 0, {}});
    add(id, static_cast<uint32_t>(groups_.size() - 1));
  }

  // Whether node `id` can be computed in `group` when its tasks are cut along `domain`: rows of what it reads
  // there are its own rows, and nothing else it reads needs the group.
  bool fits(NodeId id, const std::vector<Read>& what, uint32_t group, const Shape& domain) const {
    const Shape& shape = g_.nodes[id].types[0].shape;
    if (groups_[group].alone || !has_room_for_code(id, group)) return false;
    if (groups_[group].contraction) return !axes_in_contraction(id, what, group).empty();
    if (!is_prefix(domain, shape)) return false;
    for (const Read& read : what) {
      const uint32_t from = g_.node(read.value).group;
      if (from == kNoGroup) continue;
      if (from != group) {
        if (depends(from, group)) return false;
        continue;
      }
      if (!is_own_row(read, domain.size())) return false;
    }
    return true;
  }

  bool is_whole(const Shape& shape, const std::vector<size_t>& axes, uint32_t group) const {
    if (shape.size() != axes.size()) return false;
    for (size_t d = 0; d < shape.size(); ++d)
      if (shape[d] != groups_[group].domain[axes[d]]) return false;
    return true;
  }

  // Which axes of the group's contraction the node's are, if it is computed place by place from it: none if it is not, or needs the
  // group otherwise.
  std::vector<size_t> axes_in_contraction(NodeId id, const std::vector<Read>& what, uint32_t group) const {
    std::vector<size_t> axes;
    for (const Read& read : what) {
      const uint32_t from = g_.node(read.value).group;
      if (from == kNoGroup) continue;
      if (from != group) {
        if (depends(from, group)) return {};
        continue;
      }
      const auto here = axes_through(read, axes_.at(read.value.node));
      if (!here || (!axes.empty() && axes != *here) || !is_whole(g_.nodes[id].types[0].shape, *here, group))
        return {};
      axes = *here;
    }
    return axes;
  }

  // The groups a node reads from: those with the largest domain first (they leave the threads the most freedom), then
  // the latest.
  std::vector<uint32_t> candidates(const std::vector<Read>& what) const {
    std::set<uint32_t> groups;
    for (const Read& read : what)
      if (g_.node(read.value).group != kNoGroup) groups.insert(g_.node(read.value).group);
    std::vector<uint32_t> order(groups.rbegin(), groups.rend());
    std::stable_sort(order.begin(), order.end(), [this](uint32_t a, uint32_t b) {
      return element_count(groups_[a].domain) > element_count(groups_[b].domain);
    });
    return order;
  }

  // A group without a domain is one task: it takes no more than that task is worth.
  bool has_room(uint32_t group, int64_t elements) const {
    return !groups_[group].domain.empty() || groups_[group].work + elements <= kSingleTask;
  }

  void place(NodeId id) {
    const Node& node = g_.nodes[id];
    if (is_given(node)) return;
    const auto& lower = op_def(node.op).lower;
    NNC_CHECK(!std::holds_alternative<ExpandRule>(lower) && !std::holds_alternative<RewrittenRule>(lower),
              std::string(op_def(node.op).name) + " must be rewritten before kernels are formed");
    if (std::holds_alternative<ContractRule>(lower)) return start(id, true);
    if (node.op == Op::relayout || is_alone(lower)) return start(id, false);
    if (is_free(node) && !in_memory_[id.index] && is_short_enough_to_inline(g_, id)) return;
    const std::vector<Read> what = reads(id);
    const std::vector<uint32_t> from = candidates(what);
    if (std::holds_alternative<ReduceRule>(lower)) return place_reduction(id, what, from);
    if (from.empty()) {
      // A scalar worth computing once (1 - beta^t) gets a place; everything else is computed where it is read.
      if (node.types[0].rank() == 0 && op_def(node.op).has(kExpensive)) return place_scalar(id, what);
      if (!in_memory_[id.index] && is_short_enough_to_inline(g_, id)) return;
    }
    for (uint32_t group : from)
      if (has_room(group, work_of(g_, id)) && fits(id, what, group, groups_[group].domain))
        return add(id, group);
    start(id, false);
  }

  void place_scalar(NodeId id, const std::vector<Read>& what) {
    for (uint32_t group = 0; group < groups_.size(); ++group)
      if (!groups_[group].contraction && groups_[group].domain.empty() && groups_[group].before.empty() &&
          fits(id, what, group, {}))
        return add(id, group);
    start(id, false);
  }

  void place_reduction(NodeId id, const std::vector<Read>& what, const std::vector<uint32_t>& from) {
    for (uint32_t group : from) {
      if (groups_[group].contraction) continue;
      Shape domain = groups_[group].domain;
      for (;; domain.pop_back()) {
        if (domain.empty() && groups_[group].work + work_of(g_, id) > kSingleTask) break;
        if (fits(id, what, group, domain)) {
          groups_[group].domain = domain;
          return add(id, group);
        }
        if (domain.empty()) break;
      }
    }
    if (const auto group = with_the_same_rows(id, what)) return add(id, *group);
    start(id, false);
  }

  // A group of sums over the same rows of what the node reads, which it reads once then.
  std::optional<uint32_t> with_the_same_rows(NodeId id, const std::vector<Read>& what) const {
    for (const Read& read : what) {
      const auto readers = sums_of_.find(read.value);
      if (readers == sums_of_.end()) continue;
      for (const uint32_t group : readers->second)
        if (!groups_[group].domain.empty() && fits(id, what, group, groups_[group].domain)) return group;
    }
    return std::nullopt;
  }

  Graph g_;
  std::vector<Group> groups_;
  std::map<NodeId, std::vector<size_t>>
      axes_;  // of what contractions' groups compute: which of the contraction's they are
  std::map<Value, std::set<uint32_t>> sums_of_;  // groups with sums of large values
  std::vector<char> in_memory_;                  // by node: it has to lie in memory
};

// Every output gets a node of its own that a kernel can write: inputs, constants and views are copied.
Graph with_own_outputs(const Graph& graph) {
  Graph out = graph;
  std::set<Value> taken;
  for (Output& output : out.outputs) {
    const Node& node = out.node(output.value);
    if (is_given(node) || is_free(node) || !taken.insert(output.value).second) {
      const Layout layout = out.layout(output.value);
      Builder builder(out);
      builder.set_spans(node.spans);
      output.value = builder.make(Op::relayout, {output.value});
      if (!layout.is_default()) out.nodes[output.value.node].layouts = {layout};
    }
  }
  return out;
}

}  // namespace

Graph group_kernels(const Graph& graph) {
  return Grouping(with_own_outputs(graph)).run();
}

}  // namespace nnc::passes
