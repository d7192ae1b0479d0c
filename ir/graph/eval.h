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

// A graph's values at some inputs, and its outputs where one input differs: of that, what depends on the input is computed. What is
// detached keeps its value: so a difference of two losses sees what differentiation sees, to which that is constant.
class Neighborhood {
 public:
  Neighborhood(Graph graph, TensorMap inputs);
  // The outputs that depend on `input`, which is `value`.
  TensorMap outputs(std::string_view input, const DenseTensor& value);
  const DenseTensor& input(std::string_view name) const { return inputs_.find(name)->second; }
  const DenseTensor& output(std::string_view name) const;

 private:
  // The nodes whose values change with an input, in order; not what is only detached of it.
  const std::vector<NodeId>& dependents(NodeId input);

  Graph graph_;
  TensorMap inputs_;
  std::vector<std::vector<DenseTensor>> values_;  // by node
  // What the `detach` nodes gave in the order in which they were computed, those in the body of a scan in each step, and where in
  // that order each node begins.
  std::vector<DenseTensor> detached_;
  std::vector<size_t> detached_before_;
  std::map<NodeId, std::vector<NodeId>> dependents_;
};

// The results of a scan whose body `step` evaluates: the outputs by name of the inputs by name.
std::vector<DenseTensor> evaluate_scan(const ScanAttrs& scan, std::span<const DenseTensor> operands,
                                       std::span<const TensorType> types,
                                       const std::function<TensorMap(const TensorMap&)>& step);

// Every value of the graph, in node order: for tests of single nodes.
std::vector<std::vector<DenseTensor>> evaluate_all(const Graph& graph, const TensorMap& inputs);

}  // namespace nnc
