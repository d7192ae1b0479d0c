// What the tests of passes/ share: graphs from text, random inputs, comparison of what two graphs compute.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ir/graph/eval.h"
#include "ir/graph/graph.h"

namespace nnc::passes::test {

// Every graph of tests/passes/Inputs, by file name without ".nnir".
std::vector<std::string> graph_names();
Graph load(const std::string& name);
// From text; fails the test if it does not parse.
Graph parse(std::string_view text);
// graph @g(signature) { body; return out = result }, as most small tests need.
Graph parse_body(std::string_view signature, std::string_view body);

// Differentiated; fails the test if that reports an error.
Graph derived(const Graph& graph);

// Random tensors for all inputs: f32 in [-1.5, 1.5], states in [0.1, 1], labels among the classes, integers
// without classes from -2 to 6, t = 3, other f64 0.05.
TensorMap random_inputs(const Graph& graph, uint32_t seed);

// The sound text of a graph: checks that it verifies and prints, parses and prints to the same.
std::string checked_text(const Graph& graph);

// Checks that both compute the same outputs from the same random inputs, to `tolerance` (relative above 1).
void check_equivalent(const Graph& before, const Graph& after, double tolerance = 1e-6);

size_t count(const Graph& graph, Op op);

}  // namespace nnc::passes::test
