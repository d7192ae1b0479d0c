// What a training step takes and gives besides rows: the scalars t and lr in the state, and the losses.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/training/losses.h"
#include "support/diagnostic.h"

namespace nnc::runtime {

class Session;

class StepValues {
 public:
  // Finds them in a session's state, which must stay alive. False, with an error, if the model has no loss.
  bool bind(Session& session, Diagnostics& diagnostics);

  // For the next step: the number of the optimizer's step, from 1, and the rate. Allocates nothing.
  void set(int64_t t, double lr);

  // "loss" first, then its parts.
  const std::vector<LossReader>& losses() const { return losses_; }

 private:
  std::vector<LossReader> losses_;
  unsigned char* count_ = nullptr;  // the scalar t in the state
  unsigned char* rate_ = nullptr;   // and lr
};

}  // namespace nnc::runtime
