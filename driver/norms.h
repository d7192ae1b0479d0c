// The program that measures weights and gradients at the end of an epoch (runtime/training/norms.h).
#pragma once

#include "frontend/model.h"

namespace nnc::driver {

// From the model's graph "gradients": the Euclidean norm of each parameter and of its gradient.
Graph norms_graph(const Graph& gradients);

}  // namespace nnc::driver
