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

// How much memory a bundle may need (api/memory_need.h), with what lies beside it: data, and what feeds it. 0: no limit.
struct MemoryLimit {
  uint64_t bytes = 0;
  uint64_t beside = 0;
  std::string said = {};  // as the user wrote it
};

// The graphs' programs, after the passes. Where they need more memory than the limit says, values are computed again and not
// kept; an error if that is not enough.
Result<std::vector<kernel::Program>> lower_graphs(std::span<const Graph> graphs,
                                                  const std::vector<std::string>& disabled,
                                                  const CodegenOptions& codegen, const MemoryLimit& limit,
                                                  Diagnostics& diagnostics, double* passes_ms = nullptr,
                                                  double* lower_ms = nullptr);

// Machine code for all of them, as entry points of their names in one bundle; `disabled` are optional passes to leave out.
// The graphs are worked on side by side. `passes_ms` becomes the time that the passes took.
Result<Bundle> compile_graphs(std::span<const Graph> graphs, const std::vector<std::string>& disabled,
                              const CodegenOptions& codegen, Diagnostics& diagnostics,
                              double* passes_ms = nullptr, const MemoryLimit& limit = {});

}  // namespace nnc
