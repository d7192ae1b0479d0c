// How large each parameter and its gradient are at the end of an epoch, for metrics.csv and the report. Weights are
// those at the end of the epoch; gradients are the loss's by these weights over the first batch of the training set in
// the order of the file, so that epochs can be compared. Both are computed by the compiled program "norms", which
// gives the norms of all weights and then those of all gradients, each of shape [1].
#pragma once

#include <span>
#include <string>
#include <vector>

#include "runtime/data/dataset.h"
#include "runtime/training/trainer.h"

namespace nnc::runtime {

struct NormColumn {
  OutputKind kind = OutputKind::weight_norm;  // or gradient_norm
  std::string parameter;

  std::string name() const;  // in metrics.csv: "weight.fc1.weight", "gradient.fc1.weight"
  bool operator==(const NormColumn&) const = default;
};

// Of all phases, each once.
std::vector<NormColumn> norm_columns(std::span<const PhaseProgram> programs);

// Runs the program and gives one number per column as ",number", and "," for what this bundle does not measure.
std::string measure_norms(Session& session, std::span<const NormColumn> columns, const Dataset& train);

}  // namespace nnc::runtime
