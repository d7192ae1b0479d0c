// Every pass on every graph: the result is sound, reads back, and computes the same. The pipeline's options.
#include <algorithm>

#include <catch2/catch.hpp>

#include "graphs.h"
#include "passes/pass.h"

using namespace nnc;
using namespace nnc::passes;
using namespace nnc::passes::test;

TEST_CASE("each pass alone keeps what a graph computes") {
  for (const std::string& name : graph_names()) {
    Graph before = derived(load(name));
    for (const Pass& pass : all_passes()) {
      INFO(name << " through " << pass.name);
      Graph given = unmet_need(pass, before) ? expand_fused(before) : before;
      REQUIRE_FALSE(unmet_need(pass, given));
      Graph after = run_pass(pass, given);
      checked_text(after);
      check_equivalent(before, after);
    }
  }
}

TEST_CASE("the passes in order keep what a graph computes, and change nothing when run again") {
  for (const std::string& name : graph_names()) {
    INFO(name);
    Graph before = derived(load(name));
    Diagnostics diagnostics;
    PipelineOptions options;
    options.until = Stage::fused;
    Result<Graph> after = run_pipeline(load(name), options, diagnostics);
    REQUIRE(after.ok());
    std::string text = checked_text(*after);
    check_equivalent(before, *after);
    Result<Graph> again = run_pipeline(*after, options, diagnostics);
    REQUIRE(again.ok());
    CHECK(print(*again) == text);
  }
}

TEST_CASE("what kernels are made from computes the same") {
  for (const std::string& name : graph_names()) {
    INFO(name);
    Diagnostics diagnostics;
    PipelineOptions options;
    options.until = Stage::kernels;
    Result<Graph> after = run_pipeline(load(name), options, diagnostics);
    REQUIRE(after.ok());
    checked_text(*after);
    check_equivalent(derived(load(name)), *after);
  }
}

TEST_CASE("each pass may be left out") {
  for (const Pass& pass : all_passes()) {
    if (pass.required) continue;
    INFO("without " << pass.name);
    Graph before = derived(load("mlp_train"));
    Diagnostics diagnostics;
    PipelineOptions options;
    options.until = Stage::fused;
    options.disabled = {std::string(pass.name)};
    std::vector<std::string> seen;
    options.observe = [&](std::string_view name, const Graph&, double ms) {
      seen.emplace_back(name);
      CHECK(ms >= 0);
    };
    Result<Graph> after = run_pipeline(load("mlp_train"), options, diagnostics);
    REQUIRE(after.ok());
    CHECK(seen.front() == "differentiate");
    CHECK(std::find(seen.begin(), seen.end(), pass.name) == seen.end());
    check_equivalent(before, *after);
  }
}

TEST_CASE("an unknown pass is an error with a suggestion") {
  Diagnostics diagnostics;
  PipelineOptions options;
  options.disabled = {"fuse_liner"};
  CHECK(!run_pipeline(load("beale"), options, diagnostics).ok());
  REQUIRE(diagnostics.all().size() == 1);
  CHECK(diagnostics.all()[0].kind == DiagnosticKind::unknown_choice);
  CHECK(diagnostics.all()[0].help == "did you mean fuse_linear?");
}

TEST_CASE("a required pass cannot be left out") {
  for (const Pass& pass : all_passes()) {
    if (!pass.required) continue;
    Diagnostics diagnostics;
    PipelineOptions options;
    options.disabled = {std::string(pass.name)};
    CHECK(!run_pipeline(load("beale"), options, diagnostics).ok());
    REQUIRE(diagnostics.all().size() == 1);
    CHECK(diagnostics.all()[0].message.find("cannot be switched off") != std::string::npos);
  }
}

TEST_CASE("until grad, nothing is rewritten") {
  Diagnostics diagnostics;
  PipelineOptions options;
  options.until = Stage::grad;
  Result<Graph> graph = run_pipeline(load("mlp_train"), options, diagnostics);
  REQUIRE(graph.ok());
  CHECK(print(*graph) == print(derived(load("mlp_train"))));
}

TEST_CASE("run_passes runs what it is given") {
  const Pass* passes[] = {find_pass("simplify"), find_pass("fuse_linear")};
  Graph graph = derived(load("mlp_train"));
  CHECK(print(run_passes(graph, passes)) == print(fuse_linear(simplify(graph))));
  CHECK(find_pass("no_such_pass") == nullptr);
}
