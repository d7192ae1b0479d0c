// The graph that starts a run.
#pragma once

#include "frontend/optimizer/optimizer.h"

namespace nnc::frontend {

// (scalar seed: i64) → one output per parameter, drawn member and optimizer state, under its saved name.
Graph init_graph(std::span<Parameter* const> all, std::span<const OptimizerState> states);

}  // namespace nnc::frontend
