// A graph copied with a change: other values in the place of some, inputs or numbers in the place of nodes, other sizes.
#pragma once

#include <map>
#include <optional>
#include <set>

#include "ir/graph/graph.h"

namespace nnc::reduce {

struct Change {
  std::map<Value, Value> instead;   // another value of the same graph
  std::set<NodeId> fresh;           // nodes whose results become inputs
  std::set<NodeId> filled;          // nodes whose results become constants
  std::map<int64_t, int64_t> size;  // extents, wherever they stand
  bool scales = false;              // multiples of a changed extent are scaled with it
  bool keeps_signature = false;     // inputs that nobody reads stay, as a scan's body needs them
};

// Without what no output needs. Nothing where the changed graph is not sound.
std::optional<Graph> changed(const Graph& graph, const Change& change);

}  // namespace nnc::reduce
