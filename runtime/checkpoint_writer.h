// Which checkpoints a run leaves in its folder, and when they are flushed to the disk: step-N at the ends of
// epochs, mid-N within one (every so often, and where a run was interrupted), best.safetensors as a copy of the best
// step-N.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "codegen/program.h"
#include "runtime/position.h"
#include "runtime/run.h"
#include "runtime/run_folder.h"
#include "support/diagnostic.h"

namespace nnc::runtime {

class CheckpointWriter {
 public:
  CheckpointWriter(const RunConfig& config, const RunFolder& folder) : config_(config), folder_(folder) {}

  // Whether train.checkpoint_every asks for a checkpoint now, with `step` steps done.
  bool due(int64_t step) const {
    if (config_.checkpoint_steps > 0) return step - last_step_ >= config_.checkpoint_steps;
    if (config_.checkpoint_seconds <= 0) return false;
    return std::chrono::duration<double>(Clock::now() - last_save_).count() >= config_.checkpoint_seconds;
  }

  // Writes ckpt/step-N.safetensors, or mid-N within an epoch, N being the steps done. `must_sync` flushes it to the
  // disk in any case; else that happens about once a second.
  bool save(const Position& at, const Bundle& bundle, const unsigned char* state, bool must_sync,
            Diagnostics& diagnostics);
  // Makes a checkpoint ckpt/best.safetensors as well.
  bool keep_as_best(const std::string& from, Diagnostics& diagnostics);
  // Removes what `train.keep` does not ask for.
  void prune();

  // Reports what ended the run and where it stands on the disk; `mended`, half a sentence, says when it can go on.
  bool fail(const Diagnostics& problems, Diagnostics& diagnostics,
            std::string_view mended = "once it can be written") const;

  const std::string& newest() const { return newest_; }
  // The run begins, or goes on, at this step.
  void start(const std::string& resumed_from, int64_t step) {
    newest_ = resumed_from;
    last_step_ = step;
  }

 private:
  using Clock = std::chrono::steady_clock;
  const RunConfig& config_;
  const RunFolder& folder_;
  std::string newest_;  // empty if there is none
  int64_t last_step_ = 0;
  Clock::time_point last_sync_{}, last_save_ = Clock::now();
};

}  // namespace nnc::runtime
