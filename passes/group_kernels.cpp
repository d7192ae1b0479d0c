// Grouping: decides which nodes are computed in one kernel (Node::group). Ops stay as they are; lowering
// inlines within a group. A group is either
//  - a contraction with the elementwise work on its output, which becomes its epilogue (bias, activation,
//    mask, the optimizer's update), or
//  - rows: reductions and elementwise work that all leave the same leading axes (the domain) alone, so that
//    one task can compute a row of everything without another task's results.
// Broadcasts, slices and other views, and values that depend on inputs and constants only, belong to no
// group unless they have to lie in memory: each reader computes them again. The same holds for cheap values that
// only other groups read (a mask h > 0), if they read one stored value.
//   %0 = matmul x, w {transpose_b} : f32[128, 10]          in 0
//   %1 = broadcast b {shape=[128, 10], axes=[1]} : f32[128, 10]
//   %2 = add %0, %1 : f32[128, 10]                         in 0
#include <algorithm>
#include <set>

#include "ir/element_expr.h"
#include "passes/pass.h"
#include "passes/rewrite.h"
#include "support/check.h"

namespace nnc::passes {
namespace {

using kernel::AxisId;
using kernel::Index;

// Up to this many elements a group runs as a single task, so that a reduction over its rows can join it.
constexpr int64_t kSingleTask = 4096;

struct Group {
  bool contraction = false;
  Shape domain;               // the axes tasks may be cut along: the leading ones of every node
  int64_t work = 0;           // elements of all its nodes
  std::set<uint32_t> before;  // groups it reads from
};

bool is_prefix(const Shape& prefix, const Shape& shape) {
  return prefix.size() <= shape.size() && std::equal(prefix.begin(), prefix.end(), shape.begin());
}

// Costs nothing to compute again, which each reader does: it moves elements, or makes them from their index or a list.
bool is_free(const Node& node) {
  const OpDef& def = op_def(node.op);
  return std::holds_alternative<ElementRule>(def.lower) && !def.has(kElementwise) && !def.has(kRandom) &&
         node.operands.size() <= 1 && node.op != Op::relayout;
}

class Grouping {
 public:
  explicit Grouping(Graph graph) : g_(std::move(graph)) {
    for (Node& node : g_.nodes) node.group = kNoGroup;
  }

  Graph run() {
    find_needed_in_memory();
    for (NodeId id : node_ids(g_)) place(id);
    recompute_cheap();
    return std::move(g_);
  }

 private:
  std::vector<Read> reads(NodeId id) const { return reads_of(g_, id); }

  // What leaves the graph, and what a contraction reads. Found before the first group is formed, so that every node gets
  // its group, or none, in its turn: then `before` holds every group that is read, and no cycle of groups can form.
  void find_needed_in_memory() {
    in_memory_.assign(g_.nodes.size(), 0);
    for (const Output& output : g_.outputs) in_memory_[output.value.node.index] = 1;
    for (const Node& node : g_.nodes)
      if (std::holds_alternative<ContractRule>(op_def(node.op).lower))
        for (Value operand : node.operands) in_memory_[stored_behind(operand).node.index] = 1;
  }

  // What a contraction needs in memory to read this operand: it reads with plain subscripts, which these ops leave plain.
  Value stored_behind(Value operand) const {
    for (;;) {
      const Node& node = g_.node(operand);
      if (node.op != Op::permute && node.op != Op::slice && node.op != Op::detach && node.op != Op::broadcast)
        return operand;
      operand = node.operands[0];
    }
  }

  // Whether `from` needs `target`, directly or through others.
  bool depends(uint32_t from, uint32_t target) const {
    std::vector<uint32_t> pending{from};
    std::set<uint32_t> seen;
    while (!pending.empty()) {
      const uint32_t at = pending.back();
      pending.pop_back();
      if (at == target) return true;
      if (!seen.insert(at).second) continue;
      pending.insert(pending.end(), groups_[at].before.begin(), groups_[at].before.end());
    }
    return false;
  }

  void add(NodeId id, uint32_t group) {
    for (const Read& read : reads(id))
      if (const uint32_t from = g_.node(read.value).group; from != kNoGroup && from != group)
        groups_[group].before.insert(from);
    g_.nodes[id].group = group;
    for (const TensorType& type : g_.nodes[id].types) groups_[group].work += type.elements();
  }

