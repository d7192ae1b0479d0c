// The rates of a phase: each schedule against its formula computed here another way, at its ends, and what a plateau
// remembers.
#include "runtime/training/schedule.h"

#include <cmath>
#include <limits>
#include <numbers>

#include "catch2/catch.hpp"

using namespace nnc::runtime;

namespace {

Phase phase_of(Schedule::Kind kind, int64_t steps = 100) {
  Phase phase;
  phase.steps = steps;
  phase.schedule.kind = kind;
  phase.schedule.in_epochs = false;
  return phase;
}

double rate(const Phase& phase, int64_t step, double lr = 0.1, int64_t batches = 0, int64_t cuts = 0) {
  return rate_at(phase, lr, phase_length(phase, batches), step, cuts);
}

}  // namespace

TEST_CASE("how long a phase is") {
  Phase phase;
  phase.epochs = 3;
  CHECK(phase_length(phase, 45).steps == 135);
  CHECK(phase_length(phase, 45).per_epoch == 45);
  phase.epochs = 0;
  phase.steps = 50;
  CHECK(phase_length(phase, 45).steps == 50);
  CHECK(phase_length(phase, 0).per_epoch == 3);  // a twentieth, rounded up
}

TEST_CASE("a rate that stays, and one that warms up") {
  Phase phase = phase_of(Schedule::Kind::constant);
  CHECK(rate(phase, 0) == 0.1);
  CHECK(rate(phase, 99) == 0.1);
  phase.schedule.warmup = 4;
  CHECK(rate(phase, 0, 1) == 0.25);
  CHECK(rate(phase, 2, 1) == 0.75);
  CHECK(rate(phase, 3, 1) == 1);
  CHECK(rate(phase, 4, 1) == 1);
  Phase epochs;
  epochs.epochs = 2;
  epochs.schedule.warmup = 0.5;  // of 8 steps: 4
  CHECK(rate(epochs, 0, 1, 8) == 0.25);
  CHECK(rate(epochs, 4, 1, 8) == 1);
}

TEST_CASE("cosine and linear decay against their formulas") {
  Phase cosine = phase_of(Schedule::Kind::cosine);
  Phase linear = phase_of(Schedule::Kind::linear);
  cosine.schedule.to = linear.schedule.to = 0.01;
  cosine.schedule.warmup = linear.schedule.warmup = 20;
  for (int64_t step = 20; step < 100; ++step) {
    const double u = static_cast<double>(step - 20) / 80;
    CHECK(rate(cosine, step) ==
          Approx(0.01 + 0.09 * (1 + std::cos(std::numbers::pi * u)) / 2).epsilon(1e-14));
    CHECK(rate(linear, step) == Approx(0.1 - 0.09 * u).epsilon(1e-14));
  }
  CHECK(rate(cosine, 20) == 0.1);
  CHECK(rate(linear, 20) == 0.1);
  CHECK(rate(cosine, 100) == Approx(0.01).epsilon(1e-14));
  CHECK(rate(linear, 60) == Approx(0.055).epsilon(1e-14));
  // A warm-up as long as the phase leaves nothing to decay.
  cosine.schedule.warmup = 100;
  CHECK(rate(cosine, 99) == 0.1);
}

TEST_CASE("steps of the rate, by epochs and by steps") {
  Phase phase;
  phase.epochs = 20;
  phase.schedule = {Schedule::Kind::step, 0, 5, true, 0.5};
  CHECK(rate(phase, 5 * 45 - 1, 0.3, 45) == 0.3);
  CHECK(rate(phase, 5 * 45, 0.3, 45) == 0.15);
  CHECK(rate(phase, 15 * 45, 0.3, 45) == 0.0375);
  Phase steps = phase_of(Schedule::Kind::step);
  steps.schedule.every = 30;
  steps.schedule.factor = 0.1;
  CHECK(rate(steps, 29, 1) == 1);
  CHECK(rate(steps, 30, 1) == 0.1);
  CHECK(rate(steps, 99, 1) == Approx(1e-3).epsilon(1e-14));
  steps.schedule.every = 1;  // ends at 0, and not never
  CHECK(rate(steps, int64_t{1} << 40, 1) == 0);
}

