// The reference interpreter: a walk that calls OpDef::eval on tensors in double.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>

#include "ir/graph/graph.h"

namespace nnc {

using TensorMap = std::map<std::string, DenseTensor, std::less<>>;

// Computes every output. `inputs` holds one tensor per input of the graph, by name and of its type. f32 values are
// not rounded: this is the real-number reference that compiled results are compared with. Graphs must be free of
// `grad` nodes (passes/differentiate removes them).
TensorMap evaluate(const Graph& graph, const TensorMap& inputs);

// What the `detach` nodes of a graph gave, in the order in which they were computed, those in the body of a scan in each step.
using DetachedValues = std::vector<DenseTensor>;
// As evaluate(). An empty `detached` is filled; another gives what is detached, whatever the inputs are now: so a difference of
// two losses sees what differentiation sees, to which that is constant.
TensorMap evaluate(const Graph& graph, const TensorMap& inputs, DetachedValues& detached);

// The results of a scan whose body `step` evaluates: the outputs by name of the inputs by name.
std::vector<DenseTensor> evaluate_scan(const ScanAttrs& scan, std::span<const DenseTensor> operands,
                                       std::span<const TensorType> types,
                                       const std::function<TensorMap(const TensorMap&)>& step);

// Every value of the graph, in node order: for tests of single nodes.
std::vector<std::vector<DenseTensor>> evaluate_all(const Graph& graph, const TensorMap& inputs);

}  // namespace nnc
