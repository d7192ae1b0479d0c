// One batch of made-up data for a model: what nnc gradcheck and nnc explain compute with.
#pragma once

#include <cstdint>

#include "frontend/model.h"
#include "ir/graph/eval.h"

namespace nnc::driver {

// Everything that a graph of the model takes: data columns are drawn at random from the seed (unit variance, labels among the
// classes), parameters and states are as a run with this seed starts.
TensorMap drawn_inputs(const frontend::Model& model, const Graph& graph, uint64_t seed);

}  // namespace nnc::driver
