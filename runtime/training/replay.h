// After a run has come to values that are not finite: the run again from its last good checkpoint, in the same machine
// code and so to the same bits, until the first step after which a loss, a parameter or a state is not finite. (A
// gradient that went wrong is noticed by the loop one step late, when the loss is.)
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/training/trainer.h"

namespace nnc::runtime {

struct FailingStep {
  int64_t step = 0;                          // of the run, from 1
  size_t phase = 0;                          // from 0
  int64_t epoch = 0;                         // from 1
  int64_t step_in_epoch = 0;                 // from 1
  std::vector<std::string> losses, tensors;  // which of them are not finite after it

  // All that the step was computed from.
  struct Input {
    InputInfo info;
    std::vector<unsigned char> bytes;
  };
  std::vector<Input> inputs;         // the batch
  std::vector<int64_t> rows;         // of the training part, in the batch's order; empty without data
  std::vector<std::string> places;   // of each, as RowOrigin::place says it
  std::vector<unsigned char> state;  // the bundle's state before the step; the scalars are these:
  double lr = 0;
  int64_t t = 0, seed = 0;

  std::string from;  // the checkpoint that the replay began with; empty: the beginning
  int64_t from_step = 0;
};

// `folder.resume_from` is the checkpoint to begin with (empty: the beginning). Writes nothing. Takes at most the steps
// to the end of that checkpoint's epoch; nothing if all of them stay finite, which only a change of the program, the
// data or the machine can bring about.
std::optional<FailingStep> replay(const RunConfig& config, std::span<const PhaseProgram> programs,
                                  const LoadedData& data, RunFolder& folder, ThreadPool& pool,
                                  Diagnostics& diagnostics);

}  // namespace nnc::runtime
