// The training loop; see trainer.h and training_loop.h.
#include "runtime/training/trainer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

#include "fmt/format.h"
#include "runtime/file.h"
#include "runtime/training/norms.h"
#include "runtime/training/training_loop.h"

namespace nnc::runtime {
Trainer::Trainer(const RunConfig& config, std::span<const PhaseProgram> programs, const LoadedData& data,
                 RunFolder& folder, ThreadPool& pool, const TrainOptions& options, Diagnostics& diagnostics)
    : config_(config),
      programs_(programs),
      data_(data),
      folder_(folder),
      pool_(pool),
      options_(options),
      diagnostics_(diagnostics),
      checkpoints_(config, folder),
      stop_(options.handle_signals),
      progress_(options.progress, options.messages != nullptr ? options.messages : stderr) {}

TrainOutcome Trainer::run() {
  NNC_CHECK(programs_.size() == config_.phases.size() && !programs_.empty(),
            "one program per phase is needed");
  const bool good = prepare() && all_phases();
  progress_.finish();
  outcome_.steps = at_.step;
  outcome_.epochs = at_.epoch;
  outcome_.seconds = progress_.seconds();
  outcome_.steps_here = at_.step - first_step_;
  outcome_.step_seconds = batches_.seconds();
  outcome_.data_seconds = batches_.gathering_seconds();
  outcome_.checkpoint = checkpoints_.newest();
  if (!config_.best.metric.empty() && at_.best_step > 0)
    outcome_.best = folder_.path + "/ckpt/best.safetensors";
  if (!good && outcome_.exit_code == 0) outcome_.exit_code = std::max(1, diagnostics_.exit_code());
  return std::move(outcome_);
}

bool Trainer::prepare() {
  if (!write_file(folder_.path + "/fitted.json", data_.fitted.to_json() + "\n", diagnostics_)) return false;
  if (!begin()) return false;
  // The run may have been killed after this checkpoint and before its copy as the best.
  if (!folder_.resume_from.empty() && at_.best_step == at_.step && at_.step_in_epoch == 0 &&
      !checkpoints_.keep_as_best(folder_.resume_from, diagnostics_))
    return false;

  std::vector<std::string> columns = {"epoch", "step", "phase", "lr"};
  for (const LossReader& loss : values_.losses()) columns.push_back("train." + loss.name);
  const auto evaluated = [&](const std::string& part, bool losses) {
    for (const TensorInfo& t : bundle().tensors)
      if (is_measured(t) && (losses || !is_loss(t.kind))) columns.push_back(part + "." + t.name);
  };
  if (config_.train_metrics) evaluated("train", false);
  if (!part().empty()) evaluated(part(), true);
  norms_ = norm_columns(programs_);
  for (const NormColumn& norm : norms_) columns.push_back(norm.name());
  if (!log_.open(folder_.path + "/metrics.csv", columns, at_.step, diagnostics_)) return false;
  first_step_ = timed_.step = said_.step = at_.step;
  progress_.start(total_steps(), at_.step);
  return true;
}

bool Trainer::begin() {
  if (!folder_.resume_from.empty()) {
    if (!resume()) return false;
  } else {
    if (!enter_phase()) return false;
    initialize(*session_, config_.seed);
    if (folder_.weights) begin_with(*folder_.weights, bundle(), session_->state());
  }
  for (const Phase& p : config_.phases)
    if (const int64_t steps = phase_length(p, batches()).steps; steps < p.accumulate) {
      diagnostics_.error_at(
          DiagnosticKind::bad_value, "train.accumulate",
          fmt::format("a step takes {} batches together, of {} in all: none is taken", p.accumulate, steps));
      return false;
    }
  // A batch of all rows takes them as they lie: no order is better than another.
  const bool shuffles = data_.shuffle && !config_.whole_batch;
  order_.resize(shuffles ? static_cast<size_t>(data_.train.rows) : 0);
  return true;
}

bool Trainer::resume() {
  Result<Checkpoint> checkpoint = read_checkpoint(folder_.resume_from, diagnostics_);
  if (!checkpoint) return false;
  if (!at_.read(checkpoint->metadata) || at_.phase >= static_cast<int64_t>(programs_.size())) {
    diagnostics_
        .error_at(DiagnosticKind::checkpoint_damaged, folder_.resume_from,
                  "does not say where in this run it was made")
        .suggest("--fresh starts over");
    return false;
  }
  checkpoints_.start(folder_.resume_from, at_.step);
  if (!enter_phase()) return false;
  initialize(*session_, config_.seed);
  session_->set_scalar("seed", draw_seed());
  if (!load_state(*checkpoint, bundle(), session_->state(), {}, diagnostics_)) return false;
  if (at_.losses.size() != values_.losses().size()) at_.losses.assign(values_.losses().size(), 0);
  return true;
}

bool Trainer::enter_phase() {
  auto session = std::make_unique<Session>(bundle(), pool_);
  if (!session->check_memory(diagnostics_)) return false;
  if (session_ != nullptr) {
    const bool same = keeps_optimizer(config_.phases[static_cast<size_t>(at_.phase - 1)], phase());
    initialize(*session, config_.seed);
    move_state(session_->bundle(), session_->state(), bundle(), session->state(), same);
    if (!same) at_.t = 0;
  }
  session_ = std::move(session);
  if (!values_.bind(*session_, diagnostics_)) return false;
  at_.losses.resize(values_.losses().size(), 0);
  session_->set_scalar("seed", draw_seed());
  if (!batches_.bind(bundle(), "train", data_.train, diagnostics_)) return false;
  length_ = phase_length(phase(), batches());
  return true;
}

bool Trainer::phase_done() const {
  return phase().steps > 0 ? at_.step_in_phase >= phase().steps : at_.epoch_in_phase >= phase().epochs;
}

// Of an epoch; 0 without data.
int64_t Trainer::batches() const {
  return data_.train.columns.empty() ? 0 : batches_.batches();
}

int64_t Trainer::steps_in_segment() const {
  // step_in_phase includes the steps of this segment that are already done.
  return std::min(length_.per_epoch, length_.steps - (at_.step_in_phase - at_.step_in_epoch));
}

int64_t Trainer::total_steps() const {
  int64_t total = 0;
  for (const Phase& p : config_.phases) total += phase_length(p, batches()).steps;
  return total;
}

bool Trainer::all_phases() {
  while (!stops_early()) {
    while (!phase_done() && !stops_early())
      if (!segment()) return false;
    if (stops_early() || at_.phase + 1 == static_cast<int64_t>(programs_.size())) break;
    ++at_.phase;
    at_.epoch_in_phase = at_.step_in_phase = 0;
    at_.plateau = {};
    if (!enter_phase()) return false;
  }
  checkpoints_.prune();
  if (!evaluate_test()) return false;
  if (stops_early())
    progress_.line(fmt::format("stopped early: {} was best after epoch {} ({:.6g}), {} epochs ago",
                               config_.stop.metric, at_.stop_epoch, at_.stop_best,
                               at_.epoch - at_.stop_epoch));
  return bool(write_finished(folder_.path, {at_.step, stops_early(), outcome_.test, outcome_.test_epoch},
                             diagnostics_));
}

double Trainer::rate(int64_t step) const {
  return rate_at(phase(), programs_[static_cast<size_t>(at_.phase)].lr, length_, step, at_.plateau.cuts);
}

void Trainer::begin_segment() {
  if (!order_.empty())
    shuffled_order(config_.seed, ShufflePurpose::epoch, static_cast<uint64_t>(at_.epoch), order_);
  const AugmentKey augment{config_.seed, static_cast<uint64_t>(at_.epoch)};
  batches_.set_order(order_, &augment);
}

bool Trainer::take_step() {
  const bool no_data = data_.train.columns.empty();
  const int64_t batch = no_data ? 0 : at_.step_in_epoch;
  ++at_.t;
  values_.set(at_.t, rate(at_.step_in_phase));
  batches_.run(*session_, batch);
  ++at_.step;
  ++at_.step_in_epoch;
  ++at_.step_in_phase;
  return add_losses(no_data ? 1 : std::max<int64_t>(1, batches_.rows_of(batch)));
}

bool Trainer::segment() {
  const int64_t steps = steps_in_segment();
  begin_segment();
  char label[48];
  *fmt::format_to_n(label, sizeof label - 1, "epoch {}", at_.epoch + 1).out = '\0';
  progress_.set_label(label);

  // Nothing in this loop allocates but the saving of a checkpoint.
  while (at_.step_in_epoch < steps) {
    if (!take_step()) return diverged();
    progress_.step(at_.step, last_loss_);
    if (at_.step_in_epoch == steps) break;
    if (StopSignal::requested() || at_.step == options_.stop_after_steps) return interrupted();
    if (checkpoints_.due(at_.step) && !save(false)) return false;
  }
  return end_segment();
}

bool Trainer::add_losses(int64_t rows) {
  bool finite = true;
  for (size_t i = 0; i < values_.losses().size(); ++i) {
    const double value = values_.losses()[i].read(session_->state());
    finite = finite && std::isfinite(value);
    at_.losses[i] += value * static_cast<double>(rows);
  }
  at_.rows += rows;
  last_loss_ = values_.losses()[0].read(session_->state());
  return finite;
}

TrainOutcome train(const RunConfig& config, std::span<const PhaseProgram> programs, const LoadedData& data,
                   RunFolder& folder, ThreadPool& pool, const TrainOptions& options,
                   Diagnostics& diagnostics) {
  return Trainer(config, programs, data, folder, pool, options, diagnostics).run();
}

}  // namespace nnc::runtime
