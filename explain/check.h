// Whether an explanation is true: its text is read back, evaluated in double, and compared with what the graph computes.
#pragma once

#include <string>
#include <vector>

#include "explain/explanation.h"
#include "ir/graph/eval.h"

namespace nnc::explain {

// What the reference gives for each node and result of the graph: evaluate_all().
using KnownValues = std::vector<std::vector<DenseTensor>>;

struct Evaluated {
  TensorMap values;   // by name; of a sequence all places
  std::string fault;  // why the text could not be evaluated: a mistake of ours
};

// The text, at these inputs; of `known` only what the text leaves open (`~`) is taken.
Evaluated evaluate(const Explanation& explanation, std::string_view text, const TensorMap& inputs,
                   const KnownValues& known);

// The largest difference of two values, relative to the largest element of the second, or to `least` where all are smaller: of
// numbers that cancel to nothing, such as the gradient of a bias before a batch norm, only rounding is left.
double difference(const DenseTensor& a, const DenseTensor& b, double least);
// This share of the largest element of all derivatives.
inline constexpr double kLeastShare = 1e-3;
double least_scale(const Explanation& explanation, const TensorMap& values);

struct Checked {
  size_t values = 0;  // that were compared: each that is in the graph
  double error = 0;   // the largest difference()
  std::string worst;  // where it is
};
Checked compare(const Explanation& explanation, const Evaluated& evaluated, const KnownValues& known);

}  // namespace nnc::explain
