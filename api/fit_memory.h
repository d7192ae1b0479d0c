// Makes the temporaries of a program fit into so much memory: some are computed again when they are read for the last time, and not
// kept until then. Which, is searched for with the memory plan: neither the passes nor the code generator know each other.
#pragma once

#include "ir/graph/graph.h"

namespace nnc {

struct Fitted {
  Graph graph;               // grouped
  uint64_t arena_bytes = 0;  // at most what was allowed, or the least that was found
};

// The graph itself if its arena takes at most `most` bytes.
Fitted fit_arena(const Graph& grouped, uint64_t most);

}  // namespace nnc
