// See compile.h.
#include "api/compile.h"

#include <malloc.h>

#include "support/clock.h"

namespace nnc {

Result<Bundle> compile_graphs(std::span<const Graph> graphs, const std::vector<std::string>& disabled,
                              const CodegenOptions& codegen, Diagnostics& diagnostics, double* passes_ms) {
  passes::PipelineOptions options;
  options.until = passes::Stage::kernels;
  options.disabled = disabled;
  std::vector<kernel::Program> programs;
  for (const Graph& graph : graphs) {
    const auto start = std::chrono::steady_clock::now();
    const Result<Graph> ready = passes::run_pipeline(graph, options, diagnostics);
    if (!ready) return Failure();
    if (passes_ms != nullptr) *passes_ms += ms_since(start);
    Result<kernel::Program> program = lower_graph(*ready, codegen, diagnostics);
    if (!program) return Failure();
    programs.push_back(std::move(*program));
  }
  Result<Bundle> bundle = compile_programs(std::move(programs), codegen, diagnostics);
  // What LLVM is done with goes back before the step's own memory is allocated, or it would stay resident beside it.
  if (bundle && bundle->times.kernels_compiled > 0) malloc_trim(0);
  return bundle;
}

}  // namespace nnc
