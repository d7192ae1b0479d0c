// The losses of a compiled model as the loop sees them: the loss, its parts, all of them scalars, and whether
// what a step left behind is still finite.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "codegen/program.h"

namespace nnc::runtime {

struct NamedValue {
  std::string name;
  double value = 0;
  OutputKind kind = OutputKind::metric;
};

// Whether an evaluation gives this number: a loss or a metric.
bool is_measured(const TensorInfo& tensor);

struct LossReader {
  std::string name;
  OutputKind kind = OutputKind::loss;
  uint64_t offset = 0;  // in the state
  DType dtype = DType::f32;

  double read(const unsigned char* state) const;
};

// The loss first, then its parts in the bundle's order; empty if the bundle has no loss.
std::vector<LossReader> find_losses(const Bundle& bundle);

// The parameters and states that a checkpoint would hold and that are not finite everywhere.
std::vector<std::string> not_finite(const Bundle& bundle, const unsigned char* state);

}  // namespace nnc::runtime
