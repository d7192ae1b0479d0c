// What an epoch leaves behind: evaluation, a line of metrics, checkpoints, the decision to end; and the ways a run ends
// before its time.
#include <algorithm>
#include <cmath>
#include <limits>

#include "fmt/format.h"
#include "runtime/training/norms.h"
#include "runtime/training/training_loop.h"

namespace nnc::runtime {

bool Trainer::end_segment() {
  const double lr = rate(at_.step_in_phase - 1);
  const double start = progress_.seconds();
  if (!evaluate_epoch() || !data_is_unchanged()) return false;
  evaluating_seconds_ += progress_.seconds() - start;
  ++at_.epoch;
  ++at_.epoch_in_phase;
  at_.step_in_epoch = 0;
  std::fill(at_.losses.begin(), at_.losses.end(), 0);
  at_.rows = 0;

  if (!state_is_finite()) return false;

  std::string line = fmt::format("{},{},{},{}", at_.epoch, at_.step, at_.phase, lr);
  for (const NamedValue& v : outcome_.losses) line += fmt::format(",{}", v.value);
  for (const NamedValue& v : outcome_.metrics) line += fmt::format(",{}", v.value);
  line += measure_norms(*session_, norms_, data_.train);
  Diagnostics problems;
  if (!log_.append(line, step_times(), problems)) return checkpoints_.fail(problems, diagnostics_);

  if (phase().schedule.kind == Schedule::Kind::plateau)
    see(phase().schedule, measured(phase().schedule.watch.metric), at_.plateau);
  const bool best = at_.best_step == 0 || is_better(config_.best, watched(config_.best), at_.best);
  if (best) {
    at_.best = watched(config_.best);
    at_.best_step = at_.step;
  }
  if (const double value = watched(config_.stop);
      config_.patience > 0 && (at_.stop_epoch == 0 || is_better(config_.stop, value, at_.stop_best))) {
    at_.stop_best = value;
    at_.stop_epoch = at_.epoch;
  }
  const bool last =
      stops_early() || (phase_done() && at_.phase + 1 == static_cast<int64_t>(programs_.size()));
  if (last || checkpoints_.due_at_end(at_.epoch)) {
    if (best) checkpoints_.drop_held_best();
    if (!write(last)) return false;
    if (best && !checkpoints_.keep_as_best(checkpoints_.newest(), diagnostics_)) return false;
    checkpoints_.prune();
  } else if (best) {
    checkpoints_.hold_best(at_, bundle(), session_->state());
  }
  progress_.set_aside(progress_.seconds() - batches_.seconds());
  say_epoch(last);
  if (StopSignal::requested() || at_.step == options_.stop_after_steps)
    if (!last) return interrupted();
  return true;
}

bool Trainer::evaluate_epoch() {
  outcome_.losses.clear();
  for (size_t i = 0; i < values_.losses().size(); ++i)
    outcome_.losses.push_back(
        {values_.losses()[i].name, at_.losses[i] / static_cast<double>(at_.rows), values_.losses()[i].kind});
  if (config_.train_metrics) {
    const Result<std::vector<NamedValue>> values = evaluate(*session_, data_.train, diagnostics_);
    if (!values) return false;
    for (const NamedValue& v : *values)
      if (!is_loss(v.kind)) outcome_.losses.push_back(v);
  }
  outcome_.metrics.clear();
  outcome_.part = part();
  if (outcome_.part.empty()) return true;
  Result<std::vector<NamedValue>> values = evaluate(*session_, data_.watched(), diagnostics_);
  if (values) outcome_.metrics = *std::move(values);
  return values.ok();
}

bool Trainer::evaluate_test() {
  if (part() != "validation" || data_.test.rows == 0) return true;
  outcome_.test_epoch = at_.epoch;
  if (!config_.best.metric.empty() && at_.best_step > 0 && at_.best_step != at_.step) {
    const Result<Checkpoint> best = read_checkpoint(best_checkpoint(folder_.path), diagnostics_);
    if (!best || !load_state(*best, bundle(), session_->state(), {.optimizer = false}, diagnostics_))
      return false;
    outcome_.test_epoch = best->number("epoch");
  }
  Result<std::vector<NamedValue>> values = evaluate(*session_, data_.test, diagnostics_);
  if (values) outcome_.test = *std::move(values);
  return values.ok() && data_is_unchanged();
}

StepTimes Trainer::step_times() {
  const auto steps = static_cast<double>(std::max<int64_t>(1, at_.step - timed_.step));
  const StepTimes times{1e3 * (batches_.seconds() - timed_.seconds) / steps,
                        1e3 * (batches_.gathering_seconds() - timed_.gathering) / steps};
  timed_ = {at_.step, batches_.seconds(), batches_.gathering_seconds()};
  return times;
}

double Trainer::measured(const std::string& name) const {
  for (const NamedValue& v : outcome_.metrics)
    if (v.name == name || outcome_.part + "." + v.name == name) return v.value;
  for (const NamedValue& v : outcome_.losses)
    if (v.name == name || "train." + v.name == name) return v.value;
  return std::numeric_limits<double>::quiet_NaN();
}

double Trainer::watched(const Watch& watch) const {
  return measured(watch.metric.empty() ? "loss" : watch.metric);
}

bool Trainer::stops_early() const {
  return config_.patience > 0 && at_.stop_epoch > 0 && at_.step_in_epoch == 0 &&
         at_.epoch - at_.stop_epoch >= config_.patience;
}

bool Trainer::state_is_finite() {
  const std::vector<std::string> bad = not_finite(bundle(), session_->state());
  return bad.empty() || diverged(bad.front());
}

bool Trainer::data_is_unchanged() {
  Diagnostics problems;
  if (check_unchanged({&data_.train, &data_.validation, &data_.test}, problems)) return true;
  return checkpoints_.fail(problems, diagnostics_, "with the original file back");
}

bool Trainer::diverged(const std::string& parameter) {
  if (!data_is_unchanged()) return false;  // it is not the model's fault, then
  std::string what = parameter;
  if (parameter.empty()) {
    for (const LossReader& loss : values_.losses())
      if (what.empty() && loss.name != "loss" && !std::isfinite(loss.read(session_->state())))
        what = loss.name;
    if (what.empty()) what = "loss";
  }
  Diagnostic& d = diagnostics_.error_at(
      DiagnosticKind::loss_not_finite, "",
      parameter.empty() ? fmt::format("{} is not finite at step {} (epoch {}, step {} of it)", what, at_.step,
                                      at_.epoch + 1, at_.step_in_epoch)
                        : fmt::format("{} is not finite after step {}", what, at_.step));
  d.note(checkpoints_.newest().empty() ? "no checkpoint was written before"
                                       : "the last good checkpoint is " + checkpoints_.newest());
  outcome_.exit_code = 5;
  static_cast<void>(checkpoints_.write_held_best(diagnostics_));
  return false;
}

bool Trainer::interrupted() {
  if (!checkpoints_.has(at_.step) && !save(true)) return false;
  progress_.line(fmt::format("stopped at step {}; the same command continues from here", at_.step));
  outcome_.exit_code = 130;
  return false;
}

bool Trainer::save(bool must_sync) {
  if (!state_is_finite() || !write(must_sync)) return false;
  checkpoints_.prune();
  progress_.set_aside(progress_.seconds() - batches_.seconds());
  return true;
}

bool Trainer::write(bool must_sync) {
  if (!data_is_unchanged() || !checkpoints_.save(at_, bundle(), session_->state(), must_sync, diagnostics_))
    return false;
  folder_.weights.reset();  // nothing begins anew from here on
  return true;
}

void Trainer::say_epoch(bool last) {
  // Short epochs would flood the screen: a line now and then, and the last.
  const double now = progress_.seconds();
  const double taken = now - said_.at;
  if (!last && said_.at > 0 && taken < 0.5) return;
  std::string text = fmt::format("epoch {:>3}  step {:>6}", at_.epoch, at_.step);
  for (const NamedValue& v : outcome_.losses) text += fmt::format("  train {} {:.5g}", v.name, v.value);
  for (const NamedValue& v : outcome_.metrics)
    text += fmt::format("  {} {} {:.5g}", outcome_.part, v.name, v.value);
  const double speed =
      static_cast<double>(at_.step - said_.step) / std::max(1e-9, batches_.seconds() - said_.stepping);
  text += fmt::format("  {:.{}f} steps/s", speed, speed < 10 ? 1 : 0);
  // What the steps are not: said where it is more than a tenth of the time.
  const auto also = [&](double seconds, const char* doing) {
    if (seconds > 0.1 * taken && seconds > 0.05) text += fmt::format("  {:.1f} s {}", seconds, doing);
  };
  also(evaluating_seconds_ - said_.evaluating, "evaluating");
  also(checkpoints_.seconds() - said_.writing, "writing");
  said_ = {at_.step, now, batches_.seconds(), evaluating_seconds_, checkpoints_.seconds()};
  progress_.line(text);
}

}  // namespace nnc::runtime
