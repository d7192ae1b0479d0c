// Values that are not kept from where they are computed to where they are read last, but computed again there: less memory, more
// work, the same bits (gradient checkpointing, Chen et al. 2016, arXiv:1604.06174). Which values, decides who plans the memory
// (api/fit_memory.h); the graph is grouped, and stays so.
#pragma once

#include <map>
#include <set>
#include <span>
#include <vector>

#include "ir/graph/graph.h"
#include "ir/kernel/element_expr.h"

namespace nnc::passes {

// A value that is stored by a group, and the groups that are to read a second one in its place, computed for them. So does all
// that is computed again itself; where there are no such groups, it is for that alone.
struct ComputedAgain {
  Value value;
  std::set<uint32_t> readers;
};

// Whether the values that groups store can be computed again, by node: no output can, nor what would be computed with a sum over
// several axes. Such sums go as what they read lies in memory, which may be elsewhere the second time: other bits.
class Recomputable {
 public:
  explicit Recomputable(const Graph& graph);
  const Graph& graph() const { return g_; }
  // For these readers. Where others are left, the first value stays as it is.
  bool can(const ComputedAgain& choice) const;
  // What it takes: nodes of its group, ascending, up to values that the group stores and `dropped` does not have.
  // Not only up to these with `whole`.
  std::vector<NodeId> nodes_of(Value value, const std::set<Value>& dropped, bool whole = false) const;
  // The groups, other than its own, that read a value. Empty for one that is stored only because it leaves the graph.
  const std::set<uint32_t>& readers(Value value) const;

 private:
  friend class ComputingAgain;
  const Graph& g_;
  std::vector<std::vector<Read>> reads_;         // by node, of those in groups
  std::set<Value> leaves_;                       // outputs
  std::map<Value, std::set<uint32_t>> readers_;  // of values that are stored
  std::set<uint32_t> with_wide_sum_;             // groups
};

struct WithComputedAgain {
  Graph graph;
  // By node of this graph: the node of the one before, and what it reads (reads_of), if it is in a group.
  std::vector<NodeId> from;
  std::vector<std::vector<Read>> reads;
};

// Each choice must be one that can be, its value chosen once. What is computed again reads what is computed again, where that is
// chosen. Its groups have new numbers and are marked (Node::again).
//   %1 = relu %0                in 0          %1 = relu %0               in 0
//   %2 = matmul %1, w           in 1          %2 = matmul %1, w          in 1
//   …                                    →    …
//   %9 = mul %8, %1             in 5          %9 = relu %0               in 6 again
//                                             %10 = mul %8, %9           in 5
WithComputedAgain compute_again(const Recomputable& graph, std::span<const ComputedAgain> choices);

}  // namespace nnc::passes
