// The training loop; see trainer.h. A run is a list of phases, a phase a list of segments (epochs; without
// data, twentieths of its steps), a segment a list of steps. Everything a resumed run needs to go on to the
// same bits is in the state buffer and in Position, and both are in every checkpoint.
#include "runtime/trainer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>

#include "fmt/format.h"
#include "runtime/batches.h"
#include "runtime/checkpoint_writer.h"
#include "runtime/file.h"
#include "runtime/losses.h"
#include "runtime/metrics_log.h"
#include "runtime/position.h"
#include "runtime/schedule.h"
#include "runtime/settings.h"
#include "runtime/stop_signal.h"
#include "support/suggest.h"

namespace nnc::runtime {
namespace {

// "sgd" of "sgd(lr = 0.01)": phases with the same optimiser hand its state over.
std::string optimizer_name(const std::string& text) {
  const size_t end = text.find('(');
  std::string name = text.substr(0, end);
  std::erase_if(name, [](unsigned char c) { return std::isspace(c) != 0; });
  return name;
}

class Trainer {
 public:
  Trainer(const RunConfig& config, std::span<const PhaseProgram> programs, const LoadedData& data,
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

  TrainOutcome run() {
    NNC_CHECK(programs_.size() == config_.phases.size() && !programs_.empty(),
              "one program per phase is needed");
    const bool good = prepare() && all_phases();
    progress_.finish();
    outcome_.steps = at_.step;
    outcome_.epochs = at_.epoch;
    outcome_.seconds = progress_.seconds();
    outcome_.checkpoint = checkpoints_.newest();
    if (!good && outcome_.exit_code == 0) outcome_.exit_code = std::max(1, diagnostics_.exit_code());
    return std::move(outcome_);
  }

 private:
  const Bundle& bundle() const { return *programs_[static_cast<size_t>(at_.phase)].bundle; }
  const Phase& phase() const { return config_.phases[static_cast<size_t>(at_.phase)]; }
  bool has_test() const { return data_.test.rows > 0 && bundle().find("finish") != nullptr; }

  // ---- start ----

  bool prepare() {
    if (!write_file(folder_.path + "/fitted.json", data_.fitted.to_json() + "\n", diagnostics_)) return false;
    if (folder_.resume_from.empty()) {
      if (!enter_phase()) return false;
      initialize(*session_, config_.seed);
    } else if (!resume()) {
      return false;
    }
    // A batch of all rows takes them as they lie: no order is better than another.
    const bool shuffles = data_.shuffle && !config_.whole_batch;
    order_.resize(shuffles ? static_cast<size_t>(data_.train.rows) : 0);

    std::vector<std::string> columns = {"epoch", "step", "phase", "lr"};
    for (const LossReader& loss : losses_) columns.push_back("train." + loss.name);
    if (has_test())
      for (const TensorInfo& t : bundle().tensors)
        if (t.role == TensorRole::output && t.shape.empty()) columns.push_back("test." + t.name);
    if (!check_plateaus(columns)) return false;
    if (!log_.open(folder_.path + "/metrics.csv", columns, at_.step, diagnostics_)) return false;
    progress_.start(total_steps(), at_.step);
    return true;
  }

  // A plateau schedule watches one of the values that metrics.csv holds.
  bool check_plateaus(const std::vector<std::string>& columns) {
    const std::vector<std::string> known(columns.begin() + 4, columns.end());
    for (const Phase& p : config_.phases) {
      const std::string& name = p.schedule.metric;
      const auto is = [&](const std::string& k) {
        return k == name || k == "test." + name || k == "train." + name;
      };
      if (p.schedule.kind != Schedule::Kind::plateau || std::any_of(known.begin(), known.end(), is)) continue;
      const std::string message =
          fmt::format("the schedule watches {}, which this run does not measure", name);
      Diagnostic& d = p.schedule.span.valid()
                          ? diagnostics_.error(DiagnosticKind::bad_value, p.schedule.span, message)
                          : diagnostics_.error_at(DiagnosticKind::bad_value, config_.path, message);
      const auto near = suggest(name, known);
      d.suggest(near ? fmt::format("did you mean {}?", quote(*near))
                     : fmt::format("there are {}", fmt::join(known, ", ")));
    }
    return diagnostics_.error_count() == 0;
  }

  bool resume() {
    Result<Checkpoint> checkpoint = read_checkpoint(folder_.resume_from, diagnostics_);
    if (!checkpoint) return false;
    checkpoints_.set_newest(folder_.resume_from);
    if (!at_.read(checkpoint->metadata) || at_.phase >= static_cast<int64_t>(programs_.size())) {
      diagnostics_
          .error_at(DiagnosticKind::checkpoint_damaged, folder_.resume_from,
                    "does not say where in this run it was made")
          .suggest("--fresh starts over");
      return false;
    }
    if (!enter_phase()) return false;
    initialize(*session_, config_.seed);
    if (!load_state(*checkpoint, bundle(), session_->state(), {}, diagnostics_)) return false;
    if (at_.losses.size() != losses_.size()) at_.losses.assign(losses_.size(), 0);
    // The run may have been killed after this checkpoint and before its copy as the best.
    if (at_.best_step == at_.step && at_.step_in_epoch == 0)
      return checkpoints_.keep_as_best(folder_.resume_from, diagnostics_);
    return true;
  }

  // Makes the session of at_.phase; from an earlier phase it takes over what both know.
  bool enter_phase() {
    auto session = std::make_unique<Session>(bundle(), pool_);
    if (!session->check_memory(diagnostics_)) return false;
    if (session_ != nullptr) {
      const std::string before = config_.phases[static_cast<size_t>(at_.phase - 1)].optimizer;
      const bool same = optimizer_name(before) == optimizer_name(phase().optimizer);
      initialize(*session, config_.seed);
      move_state(session_->bundle(), session_->state(), bundle(), session->state(), same);
      if (!same) at_.t = 0;
    }
    session_ = std::move(session);
    losses_ = find_losses(bundle());
    if (losses_.empty()) {
      diagnostics_.error_at(DiagnosticKind::missing_program, "", "the compiled model has no output loss");
      return false;
    }
    at_.losses.resize(losses_.size(), 0);
    session_->set_scalar("seed", static_cast<int64_t>(config_.seed));
    const TensorInfo* count = bundle().find_tensor("t");
    count_ = count != nullptr && count->role == TensorRole::scalar && count->dtype == ElementType::i64
                 ? session_->state() + count->offset
                 : nullptr;
    const TensorInfo* rate = bundle().find_tensor("lr");
    rate_ = rate != nullptr && rate->role == TensorRole::scalar && rate->dtype == ElementType::f64
                ? session_->state() + rate->offset
                : nullptr;
    if (!batches_.bind(bundle(), "train", data_.train, diagnostics_)) return false;
    length_ = phase_length(phase(), data_.train.columns.empty() ? 0 : batches_.batches());
    return true;
  }

  // ---- how long ----

  bool phase_done() const {
    return phase().steps > 0 ? at_.step_in_phase >= phase().steps : at_.epoch_in_phase >= phase().epochs;
  }
  int64_t steps_in_segment() const {
    // step_in_phase includes the steps of this segment that are already done.
    return std::min(length_.per_epoch, length_.steps - (at_.step_in_phase - at_.step_in_epoch));
  }
  int64_t total_steps() const {
    int64_t total = 0;
    for (const Phase& p : config_.phases) total += p.steps > 0 ? p.steps : p.epochs * batches_.batches();
    return total;
  }

  // ---- the loop ----

  bool all_phases() {
    while (true) {
      while (!phase_done())
        if (!segment()) return false;
      if (at_.phase + 1 == static_cast<int64_t>(programs_.size())) break;
      ++at_.phase;
      at_.epoch_in_phase = at_.step_in_phase = 0;
      at_.plateau = {};
      if (!enter_phase()) return false;
    }
    checkpoints_.prune();
    return bool(
        write_file(folder_.path + "/finished", fmt::format("{{\"steps\": {}}}\n", at_.step), diagnostics_));
  }

  // Of a step of this phase, from 0.
  double rate(int64_t step) const {
    return rate_at(phase(), programs_[static_cast<size_t>(at_.phase)].lr, length_, step, at_.plateau.cuts);
  }

  bool segment() {
    const int64_t steps = steps_in_segment();
    const bool no_data = data_.train.columns.empty();
    if (!order_.empty())
      shuffled_order(config_.seed, ShufflePurpose::epoch, static_cast<uint64_t>(at_.epoch), order_);
    const AugmentKey augment{config_.seed, static_cast<uint64_t>(at_.epoch)};
    batches_.set_order(order_, &augment);
    char label[48];
    *fmt::format_to_n(label, sizeof label - 1, "epoch {}", at_.epoch + 1).out = '\0';
    progress_.set_label(label);

    // Nothing in this loop allocates.
    while (at_.step_in_epoch < steps) {
      const int64_t batch = no_data ? 0 : at_.step_in_epoch;
      ++at_.t;
      if (count_ != nullptr) std::memcpy(count_, &at_.t, sizeof at_.t);
      const double lr = rate(at_.step_in_phase);
      if (rate_ != nullptr) std::memcpy(rate_, &lr, sizeof lr);
      batches_.run(*session_, batch);
      ++at_.step;
      ++at_.step_in_epoch;
      ++at_.step_in_phase;
      if (!add_losses(no_data ? 1 : std::max<int64_t>(1, batches_.rows_of(batch)))) return diverged();
      progress_.step(at_.step, last_loss_);
      const bool stop = StopSignal::requested() || at_.step == options_.stop_after_steps;
      if (stop && at_.step_in_epoch < steps) return interrupted();
    }
    return end_segment();
  }

  // The means of an epoch weigh a step by its rows.
  bool add_losses(int64_t rows) {
    bool finite = true;
    for (size_t i = 0; i < losses_.size(); ++i) {
      const double value = losses_[i].read(session_->state());
      finite = finite && std::isfinite(value);
      at_.losses[i] += value * static_cast<double>(rows);
    }
    at_.rows += rows;
    last_loss_ = losses_[0].read(session_->state());
    return finite;
  }

  bool end_segment() {
    outcome_.losses.clear();
    for (size_t i = 0; i < losses_.size(); ++i)
      outcome_.losses.push_back({losses_[i].name, at_.losses[i] / static_cast<double>(at_.rows)});
    const double lr = rate(at_.step_in_phase - 1);
    outcome_.metrics.clear();
    if (has_test()) {
      Result<std::vector<NamedValue>> values = evaluate(*session_, data_.test, diagnostics_);
      if (!values) return false;
      outcome_.metrics = *std::move(values);
    }
    ++at_.epoch;
    ++at_.epoch_in_phase;
    at_.step_in_epoch = 0;
    std::fill(at_.losses.begin(), at_.losses.end(), 0);
    at_.rows = 0;

    const std::string bad = first_not_finite(bundle(), session_->state());
    if (!bad.empty()) return diverged(bad);

    std::string line = fmt::format("{},{},{},{}", at_.epoch, at_.step, at_.phase + 1, lr);
    for (const NamedValue& v : outcome_.losses) line += fmt::format(",{}", v.value);
    for (const NamedValue& v : outcome_.metrics) line += fmt::format(",{}", v.value);
    if (!log_.append(line, diagnostics_)) return false;

    if (phase().schedule.kind == Schedule::Kind::plateau)
      see(phase().schedule, measured(phase().schedule.metric), at_.plateau);

    const double score = outcome_.metrics.empty() ? outcome_.losses[0].value : test_loss();
    const bool best = at_.best_step == 0 || score < at_.best;
    if (best) {
      at_.best = score;
      at_.best_step = at_.step;
    }
    const bool last = phase_done() && at_.phase + 1 == static_cast<int64_t>(programs_.size());
    if (!save("step", last)) return false;
    if (best && !checkpoints_.keep_as_best(checkpoints_.newest(), diagnostics_)) return false;
    checkpoints_.prune();
    say_epoch(last);
    if (StopSignal::requested() || at_.step == options_.stop_after_steps)
      if (!last) return interrupted();
    return true;
  }

  // "train.NAME" is a loss of the training part, "test.NAME" or a plain name one of the test part, or else of
  // the training part. Not a number if there is none.
  double measured(const std::string& name) const {
    for (const NamedValue& v : outcome_.metrics)
      if (v.name == name || "test." + v.name == name) return v.value;
    for (const NamedValue& v : outcome_.losses)
      if (v.name == name || "train." + v.name == name) return v.value;
    return std::numeric_limits<double>::quiet_NaN();
  }

  double test_loss() const {
    for (const NamedValue& v : outcome_.metrics)
      if (v.name == "loss") return v.value;
    return outcome_.metrics[0].value;
  }

  // ---- ends ----

  bool diverged(const std::string& parameter = "") {
    std::string what = parameter;
    if (parameter.empty()) {
      for (const LossReader& loss : losses_)
        if (what.empty() && loss.name != "loss" && !std::isfinite(loss.read(session_->state())))
          what = loss.name;
      if (what.empty()) what = "loss";
    }
    Diagnostic& d = diagnostics_.error_at(
        DiagnosticKind::loss_not_finite, "",
        parameter.empty() ? fmt::format("{} is not finite at step {} (epoch {}, step {} of it)", what,
                                        at_.step, at_.epoch + 1, at_.step_in_epoch)
                          : fmt::format("{} is not finite after step {}", what, at_.step));
    d.note(checkpoints_.newest().empty() ? "no checkpoint was made before"
                                         : "the last good checkpoint is " + checkpoints_.newest());
    d.suggest(fmt::format("a smaller rate than {}, or clip_norm",
                          rate(std::max<int64_t>(0, at_.step_in_phase - 1))));
    outcome_.exit_code = 5;
    return false;
  }

  bool interrupted() {
    if (at_.step_in_epoch > 0 && !save("stop", true)) return false;
    checkpoints_.prune();
    progress_.line(fmt::format("stopped at step {}; the same command goes on from here", at_.step));
    outcome_.exit_code = 130;
    return false;
  }

  bool save(const char* kind, bool must_sync) {
    return checkpoints_.save(kind, at_, bundle(), session_->state(), must_sync, diagnostics_);
  }

  void say_epoch(bool last) {
    // Short epochs would flood the screen: a line now and then, and the last.
    const double now = progress_.seconds();
    if (!last && said_ > 0 && now - said_ < 0.5) return;
    said_ = now;
    std::string text = fmt::format("epoch {:>3}  step {:>6}", at_.epoch, at_.step);
    for (const NamedValue& v : outcome_.losses) text += fmt::format("  {} {:.5g}", v.name, v.value);
    for (const NamedValue& v : outcome_.metrics) text += fmt::format("  test {} {:.5g}", v.name, v.value);
    text += fmt::format("  {:.0f} steps/s", progress_.speed(at_.step));
    progress_.line(text);
  }

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
  std::unique_ptr<Session> session_;
  Batches batches_;
  std::vector<uint32_t> order_;
  std::vector<LossReader> losses_;
  unsigned char* count_ = nullptr;  // the scalar t in the state
  unsigned char* rate_ = nullptr;   // and lr
  PhaseLength length_;
  Position at_;
  double last_loss_ = 0, said_ = 0;
  TrainOutcome outcome_;
};

}  // namespace

TrainOutcome train(const RunConfig& config, std::span<const PhaseProgram> programs, const LoadedData& data,
                   RunFolder& folder, ThreadPool& pool, const TrainOptions& options,
                   Diagnostics& diagnostics) {
  return Trainer(config, programs, data, folder, pool, options, diagnostics).run();
}

}  // namespace nnc::runtime
