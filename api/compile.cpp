// See compile.h.
#include "api/compile.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

#include <fmt/format.h>
#include <malloc.h>

#include "api/fit_memory.h"
#include "api/memory_need.h"
#include "api_sources_hash.h"
#include "ir/graph/graph.h"
#include "support/clock.h"
#include "support/parallel.h"

namespace nnc {
namespace {

// All that the machine code follows from, but for the options of code generation: the graphs with the places that they come from,
// the passes, and the memory that there is.
std::string text_of(std::span<const Graph> graphs, const std::vector<std::string>& disabled,
                    const MemoryLimit& limit) {
  std::vector<std::string> texts(graphs.size());
  parallel_for(graphs.size(), [&](size_t i) {
    std::string& text = texts[i];
    text = print(graphs[i]);
    for (const Node& node : graphs[i].nodes) {
      for (const Span& span : node.spans)
        fmt::format_to(std::back_inserter(text), "{}:{}-{} ", span.file.index, span.begin, span.end);
      text += '\n';
    }
  });
  std::string all = NNC_API_SOURCES_HASH "\n";
  for (const std::string& name : disabled) all += "without " + name + "\n";
  if (limit.bytes > 0) all += fmt::format("in {} bytes, {} of them taken\n", limit.bytes, limit.beside);
  for (const std::string& text : texts) all += text;
  return all;
}

// Where the free params lie, which other programs may write as a whole.
std::map<std::string, Layout> layouts_of_free(const std::vector<Result<Graph>>& graphs) {
  std::map<std::string, Layout> layouts;
  for (const Result<Graph>& graph : graphs)
    for (const NodeId input : graph->inputs)
      if (std::get<InputAttrs>(graph->nodes[input].attrs).free)
        layouts[graph->input_name(input)] = graph->layout({input, 0});
  return layouts;
}

uint64_t bytes_of_temporaries(const EntryPoint& entry) {
  return entry.memory.arena() + entry.memory.scratch + entry.memory.inputs;
}

// Lowers anew those programs that need more than the limit leaves them.
class Limiting {
 public:
  Limiting(const std::vector<Result<Graph>>& grouped, const std::map<std::string, Layout>& kept,
           const CodegenOptions& codegen, const MemoryLimit& limit)
      : grouped_(grouped), kept_(kept), codegen_(codegen), limit_(limit) {}

  Status run(std::vector<kernel::Program>& programs, Diagnostics& diagnostics) const {
    uint64_t needed = need(programs);
    std::vector<char> is_least(programs.size(), 0);  // nothing less was found
    // A program that does more may be shared among threads where it was not: that takes more scratch.
    constexpr int kMostTries = 4;
    for (int tries = 0; needed > limit_.bytes && tries < kMostTries; ++tries) {
      const Bundle bundle = plan_programs(programs, codegen_);
      uint64_t most = 0;  // of any program's temporaries
      for (const EntryPoint& entry : bundle.entries) most = std::max(most, bytes_of_temporaries(entry));
      const uint64_t fixed = needed - most;
      const uint64_t left = limit_.bytes - std::min(limit_.bytes, fixed);
      for (size_t i = 0; i < programs.size(); ++i) {
        const MemoryBill& now = bundle.entries[i].memory;
        if (bytes_of_temporaries(bundle.entries[i]) <= left || is_least[i] != 0) continue;
        const uint64_t arena = left - std::min(left, now.scratch + now.inputs);
        const Fitted fitted = fit_arena(*grouped_[i], arena);
        is_least[i] = fitted.arena_bytes > arena ? 1 : 0;
        const uint64_t without = now.arena() + programs[i].again.bytes_saved;
        Result<kernel::Program> lowered = lower_graph(fitted.graph, codegen_, diagnostics, kept_);
        if (!lowered) return Failure();
        programs[i] = std::move(*lowered);
        programs[i].again.bytes_saved = without - fitted.arena_bytes;
      }
      needed = need(programs);
    }
    if (needed <= limit_.bytes) return Done();
    diagnostics
        .error_at(DiagnosticKind::memory_limit, "--memory " + limit_.said,
                  fmt::format("the least found for this is {} of memory, however much is computed again",
                              least_bytes_text(needed)))
        .suggest("a smaller batch, or nnc compile to see what needs it");
    return Failure();
  }

 private:
  uint64_t need(const std::vector<kernel::Program>& programs) const {
    return memory_need(plan_programs(programs, codegen_)).peak() + limit_.beside;
  }

