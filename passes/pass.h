// A pass reads one verified graph and builds another; it cannot fail. Differentiation is a stage, not a pass:
// it may refuse.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ir/graph/builder.h"
#include "ir/graph/graph.h"
#include "support/diagnostic.h"
#include "support/result.h"

namespace nnc::passes {

// How far the pipeline goes: `grad` ends after differentiation, `fused` after the rewriting passes, `kernels`
// after layout and grouping (what codegen reads).
enum class Stage { grad, fused, kernels };

// The name of differentiation, which is not a Pass, among the names of passes.
constexpr std::string_view kDifferentiate = "differentiate";
constexpr std::string_view kDifferentiateDoc = "writes each gradient as ordinary graph";

// Which graphs a pass takes: any, then it is run on the bodies of scans, too; whole programs; or those whose ops kernels are
// made of.
enum class Takes { any, whole, lowered };

struct Pass {
  std::string_view name;  // "fuse_linear": the file's name, --passes, --disable-pass
  std::string_view doc;
  Stage stage;    // the first stage it belongs to
  bool required;  // the code generator cannot do without it
  Takes takes;
  Graph (*run)(const Graph& graph);  // by run_pass() only
};

#define NNC_PASS(name, stage, required, takes, doc) Graph name(const Graph& graph);
#include "passes/passes.def"

// In the order of passes.def.
std::span<const Pass> all_passes();
const Pass* find_pass(std::string_view name);

// What must be done to the graph before the pass can be given it, "group_kernels needs differentiate first"; nothing if
// it takes it.
std::optional<std::string> unmet_need(const Pass& pass, const Graph& graph);

struct PipelineOptions {
  Stage until = Stage::kernels;
  std::vector<std::string> disabled;  // names of optional passes; any other name is an error
  // Called after differentiation (kDifferentiate) and after each pass; may be empty.
  std::function<void(std::string_view pass, const Graph& after, double ms)> observe;
};

// Differentiates (expands `grad` nodes), then runs the default order. Fails where differentiation does, or
// where `disabled` names no pass or a required one.
Result<Graph> run_pipeline(const Graph& graph, const PipelineOptions& options, Diagnostics& diagnostics);

// What one pass makes of a graph, verified: a pass that breaks an invariant is an internal error that names it and
// writes the graph it was given to a file.
Graph run_pass(const Pass& pass, const Graph& graph);

// Exactly these passes, in this order, on a graph that may still hold `grad` nodes.
Graph run_passes(const Graph& graph, std::span<const Pass* const> passes);

// Replaces every `grad` node by ordinary graph, inner ones first, so that derivatives of derivatives work. An
// input that no gradient reaches is reported (where the path ends); a path cut by a written `detach` gives
// zeros and a warning, and so does a derivative that is zero everywhere, except that of a parameter, which is
// an error. What comes out is verified, as by run_pass().
Result<Graph> differentiate(const Graph& graph, Diagnostics& diagnostics);

}  // namespace nnc::passes
