// What is done with a graph once the elaborator has left it behind.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "ir/graph/graph.h"
#include "support/diagnostic.h"

namespace nnc::frontend {

// Only what the outputs need, with the inputs first in signature order: columns, parameters, states, scalars.
Graph cleaned(const Graph& graph, std::string name);

// Gives the nodes their numbers, in order, and outputs that have no name of their own that of the output.
void number_values(Graph& graph);

// An output of the graph to be split, in the graph's order.
struct MetricGoal {
  std::string name;  // as people write it: "metric accuracy"
  Span span;
};
struct Split {
  Graph eval;    // run per batch: adds to the sums sum.K
  Graph finish;  // run once at the end: the outputs from the sums sum.K
};
// Splits a graph at its `accumulate` nodes, so that each output means what it would if the whole set were one batch.
// Reports the outputs and sums for which no such split exists (metric_not_exact), and gives nothing then.
std::optional<Split> split_metrics(const Graph& graph, std::span<const MetricGoal> goals,
                                   Diagnostics& diagnostics);

}  // namespace nnc::frontend