  void start(NodeId id, bool contraction) {
    groups_.push_back({contraction, g_.nodes[id].types[0].shape, 0, {}});
    add(id, static_cast<uint32_t>(groups_.size() - 1));
  }

  // Whether node `id` can be computed in `group` when its tasks are cut along `domain`: rows of what it reads
  // there are its own rows, and nothing else it reads needs the group.
  bool fits(NodeId id, const std::vector<Read>& what, uint32_t group, const Shape& domain) const {
    const Shape& shape = g_.nodes[id].types[0].shape;
    if (!is_prefix(domain, shape)) return false;
    if (groups_[group].contraction && domain != shape) return false;
    for (const Read& read : what) {
      const uint32_t from = g_.node(read.value).group;
      if (from == kNoGroup) continue;
      if (from != group) {
        if (depends(from, group)) return false;
        continue;
      }
      for (size_t d = 0; d < domain.size(); ++d)
        if (d >= read.index.size() || !(read.index[d] == Index::of(AxisId{static_cast<uint32_t>(d)})))
          return false;
    }
    return true;
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
    if (node.op == Op::relayout) return start(id, false);
    if (is_free(node) && !in_memory_[id.index]) return;
    const std::vector<Read> what = reads(id);
    const std::vector<uint32_t> from = candidates(what);
    if (std::holds_alternative<ReduceRule>(lower)) return place_reduction(id, what, from);
    if (from.empty()) {
      // A scalar worth computing once (1 - beta^t) gets a place; everything else is computed where it is read.
      if (node.types[0].rank() == 0 && op_def(node.op).has(kExpensive)) return place_scalar(id, what);
      if (!in_memory_[id.index]) return;
    }
    for (uint32_t group : from)
      if (has_room(group, node.types[0].elements()) && fits(id, what, group, groups_[group].domain))
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
    int64_t terms = 0;
    for (Value operand : g_.nodes[id].operands) terms += g_.type(operand).elements();
    for (uint32_t group : from) {
      if (groups_[group].contraction) continue;
      Shape domain = groups_[group].domain;
      for (;; domain.pop_back()) {
        if (domain.empty() && groups_[group].work + terms > kSingleTask) break;
        if (fits(id, what, group, domain)) {
          groups_[group].domain = domain;
          return add(id, group);
        }
        if (domain.empty()) break;
      }
    }
    start(id, false);
  }

  void recompute_cheap() {
    std::vector<std::vector<NodeId>> users(g_.nodes.size());
    for (NodeId id : node_ids(g_))
      for (Value operand : g_.nodes[id].operands) users[operand.node.index].push_back(id);
    const std::function<bool(NodeId, uint32_t)> read_within = [&](NodeId id, uint32_t group) {
      return std::any_of(users[id.index].begin(), users[id.index].end(), [&](NodeId user) {
        const uint32_t in = g_.nodes[user].group;
        return in == group || (in == kNoGroup && read_within(user, group));
      });
    };
    for (uint32_t i = static_cast<uint32_t>(g_.nodes.size()); i-- > 0;) {
      const NodeId id{i};
      Node& node = g_.nodes[id];
      const OpDef& def = op_def(node.op);
      if (node.group == kNoGroup || in_memory_[i] || !def.has(kElementwise) || def.has(kExpensive)) continue;
      if (users[i].empty() || read_within(id, node.group)) continue;
      std::set<Value> stored;
      for (const Read& read : reads(id))
        if (g_.node(read.value).group != kNoGroup) stored.insert(read.value);
      if (stored.size() > 1) continue;
      // A view may repeat what it reads, and is itself computed again by each of its readers.
      const bool is_viewed =
          std::any_of(users[i].begin(), users[i].end(), [&](NodeId user) { return is_free(g_.nodes[user]); });
      if (!is_viewed) node.group = kNoGroup;
    }
  }

  Graph g_;
  std::vector<Group> groups_;
  std::vector<char> in_memory_;  // by node: it has to lie in memory
};

// Every output gets a node of its own that a kernel can write: inputs, constants and views are copied.
Graph with_own_outputs(const Graph& graph) {
  Graph out = graph;
  std::set<Value> taken;
  for (Output& output : out.outputs) {
    const Node& node = out.node(output.value);
    if (node.op == Op::input || is_free(node) || !taken.insert(output.value).second) {
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
