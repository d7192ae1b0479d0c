// Where a graph's values stop being finite: the reference interpreter, with every f32 value rounded as a compiled step
// rounds it, looking at each element as it is computed.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ir/graph/eval.h"

namespace nnc {

// One element that went into another.
struct SeenElement {
  Value value;
  std::vector<int64_t> index;  // logical, one per axis
  double number = 0;
};

// The element where it began: not finite, though everything it was computed from is. (Or, where infinities were given
// as constants: a NaN computed from none.)
struct NonFinite {
  NodeId node;
  std::vector<int64_t> index;
  double number = 0;                  // inf, -inf or nan
  std::vector<SeenElement> operands;  // what it was computed from; of a sum, the largest term
  int64_t terms = 1;                  // how many terms a sum has
  int64_t count = 0;                  // how many elements of this node are not finite
  // Where it began in a step of a scan: the scan, whose body `node` and the values above are of, and the step, from 0.
  NodeId scan = {};
  int64_t step = 0;
};

// Computes the graph and follows each of the named outputs that is not finite back to the earliest node it came from.
// Constants are taken as meant: an infinite one is a fault only where there is no other. Nothing if these outputs are
// finite in this arithmetic.
// Reductions and products are summed in double and then rounded, so that a sum which overflows only on its way, and
// comes back, is not found. Graphs must be free of `grad` nodes; `inputs` as for evaluate().
std::optional<NonFinite> find_nonfinite(const Graph& graph, const TensorMap& inputs,
                                        std::span<const std::string> outputs);

// The same for one node whose values are known from elsewhere: where it begins among its results. Nothing if every element
// that is not finite was computed from one that is not.
std::optional<NonFinite> nonfinite_at(const Graph& graph, NodeId id, const std::vector<DenseTensor>& operands,
                                      const std::vector<DenseTensor>& results);

// The nodes that are not finite and lead to one of the named outputs through nodes that are not, in their order. One
// entry of `not_finite` per node.
std::vector<NodeId> nonfinite_path(const Graph& graph, const std::vector<bool>& not_finite,
                                   std::span<const std::string> outputs);

// Of the constants among these nodes, the one that holds what is not finite: rather a NaN than an infinity, which may be meant.
std::optional<NonFinite> nonfinite_constant(const Graph& graph, std::span<const NodeId> nodes);

// Whether a constant holds what is not finite.
bool is_nonfinite_constant(const Node& node);

// What computing this graph that way takes: scalar operations (a product counts each of its terms), and the bytes of
// all values that are alive at once, at their peak.
struct InterpretationCost {
  double operations = 0;
  double bytes = 0;
};
InterpretationCost interpretation_cost(const Graph& graph);

}  // namespace nnc
