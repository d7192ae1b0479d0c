// The call of an optimizer and what it leaves in the training graph.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "frontend/elaborate/elaborator.h"

namespace nnc::frontend {

struct OptimizerState {
  std::string name;  // as saved
  TensorType type;
  double start = 0;  // every element, before the first step
};
struct OptimizerResult {
  double default_lr = 0;  // the rate that the call gives, or the optimizer's own
  std::vector<OptimizerState> states;
};
// Appends the update of every parameter as outputs of the elaborator's graph. `call`: "sgd(lr = 0.1)"; `loss`: f32[].
// Nothing after an error.
std::optional<OptimizerResult> apply_optimizer(Elaborator& e, const ast::Expr& call, const Tensor& loss);

}  // namespace nnc::frontend
