// The rate of every step of a phase, how long a phase is, and what it takes over from the phase before. Pure functions of
// the phase and of the position in it, so that a resumed run continues with the rates it would have had.
#pragma once

#include <cstdint>
#include <string>

#include "runtime/run_file/run.h"

namespace nnc::runtime {

// A phase in steps. Without data an epoch is a twentieth of the phase: what is measured and saved together.
struct PhaseLength {
  int64_t steps = 0;
  int64_t per_epoch = 1;
};
// `batches` are those of one epoch; 0 without data.
PhaseLength phase_length(const Phase& phase, int64_t batches);

// Whether a phase takes over the optimizer's state of the phase before it: the same optimizer, whatever its arguments.
bool keeps_optimizer(const Phase& before, const Phase& phase);

// What the random draws of an optimizer's steps are keyed by, besides its own count of steps, which starts after
// `steps_before` steps of the run: the run's seed, or else a number made of both, so that no draw occurs twice.
uint64_t draw_seed(uint64_t seed, int64_t steps_before);

// Whether an epoch's value is better than the best so far. A value that is not a number is worse than any, so that the
// first number after such ones is better.
bool is_better(const Watch& watch, double value, double best);

// What a plateau schedule remembers.
struct Plateau {
  double best = 0;   // valid if seen
  int64_t seen = 0;  // epochs
  int64_t bad = 0;   // epochs since the best one or the last cut
  int64_t cuts = 0;
};
// Takes an epoch's value: after `patience` epochs without a better one, the rate is cut once more.
void see(const Schedule& schedule, double value, Plateau& plateau);

// The rate of step `step` of the phase, from 0. With W steps of warm-up and N in all:
//   step < W         lr * (step + 1) / W, the schedule's own factor on top
//   step, plateau    lr * factor^cuts
//   linear           lr + (to - lr) * u        u = (step - W) / (N - W)
//   cosine           to + (lr - to) * (1 + cos(pi u)) / 2
double rate_at(const Phase& phase, double lr, const PhaseLength& length, int64_t step, int64_t cuts);

// "cosine to 0, warm-up of 2 epochs", "halved every 5 epochs"; "" for a rate that stays.
std::string describe_schedule(const Phase& phase);
// "0.1", "0.001 → 0.1 → 0": at the phase's first step, at its highest and at its last; "–" without a rate.
std::string describe_rates(const Phase& phase, double lr, const PhaseLength& length);
// What a phase's growing from `before` epochs (or steps) does to the rate, when `step` steps of it are done: a schedule
// that ends with the phase now ends later, and the rate jumps. "" where it does not. `batches` are those of an epoch.
std::string describe_stretch(const Phase& phase, int64_t before, double lr, int64_t batches, int64_t step);

}  // namespace nnc::runtime
