// What is tried: a graph, the numbers it is given, and how it is compiled. A program that failed is a file of graph
// text whose first line says the rest:
//   # compare steps 2, seed 17, compiled: random schedule 5, 4 threads, avx512, without simplify
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "codegen/compile.h"
#include "ir/graph/eval.h"
#include "ir/graph/graph.h"
#include "validate/draw.h"

namespace nnc::random {

using validate::Draw;
using validate::seed_of;

struct Program {
  Graph graph;
  uint64_t seed = 1;  // of the inputs
  int steps = 1;      // how often it runs, outputs replacing inputs in between
};

// One way to compile a program.
struct Variant {
  std::vector<std::string> without;  // passes left out
  bool scheduled = true;
  uint64_t schedule_seed = 0;  // not 0: a random schedule
  uint64_t again_seed = 0;     // not 0: random values are computed again for random readers
  int threads = 1;
  std::string isa = "avx2";

  CodegenOptions options() const;
  bool operator==(const Variant&) const = default;
};

// "random schedule 5, 4 threads, avx512, again 3, without simplify", and back.
std::string to_text(const Variant& variant);
std::optional<Variant> parse_variant(const std::string& text);

// The file of a failed program. `variant`: in which it differed; absent: it is no matter of compiling.
std::string to_text(const Program& program, const std::optional<Variant>& variant);
struct Stored {
  Program program;
  std::optional<Variant> variant;
};
// Fails with a sentence where the text is no such file.
std::variant<Stored, std::string> parse_stored(const std::string& text);

// The inputs of step `step` (from 0), all from the program's seed and each from its own name, so that leaving one out
// changes no other. Params and states are given at step 0 only.
TensorMap inputs_of(const Program& program, int step);
// Of all steps, in order.
std::vector<TensorMap> inputs_of(const Program& program);
// Of one input node.
DenseTensor draw_input(const Node& input, uint64_t seed, int step);

}  // namespace nnc::random
