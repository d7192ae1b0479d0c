// The reference interpreter: a walk that calls OpDef::eval on tensors in double.
#pragma once

#include <map>
#include <string>

#include "ir/graph/graph.h"

namespace nnc {

using TensorMap = std::map<std::string, DenseTensor, std::less<>>;

// Computes every output. `inputs` holds one tensor per input of the graph, by name and of its type. f32 values are
// not rounded: this is the real-number reference that compiled results are compared with. Graphs must be free of
// `grad` nodes (passes/differentiate removes them).
TensorMap evaluate(const Graph& graph, const TensorMap& inputs);

// Every value of the graph, in node order: for tests of single nodes.
std::vector<std::vector<DenseTensor>> evaluate_all(const Graph& graph, const TensorMap& inputs);

}  // namespace nnc
