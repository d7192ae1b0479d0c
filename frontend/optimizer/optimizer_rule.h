// What an optimizer does with the parameters, once its call is understood (optimizer.cpp): `update` follows the
// gradient, `propose` tries another place and stays if the loss is lower there.
#pragma once

#include <span>

#include "frontend/optimizer/optimizer.h"

namespace nnc::frontend {

// A parameter and the arguments of the optimizer that hold for it.
struct Learned {
  Parameter* parameter = nullptr;
  const Frame* arguments = nullptr;  // bound, lr as the graph's input
};

struct RuleParts {
  const ast::Declaration& declaration;
  const ast::Rule& rule;
  Span span;  // in the user's text: the rule, or the call of a standard one
};

// The number of the optimizer's step, i64, from 1: where it takes several batches together, that of the step, not of the batch.
Value update_number(Elaborator& e);
// bool: the batch is the last of those that make a step.
Value completes_step(Elaborator& e);

// Runs `update` for each parameter on its gradient, clipped as the options say. False after an error.
bool update_all(Elaborator& e, const RuleParts& parts, std::span<const Learned> learned, const Tensor& loss,
                OptimizerResult& result);

// Runs `propose` for each parameter, evaluates the loss with all proposals in the parameters' place, and keeps
// them, states included, where that is lower than the loss as it is: the same batch and the same draws both
// times. No gradient is asked for. False after an error.
bool propose_all(Elaborator& e, const RuleParts& parts, std::span<const Learned> learned, const Tensor& loss,
                 OptimizerResult& result);

}  // namespace nnc::frontend
