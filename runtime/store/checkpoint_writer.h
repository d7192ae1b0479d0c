// Which checkpoints a run leaves in its folder, and when they are flushed to the disk: step-N at the ends of epochs, mid-N
// within one (every so often, and where a run was interrupted), best.safetensors, the best epoch's end. When one is
// written may depend on the clock; what is in it never does.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "codegen/program.h"
#include "runtime/run_file/run.h"
#include "runtime/store/position.h"
#include "runtime/store/run_folder.h"
#include "support/diagnostic.h"

namespace nnc::runtime {

class CheckpointWriter {
 public:
  CheckpointWriter(const RunConfig& config, const RunFolder& folder) : config_(config), folder_(folder) {}

  // Whether a checkpoint is due at the end of this epoch, the run's first being 1. Where the run file says nothing of
  // epochs: at each, unless checkpoints are large and writing them would take more than a tenth of the time.
  bool due_at_end(int64_t epoch) const;
  static bool worth_its_time(size_t bytes, double seconds_since_last, double seconds_to_write) {
    return bytes <= kSmall || seconds_since_last >= 9 * seconds_to_write;
  }

  // Whether train.checkpoint_every asks for a checkpoint within an epoch now, with `step` steps done.
  bool due(int64_t step) const {
    if (config_.checkpoint_steps > 0) return step - last_step_ >= config_.checkpoint_steps;
    if (config_.checkpoint_seconds <= 0) return false;
    return since_last() >= config_.checkpoint_seconds;
  }
  bool has(int64_t step) const { return !newest_.empty() && last_step_ == step; }

  // Writes ckpt/step-N.safetensors, or mid-N within an epoch, N being the steps done. `must_sync` flushes it to the
  // disk in any case; else that happens about once a second.
  bool save(const Position& at, const Bundle& bundle, const unsigned char* state, bool must_sync,
            Diagnostics& diagnostics);
  // Makes a checkpoint ckpt/best.safetensors as well.
  bool keep_as_best(const std::string& from, Diagnostics& diagnostics);
  // The state at the best epoch's end if no checkpoint is due then: kept in memory until the next save(), which writes it
  // first, so that the best epoch that a checkpoint names is always on the disk.
  void hold_best(const Position& at, const Bundle& bundle, const unsigned char* state);
  bool write_held_best(Diagnostics& diagnostics);
  void drop_held_best() { held_.bundle = nullptr; }
  // Removes what `train.keep` does not ask for.
  void prune();

  // Reports what ended the run and its newest checkpoint; `mended`, half a sentence, says when the run can continue.
  bool fail(const Diagnostics& problems, Diagnostics& diagnostics,
            std::string_view mended = "once it can be written") const;

  const std::string& newest() const { return newest_; }
  double seconds() const { return seconds_; }  // spent in writing
  // The run begins, or goes on, at this step.
  void start(const std::string& resumed_from, int64_t step) {
    newest_ = resumed_from;
    last_step_ = step;
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr size_t kSmall = size_t{1} << 20;
  double since_last() const { return std::chrono::duration<double>(Clock::now() - last_save_).count(); }
  Metadata metadata_of(const Position& at) const;

  const RunConfig& config_;
  const RunFolder& folder_;
  std::string newest_;  // empty if there is none
  int64_t last_step_ = 0;
  size_t last_bytes_ = 0;
  struct {
    const Bundle* bundle = nullptr;  // null: the best one is on the disk
    Position at;
    std::vector<unsigned char> state;
  } held_;
  double last_seconds_ = 0, seconds_ = 0;
  Clock::time_point last_sync_{}, last_save_ = Clock::now();
};

}  // namespace nnc::runtime
