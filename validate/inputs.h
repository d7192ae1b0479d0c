// Numbers for the inputs of a graph: such as a model has them, so that what is computed from them is finite and tells right
// from wrong.
#pragma once

#include <cstdint>

#include "ir/graph/eval.h"
#include "ir/graph/graph.h"

namespace nnc::validate {

// Every input, from the seed and its own name, so that one more or less changes no other: weights as large as their number of
// terms allows, moments and sums positive, labels within their classes, steps counted from 1. Data are of both signs, or
// `positive`, as a logarithm of them needs.
TensorMap draw_inputs(const Graph& graph, uint64_t seed, bool positive = false);

}  // namespace nnc::validate
