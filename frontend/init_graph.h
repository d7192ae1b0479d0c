// The graph that starts a run, and values as text for reports.
#pragma once

#include "frontend/optimizer.h"

namespace nnc::frontend {

// (scalar seed: i64) → one output per parameter, drawn member and optimiser state, under its saved name.
Graph init_graph(std::span<Parameter* const> all, std::span<const OptimizerState> states);
// "[64, 32, 10]", "0.5", "true"
std::string text_of_value(const Datum& value);

}  // namespace nnc::frontend
