// The default order, run: one pass, or all of them.
#include <algorithm>
#include <chrono>

#include "ir/graph/names.h"
#include "passes/pass.h"
#include "passes/rewrite.h"
#include "support/clock.h"
#include "support/suggest.h"

namespace nnc::passes {
namespace {

bool names_are_optional(const std::vector<std::string>& disabled, Diagnostics& diagnostics) {
  bool good = true;
  for (const std::string& name : disabled) {
    const Pass* pass = find_pass(name);
    if (pass == nullptr) {
      std::vector<std::string> known;
      for (const Pass& p : all_passes()) known.emplace_back(p.name);
      Diagnostic& error =
          diagnostics.error_at(DiagnosticKind::unknown_choice, "--disable-pass", "there is no pass " + name);
      if (auto nearest = suggest(name, known)) error.suggest("did you mean " + *nearest + "?");
      good = false;
    } else if (pass->required) {
      diagnostics.error_at(DiagnosticKind::unknown_choice, "--disable-pass",
                           "the pass " + name + " cannot be switched off: code generation relies on it");
      good = false;
    }
  }
  return good;
}

// The graph first, then the bodies of its scans.
Graph run_on_bodies(const Pass& pass, const Graph& graph) {
  Graph result = pass.run(graph);
  if (pass.takes == Takes::any)
    for (Node& node : result.nodes)
      if (auto* scan = std::get_if<ScanAttrs>(&node.attrs))
        scan->body = std::make_shared<const Graph>(verified(pass.name, run_on_bodies(pass, *scan->body)));
  return result;
}

}  // namespace

const Pass* find_pass(std::string_view name) {
  for (const Pass& pass : all_passes()) {
    if (pass.name == name) return &pass;
  }
  return nullptr;
}

std::optional<std::string> unmet_need(const Pass& pass, const Graph& graph) {
  if (pass.takes != Takes::lowered) return std::nullopt;
  std::string_view first;
  for (const Node& node : graph.nodes) {
    const LowerRule& lower = op_def(node.op).lower;
    if (std::holds_alternative<ExpandRule>(lower) && first.empty()) first = "expand_fused";
    if (const auto* rewritten = std::get_if<RewrittenRule>(&lower); rewritten && !op_def(node.op).has(kGiven))
      first = rewritten->by;  // comes before the passes
  }
  if (first.empty()) return std::nullopt;
  return std::string(pass.name) + " needs " + std::string(first) + " first";
}

Graph run_pass(const Pass& pass, const Graph& graph) {
  const WorkingOn work = working_on(pass.name, graph);
  Graph result = run_on_bodies(pass, graph);
  settle_names(result);
  return verified(pass.name, std::move(result));
}

Result<Graph> run_pipeline(const Graph& graph, const PipelineOptions& options, Diagnostics& diagnostics) {
  if (!names_are_optional(options.disabled, diagnostics)) return Failure();
  auto done = [&](std::string_view name, const Graph& after, std::chrono::steady_clock::time_point start) {
    double ms = ms_since(start);
    if (options.observe) options.observe(name, after, ms);
  };

  auto start = std::chrono::steady_clock::now();
  Result<Graph> differentiated = differentiate(graph, diagnostics);
  if (!differentiated) return Failure();
  Graph current = std::move(*differentiated);
  done(kDifferentiate, current, start);

  for (const Pass& pass : all_passes()) {
    if (pass.stage > options.until) continue;
    bool off =
        std::find(options.disabled.begin(), options.disabled.end(), pass.name) != options.disabled.end();
    if (off) continue;
    start = std::chrono::steady_clock::now();
    current = run_pass(pass, current);
    done(pass.name, current, start);
  }
  return current;
}

Graph run_passes(const Graph& graph, std::span<const Pass* const> passes) {
  Graph current = graph;
  for (const Pass* pass : passes) current = run_pass(*pass, current);
  return current;
}

}  // namespace nnc::passes
