// Runs a graph three ways on the same random inputs: compiled, by the kernel-IR interpreter (the oracle for
// bits), and in double (the oracle for values).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "codegen/compile.h"
#include "ir/graph/eval.h"
#include "ir/graph/graph.h"

namespace nnc::test {

// Outputs by name; floats and integers as double, so that f32 and i32 compare exactly.
using Outputs = std::map<std::string, std::vector<double>>;

// Bit for bit: 0 is not -0. One NaN is as good as another.
bool is_same(double a, double b);

// Logical tensors for every input of the graph, from `seed`: floats in [-1, 1), integers in [0, classes).
TensorMap random_inputs(const Graph& graph, uint64_t seed, int64_t classes = 4);

// `graph` is as the pipeline leaves it for code generation (grouped).
Outputs run_compiled(const Graph& graph, const TensorMap& inputs, const CodegenOptions& options,
                     int threads = 1);
Outputs run_interpreted(const Graph& graph, const TensorMap& inputs, const CodegenOptions& options);

// Parses graph text and runs the whole pipeline on it.
Graph prepare(const std::string& text);

}  // namespace nnc::test
