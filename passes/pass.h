// A pass reads one verified graph and builds another; it cannot fail. Differentiation is a stage, not a pass: it may
// refuse (passes/differentiate.h).
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ir/builder.h"
#include "ir/graph.h"
#include "support/diagnostic.h"
#include "support/result.h"

namespace nnc::passes {

struct Pass {
  std::string_view name;  // "fuse_linear": the file's name, --passes, --disable-pass
  std::string_view doc;
  bool required;          // the code generator cannot do without it
  Graph (*run)(const Graph& graph);
};

// In the order of passes.def.
std::span<const Pass> all_passes();
const Pass* find_pass(std::string_view name);

// How far the pipeline goes: `grad` ends after differentiation, `fused` after the rewriting passes, `kernels` after
// layout and grouping (what codegen reads).
enum class Stage { grad, fused, kernels };

struct PipelineOptions {
  Stage until = Stage::kernels;
  std::vector<std::string> disabled;  // names of optional passes
  bool verify_each = false;           // NNC_CHECK that verify() is empty after every pass
  std::function<void(std::string_view pass, const Graph& after, double ms)> observe;  // may be empty
};

// Differentiates (expands `grad` nodes), then runs the default order. Fails only where differentiation does.
Result<Graph> run_pipeline(const Graph& graph, const PipelineOptions& options, Diagnostics& diagnostics);

// Exactly these passes, in this order, on a graph that may still hold `grad` nodes.
Graph run_passes(const Graph& graph, std::span<const Pass* const> passes);

// Replaces every `grad` node by ordinary graph, inner ones first, so that derivatives of derivatives work. An input
// that no gradient reaches is reported (where the path ends); a path cut by a written `detach` gives zeros and a note.
Result<Graph> differentiate(const Graph& graph, Diagnostics& diagnostics);

}  // namespace nnc::passes
