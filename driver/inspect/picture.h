// A stage as a picture: values, or kernels and what they hand to each other, in the language of Graphviz and drawn by it.
#pragma once

#include <optional>
#include <string>

#include "ir/graph/graph.h"
#include "ir/kernel/kernel.h"
#include "support/diagnostic.h"
#include "support/result.h"

namespace nnc::driver {

// Graphs in DOT: a node per value, a box around those that are computed in one kernel where the graph says so.
std::string dot_of(const Graph& graph);
// A node per launch of a kernel, an edge where one reads what another has written; barriers are ranks.
std::string dot_of(const kernel::Program& program);

// DOT as SVG, with Graphviz's layered layout. An error where the library is not there or does not do it.
Result<std::string> svg_of_dot(const std::string& dot, Diagnostics& diagnostics);

}  // namespace nnc::driver
