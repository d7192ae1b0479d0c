// Takes cheap values out of their groups, so that each reader computes them again, where that moves less memory: a mask
// h > 0, a gradient times a factor per channel, a product that a single sum reads. To store a value is to write it, which reads
// the line it lies in first, and to read it once in each group; to compute it again is to read what it is made of, unless the
// group reads that already.
//   %0 = matmul x, w           in 0          %0 = matmul x, w           in 0
//   %1 = gt %0, %zero          in 0    →     %1 = gt %0, %zero
//   %2 = where %1, dy, %zero   in 1          %2 = where %1, dy, %zero   in 1
// Leaves alone: what has to lie in memory, what takes many operations, what a view repeats.
#include <algorithm>
#include <set>
#include <unordered_set>

#include "ir/kernel/element_expr.h"
#include "passes/grouping.h"
#include "passes/pass.h"
#include "passes/rewrite.h"

namespace nnc::passes {
namespace {

// Values up to this many elements stay near the processor: they are stored unless reading them again is no less.
constexpr int64_t kNear = 1 << 14;

class Recomputing {
 public:
  explicit Recomputing(const Graph& graph)
      : g_(graph), in_memory_(needed_in_memory(graph)), users_(graph.nodes.size()) {
    for (NodeId id : node_ids(g_))
      for (Value operand : g_.nodes[id].operands) users_[operand.node.index].push_back(id);
  }

  Graph run() {
    for (uint32_t i = static_cast<uint32_t>(g_.nodes.size()); i-- > 0;)
      if (moves_less(NodeId{i})) g_.nodes[NodeId{i}].group = kNoGroup;
    return std::move(g_);
  }

 private:
  // The groups that read the node, themselves or in what they inline.
  std::set<uint32_t> readers(NodeId id) const {
    std::set<uint32_t> groups;
    std::vector<NodeId> pending{id};
    std::unordered_set<NodeId> seen;
    while (!pending.empty()) {
      const NodeId at = pending.back();
      pending.pop_back();
      for (NodeId user : users_[at.index]) {
        const uint32_t in = g_.nodes[user].group;
        if (in != kNoGroup)
          groups.insert(in);
        else if (seen.insert(user).second)
          pending.push_back(user);
      }
    }
    return groups;
  }

  bool moves_less(NodeId id) const {
    const Node& node = g_.nodes[id];
    const OpDef& def = op_def(node.op);
    if (node.group == kNoGroup || in_memory_[id.index] || !def.has(kElementwise) || def.has(kExpensive))
      return false;
    std::set<uint32_t> foreign = readers(id);
    const bool is_read_within = foreign.erase(node.group) > 0;
    if (foreign.empty() || !is_short_enough_to_inline(g_, id)) return false;
    // A view may repeat what it reads, and is itself computed again by each of its readers.
    const int64_t size = node.types[0].elements();
    for (NodeId user : users_[id.index])
      if (is_free(g_.nodes[user]) && work_of(g_, user) > size) return false;

    int64_t stored = 2 * size, recomputed = 0, all_reads = 0;
    std::set<Value> seen;
    for (const Read& read : reads_of(g_, id)) {
      const Node& from = g_.node(read.value);
      if (from.group == kNoGroup || !seen.insert(read.value).second) continue;
      const int64_t elements = g_.type(read.value).elements();
      const std::set<uint32_t> known = readers(read.value.node);
      const bool lies_in_memory = in_memory_[read.value.node.index] || known.size() > known.count(from.group);
      all_reads += elements;
      if (!lies_in_memory) recomputed += 2 * elements;
      for (uint32_t group : foreign)
        recomputed += known.contains(group) && lies_in_memory && group != from.group ? 0 : elements;
    }
    stored += size * static_cast<int64_t>(foreign.size());
    if (size <= kNear) return !is_read_within && all_reads <= size;
    return recomputed < stored;
  }

  Graph g_;
  std::vector<char> in_memory_;             // by node
  std::vector<std::vector<NodeId>> users_;  // by node
};

}  // namespace

Graph recompute_cheap(const Graph& graph) {
  return Recomputing(graph).run();
}

}  // namespace nnc::passes
