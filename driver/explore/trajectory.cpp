// Steps over a surface, phase by phase.
#include "driver/explore/trajectory.h"

#include <cmath>
#include <limits>

#include "runtime/training/schedule.h"

namespace nnc::driver {
namespace {

// Notes the stepper's position and takes step `t`; false if something is not finite.
bool take(Stepper& stepper, const Plane& plane, int64_t t, Trajectory& to, TensorMap& values) {
  const Point at = plane.read(stepper.variables());
  values = stepper.step(t);
  const double loss = values.at("loss").data.at(0);
  if (!std::isfinite(at[0]) || !std::isfinite(at[1]) || !std::isfinite(loss)) return false;
  to.points.push_back(at);
  to.losses.push_back(loss);
  return true;
}

// The mean of the loss, or of a part of it, over the steps since the schedule last looked at it.
class Watched {
 public:
  explicit Watched(const std::string& metric)
      : name_(metric.starts_with("train.") ? metric.substr(6) : metric) {}
  void add(const TensorMap& values) {
    const auto found = values.find(name_);
    sum_ += found == values.end() ? std::numeric_limits<double>::quiet_NaN() : found->second.data.at(0);
    ++count_;
  }
  double take_mean() {
    const double mean = sum_ / static_cast<double>(count_);
    sum_ = 0;
    count_ = 0;
    return mean;
  }

 private:
  std::string name_;
  double sum_ = 0;
  int64_t count_ = 0;
};

Status check_phases(Session& session, const runtime::RunConfig& config) {
  const auto refuse = [&](Span span, const std::string& why, const std::string& help) {
    Diagnostic& error = span.valid()
                            ? session.diagnostics.error(DiagnosticKind::not_a_surface, span, why)
                            : session.diagnostics.error_at(DiagnosticKind::not_a_surface, config.path, why);
    error.suggest(help);
  };
  if (!config.init_from.empty())
    refuse(config.init_span, "nnc paths starts from the values in the model", "param w: f32[2] = [1.0, 1.5]");
  for (const runtime::Phase& phase : config.phases)
    if (phase.steps == 0)
      refuse(phase.span, "without data there are no epochs: a phase counts steps", "steps = 200");
  if (session.diagnostics.has_errors()) return Failure();
  return Done();
}

std::string describe(const runtime::Phase& phase, int64_t before) {
  const std::string schedule = runtime::describe_schedule(phase);
  return fmt::format("steps {}–{} {}{}{}", before + 1, before + phase.steps, phase.optimizer,
                     schedule.empty() ? "" : ", ", schedule);
}

}  // namespace

Trajectory walk(Stepper& stepper, const Plane& plane, std::string name, int64_t steps) {
  Trajectory trajectory{std::move(name), "", steps, {}, {}};
  TensorMap values;
  for (int64_t t = 1; t <= steps + 1; ++t)
    if (!take(stepper, plane, t, trajectory, values)) break;
  return trajectory;
}

Result<Trajectory> walk_phases(Session& session, const ast::File& model, const runtime::RunConfig& config) {
  if (!check_phases(session, config)) return Failure();
  Trajectory trajectory{config.name + ".toml", "", 0, {}, {}};
  for (const runtime::Phase& phase : config.phases) {
    trajectory.detail += (trajectory.steps == 0 ? "" : "; ") + describe(phase, trajectory.steps);
    trajectory.steps += phase.steps;
  }
  std::unique_ptr<Stepper> stepper;
  std::optional<Plane> plane;
  TensorMap values;
  int64_t taken = 0, t = 0;  // steps in all, and with this optimizer's state
  for (size_t i = 0; i < config.phases.size(); ++i) {
    const runtime::Phase& phase = config.phases[i];
    const bool same = i > 0 && runtime::keeps_optimizer(config.phases[i - 1], phase);
    if (!same) t = 0;
    const auto exploration = frontend::build_exploration(model, session.sources, build_options(config, phase),
                                                         session.diagnostics);
    if (!exploration) return Failure();
    plane = Plane::of(session, *exploration, Span{model.file, 0, 0});
    if (!plane) return Failure();
    std::unique_ptr<Stepper> next =
        compiled_stepper(session, *exploration, runtime::draw_seed(config.seed, taken - t));
    if (next == nullptr) return Failure();
    if (stepper != nullptr) next->assign(stepper->variables(), same);
    stepper = std::move(next);
    const runtime::PhaseLength length = runtime::phase_length(phase, 0);
    runtime::Plateau plateau;
    Watched watched(phase.schedule.watch.metric);
    for (int64_t step = 0; step < length.steps; ++step, ++taken) {
      stepper->set_rate(rate_at(phase, exploration->default_lr, length, step, plateau.cuts));
      if (!take(*stepper, *plane, ++t, trajectory, values)) return trajectory;
      watched.add(values);
      if (phase.schedule.kind == runtime::Schedule::Kind::plateau && (step + 1) % length.per_epoch == 0)
        see(phase.schedule, watched.take_mean(), plateau);
    }
  }
  take(*stepper, *plane, t + 1, trajectory, values);
  return trajectory;
}

}  // namespace nnc::driver
