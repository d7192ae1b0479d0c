// The training loop as a class; used by trainer.h's functions only. A run is a list of phases, a phase a list of
// segments (epochs; without data, twentieths of its steps), a segment a list of steps. Everything a resumed run needs to
// go on to the same bits is in the state buffer and in Position, and both are in every checkpoint.
//   trainer.cpp     the loop       epoch_end.cpp   what an epoch leaves behind, and how runs end
//   replay.cpp      the steps from a checkpoint to the first that goes wrong
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/store/checkpoint_writer.h"
#include "runtime/store/metrics_log.h"
#include "runtime/store/position.h"
#include "runtime/store/run_checkpoints.h"
#include "runtime/training/batches.h"
#include "runtime/training/norms.h"
#include "runtime/training/replay.h"
#include "runtime/training/schedule.h"
#include "runtime/training/step_values.h"
#include "runtime/training/stop_signal.h"
#include "runtime/training/trainer.h"

namespace nnc::runtime {

class Trainer {
 public:
  Trainer(const RunConfig& config, std::span<const PhaseProgram> programs, const LoadedData& data,
          RunFolder& folder, ThreadPool& pool, const TrainOptions& options, Diagnostics& diagnostics);
  TrainOutcome run();
  std::optional<FailingStep> replay();

 private:
  const Bundle& bundle() const { return *programs_[static_cast<size_t>(at_.phase)].bundle; }
  const Phase& phase() const { return config_.phases[static_cast<size_t>(at_.phase)]; }
  // What is evaluated after each epoch; "" for nothing.
  std::string part() const { return bundle().find("finish") == nullptr ? "" : data_.watched_name(); }

  // ---- start ----
  bool prepare();
  // The initial state, or that of the checkpoint to continue from. Writes nothing.
  bool begin();
  bool resume();
  // Of the optimizer's steps from here on (schedule.h).
  int64_t draw_seed() const {
    return static_cast<int64_t>(runtime::draw_seed(config_.seed, at_.step - at_.t));
  }
  // Makes the session of at_.phase; from an earlier phase it takes over what both know.
  bool enter_phase();

  // ---- how long ----
  int64_t batches() const;
  int64_t steps_in_segment() const;
  int64_t total_steps() const;
  bool phase_done() const;
  bool stops_early() const;

  // ---- the loop ----
  bool all_phases();
  // Of a step of this phase, from 0.
  double rate(int64_t step) const;
  // What holds for all steps of an epoch: the rows' order.
  void begin_segment();
  // One step, and its losses. False if one of them is not finite. Allocates nothing.
  bool take_step();
  bool segment();
  // Of the steps since the last call.
  StepTimes step_times();
  // The means of an epoch weigh a step by its rows.
  bool add_losses(int64_t rows);

  // ---- what an epoch leaves behind (epoch_end.cpp) ----
  bool end_segment();
  // The losses of training, the metrics on the training part (train.metrics) and the part that is watched.
  bool evaluate_epoch();
  // The test part of a run that watches another one, once, at the end.
  bool evaluate_test();
  // "train.NAME" is a value of the training part, "validation.NAME", "test.NAME" or a plain name one of the part that is
  // watched, or else a plain name one of the training part. Not a number if there is none.
  double measured(const std::string& name) const;
  // The value of this epoch that `watch` names; the loss if it names none.
  double watched(const Watch& watch) const;
  void say_epoch(bool last);
  // A checkpoint holds only finite values: a run that goes on from one can be trusted.
  bool save(bool must_sync);
  bool write(bool must_sync);
  bool state_is_finite();
  // What was learned from rows that another program has written to must not get into a checkpoint.
  bool data_is_unchanged();
  bool diverged(const std::string& parameter = "");
  bool interrupted();

  // ---- replay.cpp ----
  void describe_step(FailingStep& found) const;

  const RunConfig& config_;
  std::span<const PhaseProgram> programs_;
  const LoadedData& data_;
  RunFolder& folder_;
  ThreadPool& pool_;
  const TrainOptions& options_;
  Diagnostics& diagnostics_;
  CheckpointWriter checkpoints_;
  StopSignal stop_;
  Progress progress_;
  MetricsLog log_;
  std::vector<NormColumn> norms_;  // columns of the log
  std::unique_ptr<Session> session_;
  Batches batches_;
  std::vector<uint32_t> order_;
  StepValues values_;
  PhaseLength length_;
  Position at_;
  int64_t first_step_ = 0;  // of this session
  struct {
    int64_t step = 0;
    double seconds = 0, gathering = 0;
  } timed_;  // where the last epoch's times end
  struct {
    int64_t step = 0;
    double at = 0, stepping = 0, evaluating = 0, writing = 0;
  } said_;  // where the times of the last epoch's line end
  double last_loss_ = 0, evaluating_seconds_ = 0;
  TrainOutcome outcome_;
};

}  // namespace nnc::runtime
