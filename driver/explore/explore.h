// `nnc run`: a small program's values, computed step by step, by compiled code or by the reference
// interpreter.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "driver/session.h"
#include "ir/graph/eval.h"

namespace nnc::driver {

// Computes the exploration graph again and again; each time the parameters take one step.
class Stepper {
 public:
  virtual ~Stepper() = default;
  // All that steps change: parameters, and what layers and the optimizer keep, as they are now.
  virtual TensorMap variables() = 0;
  // Puts those that are named there at those values; without `moments`, what the optimizer keeps stays as it is.
  virtual void assign(const TensorMap& variables, bool moments = true) = 0;
  // Takes step number t (from 1) and gives the graph's outputs; the values are those before the step.
  virtual TensorMap step(int64_t t) = 0;
  // The rate of the steps from here on; before, it is the optimizer's own.
  virtual void set_rate(double lr) = 0;
};

// `seed` is where what is drawn starts. Machine code, as every other command runs. Null when compiling failed.
std::unique_ptr<Stepper> compiled_stepper(Session& session, const frontend::Exploration& exploration,
                                          uint64_t seed);
// ir/graph/eval.h, in double and without rounding to f32: what compiled values are compared with.
std::unique_ptr<Stepper> interpreting_stepper(Session& session, const frontend::Exploration& exploration,
                                              uint64_t seed);

}  // namespace nnc::driver
