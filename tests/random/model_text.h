// Random models as `.nn` text.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "check.h"

namespace nnc::random {

struct ModelText {
  std::string text;
  std::string optimizer;  // a call, as a run file has it
  int64_t batch = 1;
  std::map<std::string, int64_t> extents;  // of params of one axis, computed here as the text computes them
};
ModelText random_model(uint64_t seed);

// Whether the front end takes the text, what it formats it to means the same, and the extents are right. `programs`:
// the model's graphs, each to be tried for some steps.
std::optional<Fault> elaborate(const ModelText& model, uint64_t seed, std::vector<Program>& programs);

}  // namespace nnc::random
