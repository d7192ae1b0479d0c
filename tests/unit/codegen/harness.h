// Runs a graph three ways on the same random inputs: compiled, by the kernel-IR interpreter (the oracle for
// bits), and in double (the oracle for values).
#pragma once

#include <string>

#include "validate/execute.h"

namespace nnc::test {

using validate::is_same;
using validate::Outputs;

// Logical tensors for every input of the graph, from `seed`: floats in [-1, 1), integers in [0, classes).
TensorMap random_inputs(const Graph& graph, uint64_t seed, int64_t classes = 4);

// `graph` is as the pipeline leaves it for code generation (grouped).
Outputs run_compiled(const Graph& graph, const TensorMap& inputs, const CodegenOptions& options,
                     int threads = 1);
Outputs run_interpreted(const Graph& graph, const TensorMap& inputs, const CodegenOptions& options);

// Parses graph text and runs the whole pipeline on it.
Graph prepare(const std::string& text);

}  // namespace nnc::test
