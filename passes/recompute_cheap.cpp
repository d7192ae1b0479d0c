// Takes cheap values out of their groups, so that each reader computes them again, where that moves less memory: a mask h > 0,
// a gradient times a factor per channel, a product that a single sum reads, what a norm made of a row. To store a value is to
// write it, which reads the line it lies in first, and to read it once in each group; to compute it again is to read what it is
// made of, unless the group reads that already.
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
    for (uint32_t i = static_cast<uint32_t>(g_.nodes.size()); i-- > 0;) consider(NodeId{i});
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

  bool is_cheap(NodeId id) const {
    const OpDef& def = op_def(g_.nodes[id].op);
    return !in_memory_[id.index] && def.has(kElementwise) && !def.has(kExpensive);
  }

  // The node, and what only its group computes of what it is made of, as large as itself: all that is to be computed again.
  std::vector<NodeId> made_with(NodeId id) const {
    const uint32_t group = g_.nodes[id].group;
    std::vector<NodeId> all{id};
    for (size_t i = 0; i < all.size(); ++i)
      for (const Value operand : g_.nodes[all[i]].operands) {
        const NodeId from = operand.node;
        if (g_.nodes[from].group != group || !is_cheap(from) || std::ranges::count(all, from) > 0 ||
            g_.type(operand).elements() != g_.nodes[id].types[0].elements())
          continue;
        const std::set<uint32_t> known = readers(from);
        if (known.size() == known.count(group)) all.push_back(from);
      }
    return all;
  }

  void consider(NodeId id) {
    const uint32_t group = g_.nodes[id].group;
    if (group == kNoGroup || !is_cheap(id)) return;
    std::set<uint32_t> foreign = readers(id);
    const bool is_read_within = foreign.erase(group) > 0;
    if (foreign.empty()) return;
    const std::vector<NodeId> made = made_with(id);
    if (!moves_less(id, made, foreign, is_read_within)) return;
    for (const NodeId one : made) g_.nodes[one].group = kNoGroup;
    if (!is_short_enough_to_inline(g_, id))
      for (const NodeId one : made) g_.nodes[one].group = group;
  }

  bool moves_less(NodeId id, const std::vector<NodeId>& made, const std::set<uint32_t>& foreign,
                  bool is_read_within) const {
    // A view may repeat what it reads, and is itself computed again by each of its readers.
    const int64_t size = g_.nodes[id].types[0].elements();
    for (NodeId user : users_[id.index])
      if (is_free(g_.nodes[user]) && work_of(g_, user) > size) return false;

    int64_t recomputed = 0, all_reads = 0;
    std::set<Value> seen;
    for (const NodeId one : made)
      for (const Read& read : reads_of(g_, one)) {
        const NodeId from = read.value.node;
        const uint32_t own = g_.nodes[from].group;
        if (own == kNoGroup || std::ranges::count(made, from) > 0 || !seen.insert(read.value).second)
          continue;
        const int64_t bytes = g_.type(read.value).bytes();
        const std::set<uint32_t> known = readers(from);
        const bool lies_in_memory = in_memory_[from.index] || known.size() > known.count(own);
        all_reads += g_.type(read.value).elements();
        if (!lies_in_memory) recomputed += 2 * bytes;
        for (uint32_t reader : foreign)
          recomputed += known.contains(reader) && lies_in_memory && reader != own ? 0 : bytes;
      }
    if (size <= kNear) return !is_read_within && all_reads <= size;
    // To store a mask takes more than its bytes: it is packed and unpacked.
    constexpr int64_t kLeast = 2;  // bytes of an element
    const int64_t bytes = std::max(g_.nodes[id].types[0].bytes(), kLeast * size);
    return recomputed < (2 + static_cast<int64_t>(foreign.size())) * bytes;
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
