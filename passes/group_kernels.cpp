// Grouping: decides which nodes are computed in one kernel (Node::group). Ops stay as they are; lowering
// inlines within a group. A group is either
//  - a contraction with the elementwise work on its output, which becomes its epilogue (bias, activation,
//    mask, the optimizer's update), or
//  - a scatter or a loop alone: its results are there when all of its terms or steps are;
//  - rows: reductions and elementwise work that all leave the same leading axes (the domain) alone, so that
//    one task can compute a row of everything without another task's results.
// Broadcasts, slices and other views, and values that depend on inputs and constants only, belong to no
// group unless they have to lie in memory: each reader computes them again. The same holds for cheap values that
// only other groups read (a mask h > 0), if they read no more from memory than they would be. What a group computes is limited, by the
// verifier of kernels and because the machine code of a block of code takes more than linear time: a long chain becomes
// several groups.
//   %0 = matmul x, w {transpose_b} : f32[128, 10]          in 0
//   %1 = broadcast b {shape=[128, 10], axes=[1]} : f32[128, 10]
//   %2 = add %0, %1 : f32[128, 10]                         in 0
#include <algorithm>
#include <set>
#include <unordered_set>

#include "ir/kernel/element_expr.h"
#include "ir/kernel/verify.h"
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

// How much code a group may be, and how much of it a value that belongs to no group may be where it is read.
constexpr size_t kMostCode = 600;
constexpr size_t kMostInlinedCode = 100;
static_assert(kMostCode <= kernel::kMostStores);  // each result, which is at most one store, counts one

// About how much code a node is.
size_t code_of(const Node& node) {
  return op_def(node.op).has(kExpensive) ? 8 : std::max<size_t>(1, node.types.size());
}

