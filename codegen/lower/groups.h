// The groups of a graph, each a kernel to be: what each reads, what each stores, and which must have finished before it.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "ir/graph/graph.h"
#include "ir/kernel/element_expr.h"

namespace nnc::codegen {

struct Group {
  uint32_t number;  // in the graph
  std::vector<NodeId> nodes;
  std::vector<Value> stored;  // results that other groups read, or that leave
  std::set<size_t> after;     // groups that must have finished before
  bool again = false;         // computes once more what another one has computed
};

class Groups {
 public:
  explicit Groups(const Graph& graph);
  // `reads` has what reads_of() says of each node in a group.
  Groups(const Graph& graph, std::vector<std::vector<Read>> reads);

  const Graph& graph() const { return g_; }
  const std::vector<Group>& all() const { return groups_; }
  size_t of(Value value) const { return at_.at(g_.node(value).group); }
  const std::vector<Read>& reads(NodeId id) const { return reads_[id.index]; }
  // What groups read that is there before any of them has run, inputs and constants, in the order of reading.
  const std::vector<Value>& given() const { return given_; }

  // The groups that read a value, its own included.
  const std::set<size_t>& readers(Value value) const;
  bool must_wait(size_t group, size_t for_group) const;
  void let_wait(size_t group, size_t for_group) { groups_[group].after.insert(for_group); }
  // The barrier interval of each group: one after the latest that it must wait for, or, where it makes no less than it keeps
  // alive by it, right before the first that waits for it: what is moved into another layout for the backward pass is moved
  // there, and read while it is still in the cache. What is computed again comes right before the first that waits for it in any
  // case, and after all else that that one waits for: no two stretches that are computed again lie in memory together.
  std::vector<size_t> levels() const;

 private:
  void find_stored();
  // One after the latest that each must wait for; `after` has, by group, what it must wait for besides.
  std::vector<size_t> earliest(const std::vector<std::set<size_t>>& after) const;
  bool may_be_late(size_t group, size_t level, const std::vector<size_t>& levels) const;

  const Graph& g_;
  std::vector<Group> groups_;
  std::map<uint32_t, size_t> at_;  // by number
  std::vector<std::vector<Read>> reads_;
  std::vector<Value> given_;
  std::map<Value, std::set<size_t>> readers_;
};

}  // namespace nnc::codegen
