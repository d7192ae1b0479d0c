// Which checkpoints a run leaves in its folder, and when they are flushed to the disk: step-N at the ends of
// epochs, stop-N where a run was interrupted, best.safetensors as a copy of the best of them.
#pragma once

#include <chrono>
#include <string>

#include "codegen/program.h"
#include "runtime/position.h"
#include "runtime/run.h"
#include "runtime/run_folder.h"
#include "support/diagnostic.h"

namespace nnc::runtime {

class CheckpointWriter {
 public:
  CheckpointWriter(const RunConfig& config, const RunFolder& folder) : config_(config), folder_(folder) {}

  // Writes ckpt/KIND-N.safetensors, N being the steps done. `must_sync` flushes it to the disk in any case;
  // else that happens about once a second.
  bool save(const char* kind, const Position& at, const Bundle& bundle, const unsigned char* state,
            bool must_sync, Diagnostics& diagnostics);
  // Copies a checkpoint to ckpt/best.safetensors.
  bool keep_as_best(const std::string& from, Diagnostics& diagnostics);
  // Removes what `train.keep` does not ask for.
  void prune();

  const std::string& newest() const { return newest_; }
  void set_newest(const std::string& path) { newest_ = path; }

 private:
  using Clock = std::chrono::steady_clock;
  const RunConfig& config_;
  const RunFolder& folder_;
  std::string newest_;  // empty if there is none
  Clock::time_point last_sync_{};
};

}  // namespace nnc::runtime