struct Group {
  using AxisPlace = std::pair<size_t, int64_t>;  // the position of an axis in a shape, and its extent

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

// Costs nothing to compute again, which each reader does: it moves elements, or makes them from their index or a list.
bool is_free(const Node& node) {
  const OpDef& def = op_def(node.op);
  return std::holds_alternative<ElementRule>(def.lower) && !def.has(kElementwise) && !def.has(kRandom) &&
         node.operands.size() <= 1 && node.op != Op::relayout;
}

bool is_alone(const LowerRule& rule) {
  return std::holds_alternative<ScatterRule>(rule) || std::holds_alternative<LoopRule>(rule);
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

  // What leaves the graph, and what a contraction or a loop reads. Found before the first group is formed, so that every node gets
  // its group, or none, in its turn: then `before` holds every group that is read, and no cycle of groups can form.
  void find_needed_in_memory() {
    in_memory_.assign(g_.nodes.size(), 0);
    for (const Output& output : g_.outputs) in_memory_[output.value.node.index] = 1;
    for (const Node& node : g_.nodes)
      if (const auto* rule = std::get_if<ContractRule>(&op_def(node.op).lower)) {
        std::vector<TensorType> types;
        for (Value operand : node.operands) types.push_back(g_.type(operand));
        const std::vector<ContractSpec> specs = rule->specs(node, types);
        for (size_t i = 0; i < node.operands.size(); ++i)
          in_memory_[stored_behind(node.operands[i], specs, i).node.index] = 1;
      } else if (std::holds_alternative<LoopRule>(op_def(node.op).lower)) {
        // All but the first states, which are read once.
        const auto states = static_cast<size_t>(std::get<ScanAttrs>(node.attrs).states);
        for (size_t i = states; i < node.operands.size(); ++i)
          in_memory_[stored_behind(node.operands[i], {}, i).node.index] = 1;
      }
  }

  // What a contraction needs in memory to read this operand: what lies behind views, unless it looks beyond the operand's
  // ends, which are others there.
  Value stored_behind(Value operand, const std::vector<ContractSpec>& specs, size_t number) const {
    for (const ContractSpec& spec : specs)
      for (const Index& index : number == 0 ? spec.a : spec.b)
        if (index.checked) return operand;
    while (is_view(g_, operand.node)) operand = g_.node(operand).operands[0];
    return operand;
  }

  // The elements that are gone through to compute the node: those of its results, or the terms of a reduction or scatter.
  int64_t work_of(NodeId id) const {
    const Node& node = g_.nodes[id];
    int64_t work = 0;
    const LowerRule& lower = op_def(node.op).lower;
    if (std::holds_alternative<ReduceRule>(lower) || std::holds_alternative<ScatterRule>(lower))
      for (Value operand : node.operands) work += g_.type(operand).elements();
    else
      for (const TensorType& type : node.types) work += type.elements();
    return work;
  }

  // Whether `from` needs `target`, directly or through others.
  bool depends(uint32_t from, uint32_t target) const {
    return reaches(
        from, target, [&](uint32_t at) -> const auto& { return groups_[at].before; });
  }

  void add(NodeId id, uint32_t group) {
    for (const Read& read : reads(id))
      if (const uint32_t from = g_.node(read.value).group; from != kNoGroup && from != group)
        groups_[group].before.insert(from);
    g_.nodes[id].group = group;
    groups_[group].work += work_of(id);
    groups_[group].code += code_of(g_.nodes[id]) + inlined_code(id, kMostCode);
    for (const Group::AxisPlace& axis : axes_of(id)) groups_[group].axes.insert(axis);
  }

  // The code that the node inlines, each value once; no more than just beyond `most`.
  size_t inlined_code(NodeId id, size_t most) const {
    size_t code = 0;
    std::vector<NodeId> pending{id};
    std::unordered_set<NodeId> seen;
    while (!pending.empty() && code <= most) {
      const NodeId at = pending.back();
      pending.pop_back();
      for (Value operand : g_.nodes[at].operands) {
        if (!is_inlined(g_, operand) || !seen.insert(operand.node).second) continue;
        code += code_of(g_.node(operand));
        pending.push_back(operand.node);
      }
    }
    return code;
  }

  // Free nodes may be longer, so that it is not they that are stored, which is seldom worth its memory.
  bool is_short_enough_to_inline(NodeId id) const {
    const size_t most = is_free(g_.nodes[id]) ? 2 * kMostInlinedCode : kMostInlinedCode;
    return code_of(g_.nodes[id]) + inlined_code(id, most) <= most;
  }

  std::set<Group::AxisPlace> axes_of(NodeId id) const {
    std::set<Group::AxisPlace> axes;
    const auto insert = [&](const Shape& shape) {
      for (size_t d = 0; d < shape.size(); ++d) axes.emplace(d, shape[d]);
    };
    for (const TensorType& type : g_.nodes[id].types) insert(type.shape);
    for (Value operand : g_.nodes[id].operands) insert(g_.type(operand).shape);
    return axes;
  }

  // Whether the group stays as short as kernels have to be.
  bool has_room_for_code(NodeId id, uint32_t group) const {
    const Group& g = groups_[group];
    if (g.code + code_of(g_.nodes[id]) + inlined_code(id, kMostCode) > kMostCode) return false;
    size_t axes = g.axes.size();
    for (const Group::AxisPlace& axis : axes_of(id)) axes += g.axes.count(axis) ? 0 : 1;
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
    if (groups_[group].alone || !is_prefix(domain, shape)) return false;
    if (groups_[group].contraction && domain != shape) return false;
    if (!has_room_for_code(id, group)) return false;
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
    if (node.op == Op::relayout || is_alone(lower)) return start(id, false);
    if (is_free(node) && !in_memory_[id.index] && is_short_enough_to_inline(id)) return;
    const std::vector<Read> what = reads(id);
    const std::vector<uint32_t> from = candidates(what);
    if (std::holds_alternative<ReduceRule>(lower)) return place_reduction(id, what, from);
    if (from.empty()) {
      // A scalar worth computing once (1 - beta^t) gets a place; everything else is computed where it is read.
      if (node.types[0].rank() == 0 && op_def(node.op).has(kExpensive)) return place_scalar(id, what);
      if (!in_memory_[id.index] && is_short_enough_to_inline(id)) return;
    }
    for (uint32_t group : from)
      if (has_room(group, work_of(id)) && fits(id, what, group, groups_[group].domain)) return add(id, group);
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
        if (domain.empty() && groups_[group].work + work_of(id) > kSingleTask) break;
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
    // Whether the group reads the value, itself or in what it inlines.
    const auto read_within = [&](NodeId id, uint32_t group) {
      std::vector<NodeId> pending{id};
      std::unordered_set<NodeId> seen;
      while (!pending.empty()) {
        const NodeId at = pending.back();
        pending.pop_back();
        for (NodeId user : users[at.index]) {
          const uint32_t in = g_.nodes[user].group;
          if (in == group) return true;
          if (in == kNoGroup && seen.insert(user).second) pending.push_back(user);
        }
      }
      return false;
    };
    for (uint32_t i = static_cast<uint32_t>(g_.nodes.size()); i-- > 0;) {
      const NodeId id{i};
      Node& node = g_.nodes[id];
      const OpDef& def = op_def(node.op);
      if (node.group == kNoGroup || in_memory_[i] || !def.has(kElementwise) || def.has(kExpensive)) continue;
      if (users[i].empty() || !is_short_enough_to_inline(id) || read_within(id, node.group)) continue;
      std::set<Value> stored;
      int64_t elements = 0;
      for (const Read& read : reads(id))
        if (g_.node(read.value).group != kNoGroup && stored.insert(read.value).second)
          elements += g_.type(read.value).elements();
      if (elements > node.types[0].elements()) continue;
      // A view may repeat what it reads, and is itself computed again by each of its readers.
      const bool is_repeated = std::any_of(users[i].begin(), users[i].end(), [&](NodeId user) {
        return is_free(g_.nodes[user]) && work_of(user) > node.types[0].elements();
      });
      if (!is_repeated) node.group = kNoGroup;
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
