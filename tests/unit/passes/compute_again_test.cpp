// What is computed again is computed the same, whichever values are chosen for whichever readers.
#include "passes/compute_again.h"

#include <algorithm>

#include <catch2/catch.hpp>

#include "graphs.h"
#include "passes/pass.h"

using namespace nnc;
using namespace nnc::passes;
using namespace nnc::passes::test;

namespace {

Graph grouped(const std::string& name) {
  Diagnostics diagnostics;
  Result<Graph> graph = run_pipeline(load(name), PipelineOptions(), diagnostics);
  REQUIRE(graph.ok());
  return std::move(*graph);
}

// Of all values that can be: for the last of their readers, for all, or for what is computed again alone.
std::vector<ComputedAgain> choices_of(const Graph& graph, const Recomputable& known, int how) {
  std::vector<ComputedAgain> choices;
  for (uint32_t i = 0; i < graph.nodes.size(); ++i)
    for (uint32_t r = 0; r < graph.nodes[NodeId{i}].types.size(); ++r) {
      const Value value{NodeId{i}, r};
      const std::set<uint32_t>& readers = known.readers(value);
      if (readers.empty()) continue;
      ComputedAgain choice{value, {}};
      if (how == 1) choice.readers = readers;
      if (how == 0 || (how == 2 && i % 2 == 0)) choice.readers = {*readers.rbegin()};
      if (known.can(choice)) choices.push_back(choice);
    }
  return choices;
}

// As compute_again() tells them, and as they are.
void check_reads(const WithComputedAgain& made) {
  for (uint32_t i = 0; i < made.graph.nodes.size(); ++i) {
    if (made.graph.nodes[NodeId{i}].group == kNoGroup) continue;
    const std::vector<Read> reads = reads_of(made.graph, NodeId{i});
    REQUIRE(reads.size() == made.reads[i].size());
    for (size_t k = 0; k < reads.size(); ++k) {
      CHECK(reads[k].value == made.reads[i][k].value);
      CHECK(reads[k].index == made.reads[i][k].index);
    }
  }
}

}  // namespace

TEST_CASE("what is computed again is the same") {
  size_t again = 0;
  for (const std::string& name : graph_names())
    for (const int how : {0, 1, 2}) {
      INFO(name << ", way " << how);
      const Graph before = grouped(name);
      const Recomputable known(before);
      const WithComputedAgain made = compute_again(known, choices_of(before, known, how));
      checked_text(made.graph);
      check_equivalent(before, made.graph, 0);
      check_reads(made);
      again += static_cast<size_t>(std::ranges::count(made.graph.nodes, true, &Node::again));
    }
  CHECK(again > 100);
}

TEST_CASE("a second value is made for its readers alone, and what leaves the graph stays") {
  const Graph graph = parse(R"(graph @f(x: f32[64,64], w: f32[64,64]) {
  %0 = matmul x, w : f32[64,64] in 0
  %1 = exp %0 : f32[64,64] in 0
  %2 = matmul %1, w : f32[64,64] in 1
  %3 = neg %1 : f32[64,64]
  %4 = matmul %2, %1 : f32[64,64] in 2
  %5 = mul %4, %3 : f32[64,64] in 2
  return a = %2, b = %5
})");
  const Recomputable known(graph);
  CHECK(known.readers({NodeId{3}, 0}) == std::set<uint32_t>{1, 2});
  CHECK_FALSE(known.can({{NodeId{4}, 0}, {2}}));
  const std::vector<ComputedAgain> choices = {{{NodeId{3}, 0}, {2}}};
  REQUIRE(known.can(choices[0]));
  CHECK(print(compute_again(known, choices).graph) == R"(graph @f(x: f32[64,64], w: f32[64,64]) {
  %0 = matmul x, w : f32[64,64] in 0
  %6 = matmul x, w : f32[64,64] in 3 again
  %1 = exp %0 : f32[64,64] in 0
  %7 = exp %6 : f32[64,64] in 3 again
  %2 = matmul %1, w : f32[64,64] in 1
  %4 = matmul %2, %7 : f32[64,64] in 2
  %3 = neg %7 : f32[64,64]
  %5 = mul %4, %3 : f32[64,64] in 2
  return a = %2, b = %5
}
)");
}

TEST_CASE("what would be computed with a sum over several axes is kept") {
  const Graph graph = parse(R"(graph @f(x: f32[8,64,64], w: f32[64,64]) {
  %0 = exp x : f32[8,64,64] in 0
  %1 = reduce_sum %0 {axes = [1,2]} : f32[8] in 0
  %2 = broadcast %1 {shape = [8,64,64], axes = [0]} : f32[8,64,64]
  %3 = mul %0, %2 : f32[8,64,64] in 0
  %4 = neg %3 : f32[8,64,64] in 1
  %5 = sin %4 : f32[8,64,64] in 2
  %6 = mul %5, %3 : f32[8,64,64] in 3
  return a = %6
})");
  const Recomputable known(graph);
  CHECK_FALSE(known.can({{NodeId{5}, 0}, {3}}));
  CHECK(known.can({{NodeId{6}, 0}, {2}}));
}
