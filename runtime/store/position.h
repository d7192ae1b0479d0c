// The position of a run: together with the state buffer all that a resumed run needs to end in the same bits.
// Kept in each checkpoint's metadata; doubles in the shortest form that reads back equal.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/store/checkpoint.h"
#include "runtime/training/schedule.h"

namespace nnc::runtime {

struct Position {
  int64_t phase = 0;
  int64_t step = 0;            // of the run
  int64_t epoch = 0;           // completed, of the run; shuffling is keyed by it
  int64_t t = 0;               // steps of this optimizer
  int64_t epoch_in_phase = 0;  // completed
  int64_t step_in_phase = 0;
  int64_t step_in_epoch = 0;  // 0 at an epoch's end
  int64_t rows = 0;           // of this epoch so far, and its losses times rows
  std::vector<double> losses;
  double best = 0;  // the value of train.best at the best epoch, valid if best_step > 0
  int64_t best_step = 0;
  double stop_best = 0;    // the same for train.stop, valid if stop_epoch > 0
  int64_t stop_epoch = 0;  // completed epochs when it was reached
  Plateau plateau;         // of this phase's schedule

  void write(Metadata& metadata) const;
  // False if the metadata lacks something or holds nonsense.
  bool read(const Metadata& metadata);
};

}  // namespace nnc::runtime
