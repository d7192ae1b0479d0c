// All that is checked of a program.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "program.h"
#include "validate/values.h"

namespace nnc::random {

// What the programs of a run were made of, and what happened to them.
struct Coverage {
  uint64_t programs = 0;
  uint64_t refused =
      0;  // by differentiation or the front end, rightly: they ask for a gradient that is not there
  uint64_t compiled = 0;
  uint64_t again = 0;                 // values that were computed again
  std::array<uint64_t, 256> ops{};    // programs with an op, after differentiation
  std::array<uint64_t, 64> passes{};  // how often a pass changed a graph
  validate::Tally values;
  validate::Tally gradients;
};

// What to compare. Each of `bits` must give the bits of the first of them; each of `values` the right values.
struct Plan {
  bool whole = true;       // text, and gradients against differences
  bool interpret = false;  // the kernel IR's interpreter, too, must give the bits of `bits`
  std::vector<Variant> bits;
  std::vector<Variant> values;
};
// Some of all possible ones, drawn with the program's seed.
Plan plan_for(const Program& program);
// What showed the fault of a stored program, and besides what is drawn.
Plan plan_for(const Program& program, const std::optional<Variant>& variant);

struct Fault {
  std::string kind;  // "text", "gradient", "value", "bits", "compiling", "crash": shrinking keeps it
  std::string sentence;
  std::optional<Variant> variant;
};
std::optional<Fault> find_fault(const Program& program, const Plan& plan, Coverage& coverage);

}  // namespace nnc::random