  const std::vector<Result<Graph>>& grouped_;
  const std::map<std::string, Layout>& kept_;
  const CodegenOptions& codegen_;
  const MemoryLimit& limit_;
};

}  // namespace

void free_parameters(std::vector<Graph>& graphs) {
  std::map<std::string, int> readers;
  for (const Graph& graph : graphs) {
    for (const NodeId input : graph.inputs) ++readers[graph.input_name(input)];
    for (const Output& output : graph.outputs)
      if (output.replaces) ++readers[graph.input_name(*output.replaces)];
  }
  for (Graph& graph : graphs)
    for (const NodeId input : graph.inputs) {
      auto& attrs = std::get<InputAttrs>(graph.nodes[input].attrs);
      attrs.free = attrs.role == Role::param && readers[attrs.name] == 1;
    }
}

Result<std::vector<kernel::Program>> lower_graphs(std::span<const Graph> graphs,
                                                  const std::vector<std::string>& disabled,
                                                  const CodegenOptions& codegen, const MemoryLimit& limit,
                                                  Diagnostics& diagnostics, double* passes_ms,
                                                  double* lower_ms) {
  passes::PipelineOptions options;
  options.until = passes::Stage::kernels;
  options.disabled = disabled;
  // Each graph is worked on by one thread; what they say is told in the graphs' order.
  std::vector<Diagnostics> said(graphs.size());
  const auto all_good = [&](const auto& results) {
    for (Diagnostics& one : said) diagnostics.append(std::exchange(one, {}));
    return std::ranges::all_of(results, [](const auto& result) { return result.ok(); });
  };
  const auto start = std::chrono::steady_clock::now();
  std::vector<Result<Graph>> ready(graphs.size(), Failure());
  parallel_for(graphs.size(),
               [&](size_t i) { ready[i] = passes::run_pipeline(graphs[i], options, said[i]); });
  if (passes_ms != nullptr) *passes_ms = ms_since(start);
  if (!all_good(ready)) return Failure();

  const auto lower_start = std::chrono::steady_clock::now();
  std::vector<Result<kernel::Program>> lowered(graphs.size(), Failure());
  const std::map<std::string, Layout> kept = layouts_of_free(ready);
  parallel_for(graphs.size(), [&](size_t i) { lowered[i] = lower_graph(*ready[i], codegen, said[i], kept); });
  if (!all_good(lowered)) return Failure();
  std::vector<kernel::Program> programs;
  for (auto& program : lowered) programs.push_back(std::move(*program));
  if (limit.bytes > 0 && !Limiting(ready, kept, codegen, limit).run(programs, diagnostics)) return Failure();
  if (lower_ms != nullptr) *lower_ms = ms_since(lower_start);
  return programs;
}

Result<Bundle> compile_graphs(std::span<const Graph> given, const std::vector<std::string>& disabled,
                              const CodegenOptions& codegen, Diagnostics& diagnostics, double* passes_ms,
                              const MemoryLimit& limit) {
  std::vector<Graph> graphs(given.begin(), given.end());
  free_parameters(graphs);
  const size_t said_before = diagnostics.all().size();
  // With line tables it is not: they name files and lines, and the text has neither.
  const bool is_kept = codegen.use_cache && codegen.lines == nullptr;
  const std::string made_from = is_kept ? text_of(graphs, disabled, limit) : "";
  if (std::optional<Bundle> known = is_kept ? find_bundle(made_from, codegen) : std::nullopt) {
    if (passes_ms != nullptr) *passes_ms = 0;
    return std::move(*known);
  }

  double lower_ms = 0;
  Result<std::vector<kernel::Program>> programs =
      lower_graphs(graphs, disabled, codegen, limit, diagnostics, passes_ms, &lower_ms);
  if (!programs) return Failure();
  // What comes with a warning is compiled, and said, each time.
  const bool is_silent = diagnostics.all().size() == said_before;
  Result<Bundle> bundle =
      compile_programs(std::move(*programs), codegen, diagnostics, is_silent ? made_from : "");
  if (!bundle) return Failure();
  bundle->times.lower_ms += lower_ms;
  // What LLVM is done with goes back before the step's own memory is allocated, or it would stay resident beside it.
  if (bundle->times.kernels_compiled > 0) malloc_trim(0);
  return bundle;
}

}  // namespace nnc
