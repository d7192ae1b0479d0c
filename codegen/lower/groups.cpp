// Reads of nodes become reads of groups; the longest path to a group is its level.
#include "codegen/lower/groups.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "support/check.h"
#include "support/reaches.h"

namespace nnc::codegen {

namespace {

std::vector<std::vector<Read>> all_reads(const Graph& graph) {
  std::vector<std::vector<Read>> reads(graph.nodes.size());
  for (uint32_t i = 0; i < graph.nodes.size(); ++i)
    if (graph.nodes[NodeId{i}].group != kNoGroup) reads[i] = reads_of(graph, NodeId{i});
  return reads;
}

}  // namespace

Groups::Groups(const Graph& graph) : Groups(graph, all_reads(graph)) {}

Groups::Groups(const Graph& graph, std::vector<std::vector<Read>> reads)
    : g_(graph), reads_(std::move(reads)) {
  for (uint32_t i = 0; i < g_.nodes.size(); ++i) {
    const Node& node = g_.nodes[NodeId{i}];
    if (node.group == kNoGroup) continue;
    const auto [entry, is_new] = at_.try_emplace(node.group, groups_.size());
    if (is_new) groups_.push_back({node.group, {}, {}, {}});
    groups_[entry->second].nodes.push_back(NodeId{i});
    groups_[entry->second].again = node.again;
  }
  find_stored();
}

void Groups::find_stored() {
  std::set<Value> stored;
  for (size_t i = 0; i < groups_.size(); ++i)
    for (NodeId id : groups_[i].nodes)
      for (const Read& read : reads_[id.index]) {
        readers_[read.value].insert(i);
        if (is_given(g_.node(read.value))) {
          given_.push_back(read.value);
          continue;
        }
        const size_t from = of(read.value);
        if (from == i) continue;
        stored.insert(read.value);
        groups_[i].after.insert(from);
      }
  for (const Output& output : g_.outputs) stored.insert(output.value);
  for (Value value : stored) groups_[of(value)].stored.push_back(value);
}

const std::set<size_t>& Groups::readers(Value value) const {
  static const std::set<size_t> none;
  const auto found = readers_.find(value);
  return found == readers_.end() ? none : found->second;
}

bool Groups::must_wait(size_t group, size_t for_group) const {
  return reaches(
      group, for_group, [&](size_t at) -> const auto& { return groups_[at].after; });
}

std::vector<size_t> Groups::earliest(const std::vector<std::set<size_t>>& after) const {
  constexpr size_t kUnknown = SIZE_MAX;
  constexpr size_t kVisiting = SIZE_MAX - 1;
  std::vector<size_t> level(groups_.size(), kUnknown);
  const std::function<size_t(size_t)> visit = [&](size_t at) {
    NNC_CHECK(level[at] != kVisiting, "kernels depend on each other in a cycle");
    if (level[at] != kUnknown) return level[at];
    level[at] = kVisiting;
    size_t result = 0;
    for (size_t before : groups_[at].after) result = std::max(result, visit(before) + 1);
    for (size_t before : after[at]) result = std::max(result, visit(before) + 1);
    return level[at] = result;
  };
  for (size_t i = 0; i < groups_.size(); ++i) visit(i);
  return level;
}

namespace {

// From the last to the first: each group for which `may_be_late(group, level)` goes right before the first that waits for it.
// Gives those for which it says so.
template <class MayBeLate>
std::vector<char> move_late(const std::vector<Group>& groups, std::vector<size_t>& level,
                            const std::vector<std::set<size_t>>& after, const MayBeLate& may_be_late) {
  std::vector<size_t> first_to_wait(groups.size(), SIZE_MAX), order(groups.size());
  std::vector<char> late(groups.size(), 0);
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::stable_sort(order, std::greater(), [&](size_t i) { return level[i]; });
  for (const size_t at : order) {
    const size_t first = first_to_wait[at];
    if (first != SIZE_MAX && first - 1 > level[at] && may_be_late(at, first - 1)) {
      level[at] = first - 1;
      late[at] = 1;
    }
    for (const auto* waited_for : {&groups[at].after, &after[at]})
      for (const size_t before : *waited_for)
        first_to_wait[before] = std::min(first_to_wait[before], level[at]);
  }
  return late;
}

}  // namespace

std::vector<size_t> Groups::levels() const {
  std::vector<std::set<size_t>> after(groups_.size());
  std::vector<size_t> level = earliest(after);
  std::vector<char> late = move_late(groups_, level, after, [&](size_t group, size_t at) {
    return groups_[group].again || may_be_late(group, at, level);
  });
  if (std::ranges::none_of(groups_, &Group::again)) return level;

  // The first of those that are not late themselves for which each late group has to be there. The levels so far put every
  // group before those that wait for it, so no cycle comes of waiting for what lies below that first one.
  for (size_t i = 0; i < groups_.size(); ++i)
    if (groups_[i].again) late[i] = 1;
  constexpr size_t kNone = SIZE_MAX;
  std::vector<size_t> needed_by(groups_.size(), kNone), order(groups_.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::stable_sort(order, std::greater(), [&](size_t i) { return level[i]; });
  for (const size_t at : order) {
    const size_t first = late[at] ? needed_by[at] : at;
    if (first == kNone) continue;
    for (const size_t before : groups_[at].after)
      if (needed_by[before] == kNone || level[first] < level[needed_by[before]]) needed_by[before] = first;
  }
  for (size_t i = 0; i < groups_.size(); ++i)
    if (late[i] && needed_by[i] != kNone)
      for (const size_t other : groups_[needed_by[i]].after)
        if (!late[other]) after[i].insert(other);
  level = earliest(after);
  move_late(groups_, level, after, [&](size_t group, size_t) { return late[group] != 0; });
  return level;
}

// Whether the group makes temporaries only, of at least as many bytes as those that nothing else would read so late.
bool Groups::may_be_late(size_t group, size_t level, const std::vector<size_t>& levels) const {
  int64_t made = 0, kept = 0;
  for (const Value value : groups_[group].stored) {
    if (std::ranges::any_of(g_.outputs, [&](const Output& output) { return output.value == value; }))
      return false;
    made += g_.type(value).bytes();
  }
  std::set<Value> read;
  for (const NodeId id : groups_[group].nodes)
    for (const Read& r : reads_[id.index])
      if (!is_given(g_.node(r.value)) && of(r.value) != group) read.insert(r.value);
  for (const Value value : read) {
    const std::set<size_t>& all = readers(value);
    const bool is_read_later =
        std::ranges::any_of(all, [&](size_t other) { return other != group && levels[other] >= level; });
    if (!is_read_later) kept += g_.type(value).bytes();
  }
  constexpr int64_t kCached =
      2 << 20;  // bytes: what is larger has left the second cache level when it is read, soon or late
  return made >= kept && made <= kCached;
}

}  // namespace nnc::codegen
