// Graphs → machine code: the passes, then code generation. What the command and the library (include/nnc/nnc.h) share.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "codegen/compile.h"
#include "passes/pass.h"

namespace nnc {

// Makes those params free (ir/graph/attrs.h) that one of the graphs alone reads and none replaces.
void free_parameters(std::vector<Graph>& graphs);

// Machine code for all of them, as entry points of their names in one bundle; `disabled` are optional passes to leave out.
// The graphs are worked on side by side. `passes_ms` becomes the time that the passes took.
Result<Bundle> compile_graphs(std::span<const Graph> graphs, const std::vector<std::string>& disabled,
                              const CodegenOptions& codegen, Diagnostics& diagnostics,
                              double* passes_ms = nullptr);

}  // namespace nnc
