// When the values of a grouped graph are made and read, and what its temporaries take: a memory plan before there are kernels.
#pragma once

#include <map>
#include <vector>

#include "ir/graph/graph.h"
#include "ir/kernel/element_expr.h"

namespace nnc::codegen {

struct Timeline {
  // A value that lies in the arena.
  struct Stored {
    Value value;
    uint64_t bytes = 0;
    size_t made = 0;                                        // the barrier interval
    std::vector<std::pair<uint32_t, size_t>> readers = {};  // other groups, and when they read it

    size_t last() const;
  };
  std::vector<Stored> stored;
  size_t intervals = 0;
  uint64_t arena_bytes = 0;  // as codegen/plan_memory.h places them
};

Timeline timeline(const Graph& grouped);
// `reads` has what reads_of() says of each node in a group.
Timeline timeline(const Graph& grouped, std::vector<std::vector<Read>> reads);

// About how long each group takes, in microseconds of one thread.
std::map<uint32_t, double> cost_of_groups(const Graph& grouped);

}  // namespace nnc::codegen
