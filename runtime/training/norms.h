// How large each parameter and its gradient are at the end of an epoch, for metrics.csv and the report. Weights are
// those at the end of the epoch; gradients are the loss's by these weights over the first batch of the training set in
// the order of the file, so that epochs can be compared. Both are computed by the compiled program "norms", which
// gives "norm.weight.NAME" and "norm.gradient.NAME", of shape [1], in this order.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "runtime/data/dataset.h"
#include "runtime/training/trainer.h"

namespace nnc::runtime {

// "weight.fc1.weight", "gradient.fc1.weight", …: of all phases, each once.
std::vector<std::string> norm_columns(std::span<const PhaseProgram> programs);

// Runs the program and gives one number per column as ",number", and "," for what this bundle does not measure.
std::string measure_norms(Session& session, std::span<const std::string> columns, const Dataset& train);

}  // namespace nnc::runtime
