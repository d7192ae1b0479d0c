// Graphs made smaller for as long as they fail: fewer outputs, outputs that come earlier, inputs in the place of what is
// computed, an operand in the place of a node, smaller sizes, nothing written beside values that need not be.
#pragma once

#include <functional>

#include "ir/graph/graph.h"
#include "reduce/search.h"

namespace nnc::reduce {

// The smallest graph found that `fails` still; each candidate is sound. The graph itself is taken to fail.
Graph reduce_graph(Graph graph, const std::function<bool(const Graph&)>& fails, Search& search);

}  // namespace nnc::reduce
