// Joins groups with sums over the same rows that read the same value: it is read once.
//   %1 = reduce_sum %0 {axes=[1]}   in 1           %1 = reduce_sum %0 {axes=[1]}   in 1
//   %2 = mul %0, x                           →     %2 = mul %0, x
//   %3 = reduce_sum %2 {axes=[1]}   in 2           %3 = reduce_sum %2 {axes=[1]}   in 1
// Leaves alone: groups of which one needs the other's results but those of the same row, contractions, small values, and groups
// that together are too long.
#include <map>
#include <set>

#include "ir/kernel/element_expr.h"
#include "passes/grouping.h"
#include "passes/pass.h"
#include "passes/rewrite.h"
#include "support/reaches.h"

namespace nnc::passes {
namespace {

struct Sums {
  bool rows = true;  // each of its nodes has results for all elements of the domain, its leading axes
  bool has_sum = false;
  Shape domain;
  std::set<uint32_t> before;
  std::set<Value> reads;  // large ones
  std::set<AxisPlace> axes;
  size_t code = 0;
  std::vector<NodeId> nodes;
};

class Joining {
 public:
  explicit Joining(const Graph& graph) : g_(graph) {
    for (NodeId id : node_ids(g_))
      if (g_.nodes[id].group != kNoGroup) add(id);
  }

  Graph run() {
    std::map<Value, std::vector<uint32_t>> readers;
    for (const auto& [number, group] : groups_)
      if (group.rows && group.has_sum && !group.domain.empty())
        for (Value value : group.reads) readers[value].push_back(number);
    for (const auto& [value, numbers] : readers)
      for (size_t i = 0; i < numbers.size(); ++i)
        for (size_t j = i + 1; j < numbers.size(); ++j)
          if (const uint32_t a = now(numbers[i]), b = now(numbers[j]); a != b && may_join(a, b)) join(a, b);
    return std::move(g_);
  }

 private:
  void add(NodeId id) {
    const Node& node = g_.nodes[id];
    const auto [entry, is_new] = groups_.try_emplace(node.group);
    Sums& group = entry->second;
    const LowerRule& lower = op_def(node.op).lower;
    const bool is_sum = std::holds_alternative<ReduceRule>(lower);
    group.has_sum = group.has_sum || is_sum;
    if (std::holds_alternative<ContractRule>(lower) || is_alone(lower) || node.op == Op::relayout)
      group.rows = false;
    const Shape& shape = node.types[0].shape;
    if (is_new) group.domain = shape;
    const auto differs = std::ranges::mismatch(group.domain, shape).in1;
    group.domain.erase(differs, group.domain.end());
    for (const Read& read : reads_of(g_, id)) {
      const uint32_t from = g_.node(read.value).group;
      if (from == node.group) continue;
      if (from != kNoGroup) group.before.insert(from);
      if (g_.type(read.value).elements() >= kWorthJoining) group.reads.insert(read.value);
    }
    group.axes.merge(axes_of(g_, id));
    group.code += code_of(node) + inlined_code(g_, id, kMostCode);
    group.nodes.push_back(id);
  }

  // The group that this one is part of by now.
  uint32_t now(uint32_t group) const {
    while (joined_.contains(group)) group = joined_.at(group);
    return group;
  }

  // Whether the group needs the other through a third one, or other rows of it than its own.
  bool needs(uint32_t group, uint32_t other) const {
    for (const uint32_t at : groups_.at(group).before)
      if (at != other &&
          reaches(
              at, other, [&](uint32_t from) -> const auto& { return groups_.at(from).before; }))
        return true;
    for (const NodeId id : groups_.at(group).nodes)
      for (const Read& read : reads_of(g_, id))
        if (g_.node(read.value).group == other && !is_own_row(read, groups_.at(group).domain.size()))
          return true;
    return false;
  }

  bool may_join(uint32_t a, uint32_t b) const {
    const Sums &first = groups_.at(a), &second = groups_.at(b);
    if (first.domain != second.domain) return false;
    std::set<AxisPlace> axes = first.axes;
    axes.insert(second.axes.begin(), second.axes.end());
    return first.code + second.code <= kMostCode && 2 * axes.size() <= kernel::kMostAxes && !needs(a, b) &&
           !needs(b, a);
  }

  void join(uint32_t into, uint32_t from) {
    Sums& group = groups_.at(into);
    Sums other = std::move(groups_.at(from));
    groups_.erase(from);
    joined_[from] = into;
    group.before.merge(other.before);
    group.before.erase(into);
    group.before.erase(from);
    group.reads.merge(other.reads);
    group.axes.merge(other.axes);
    group.code += other.code;
    for (NodeId id : other.nodes) g_.nodes[id].group = into;
    group.nodes.insert(group.nodes.end(), other.nodes.begin(), other.nodes.end());
    for (auto& [number, reader] : groups_)
      if (reader.before.erase(from) > 0) reader.before.insert(into);
  }

  Graph g_;
  std::map<uint32_t, Sums> groups_;
  std::map<uint32_t, uint32_t> joined_;  // groups that are no more, and what they are part of
};

}  // namespace

Graph join_sums(const Graph& graph) {
  return Joining(graph).run();
}

}  // namespace nnc::passes
