// Whether one node of a directed graph leads to another.
#pragma once

#include <set>
#include <vector>

namespace nnc {

// `next(at)` gives the nodes that `at` leads to at once. Every node leads to itself.
template <class Node, class Next>
bool reaches(Node from, Node target, const Next& next) {
  std::vector<Node> pending{from};
  std::set<Node> seen;
  while (!pending.empty()) {
    const Node at = pending.back();
    pending.pop_back();
    if (at == target) return true;
    if (!seen.insert(at).second) continue;
    const auto& after = next(at);
    pending.insert(pending.end(), after.begin(), after.end());
  }
  return false;
}

}  // namespace nnc