TEST_CASE("a plateau cuts after so many epochs without a better value") {
  Schedule schedule;
  schedule.kind = Schedule::Kind::plateau;
  schedule.patience = 2;
  schedule.factor = 0.5;
  Plateau p;
  const auto cuts_after = [&](std::initializer_list<double> values) {
    for (const double value : values) see(schedule, value, p);
    return p.cuts;
  };
  CHECK(cuts_after({3, 2, 2}) == 0);  // one epoch that is not better
  CHECK(cuts_after({2}) == 1);        // two
  CHECK(cuts_after({2}) == 1);        // counted anew after a cut
  CHECK(cuts_after({1.9, 2}) == 1);   // a better one starts the count again
  CHECK(cuts_after({std::numeric_limits<double>::quiet_NaN()}) == 2);
  CHECK(p.best == 1.9);
  Phase phase = phase_of(Schedule::Kind::plateau);
  phase.schedule.factor = 0.5;
  CHECK(rate(phase, 7, 0.8, 0, 2) == 0.2);

  p = {};
  schedule.watch.higher = true;
  CHECK(cuts_after({0.5, 0.6, 0.55, 0.6}) == 1);
  CHECK(p.best == 0.6);

  // What is not a number is no best, wherever it comes.
  const double nan = std::numeric_limits<double>::quiet_NaN();
  p = {};
  CHECK(cuts_after({nan, 0.1, 0.2, 0.3, 0.4, 0.5}) == 0);
  CHECK(p.best == 0.5);
  CHECK(cuts_after({nan, 0.6, nan, nan}) == 1);
  CHECK(p.best == 0.6);
  p = {};
  CHECK(cuts_after({nan, nan, nan}) == 1);
}

TEST_CASE("a phase that grows: where its schedule ends with it, the rate jumps, and that is said") {
  Phase phase;
  phase.epochs = 60;
  CHECK(describe_stretch(phase, 30, 0.1, 10, 300) == "");
  for (const Schedule::Kind kind : {Schedule::Kind::step, Schedule::Kind::plateau}) {
    phase.schedule = {kind, 2, 5, true, 0.5};
    CHECK(describe_stretch(phase, 30, 0.1, 10, 300) == "");
  }
  phase.schedule = {Schedule::Kind::cosine};
  CHECK(
      describe_stretch(phase, 30, 0.1, 10, 300) ==
      "the rate continues at 0.05 instead of 0: the schedule (cosine to 0) now ends after 60 epochs, not 30. "
      "--fresh trains all of them under one schedule; a new run with train.init_from has a rate of its own");
  phase.schedule.warmup = 2;
  CHECK(describe_stretch(phase, 30, 0.1, 10, 15) == "");  // still warming up: the same
  CHECK(describe_stretch(phase, 30, 0.1, 10, 150) != "");
  phase = phase_of(Schedule::Kind::linear, 200);
  phase.schedule.to = 0.02;
  CHECK(describe_stretch(phase, 100, 0.1, 10, 100)
            .starts_with("the rate continues at 0.06 instead of 0.02: the schedule (linear to 0.02) "
                         "now ends after 200 steps, not 100"));
}

TEST_CASE("schedules in words") {
  Phase phase;
  phase.epochs = 10;
  const PhaseLength length = phase_length(phase, 10);
  CHECK(describe_schedule(phase) == "");
  CHECK(describe_rates(phase, 0.1, length) == "0.1");
  CHECK(describe_rates(phase, 0, length) == "–");
  phase.schedule = {Schedule::Kind::step, 0, 5, true, 0.5};
  CHECK(describe_schedule(phase) == "halved every 5 epochs");
  CHECK(describe_rates(phase, 0.1, length) == "0.1 → 0.05");
  phase.schedule.kind = Schedule::Kind::linear;
  phase.schedule.warmup = 1;
  CHECK(describe_schedule(phase) == "linear to 0, warm-up of 1 epoch");
  CHECK(describe_rates(phase, 0.1, length) == "0.01 → 0.1 → 0.001111");
}
