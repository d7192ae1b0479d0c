// See schedule.h.
#include "runtime/training/schedule.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <iterator>
#include <numbers>

#include "fmt/format.h"
#include "runtime/data/splitmix.h"

namespace nnc::runtime {
namespace {

// cos(pi u) for u from 0 to 1, by its own series and not the C library's, whose last bit may differ from machine
// to machine: -sin(pi (u - 1/2)), to x^21.
double cosine_of_half_turns(double u) {
  const double x = std::numbers::pi * (u - 0.5);
  double term = x, sum = x;
  for (int k = 3; k <= 21; k += 2) {
    term = -term * x * x / static_cast<double>(k * (k - 1));
    sum += term;
  }
  return -sum;
}

// rate * factor^times, by squaring: as many products as `times` has digits.
double cut(double rate, double factor, int64_t times) {
  for (; times > 0; times /= 2, factor *= factor)
    if (times % 2 != 0) rate *= factor;
  return rate;
}

int64_t warmup_steps(const Phase& phase, const PhaseLength& length) {
  const double unit = phase.steps > 0 ? 1 : static_cast<double>(length.per_epoch);
  return std::min<int64_t>(length.steps, std::llround(phase.schedule.warmup * unit));
}

// "5 epochs"
std::string count(double number, bool epochs) {
  return fmt::format("{} {}{}", number, epochs ? "epoch" : "step", number == 1 ? "" : "s");
}

}  // namespace

bool keeps_optimizer(const Phase& before, const Phase& phase) {
  const auto name = [](const Phase& p) {
    std::string text = p.optimizer.substr(0, p.optimizer.find('('));
    std::erase_if(text, [](unsigned char c) { return std::isspace(c) != 0; });
    return text;
  };
  return name(before) == name(phase);
}

uint64_t draw_seed(uint64_t seed, int64_t steps_before) {
  return steps_before == 0 ? seed : splitmix_word(seed, static_cast<uint64_t>(steps_before));
}

PhaseLength phase_length(const Phase& phase, int64_t batches) {
  if (batches > 0) return {phase.steps > 0 ? phase.steps : phase.epochs * batches, batches};
  return {phase.steps, std::max<int64_t>(1, (phase.steps + 19) / 20)};
}

bool is_better(const Watch& watch, double value, double best) {
  if (std::isnan(best)) return !std::isnan(value);
  return watch.higher ? value > best : value < best;
}

void see(const Schedule& schedule, double value, Plateau& plateau) {
  if (plateau.seen++ == 0 || is_better(schedule.watch, value, plateau.best)) {
    plateau.best = value;
    plateau.bad = 0;
    return;
  }
  if (++plateau.bad < schedule.patience) return;
  plateau.bad = 0;
  ++plateau.cuts;
}

double rate_at(const Phase& phase, double lr, const PhaseLength& length, int64_t step, int64_t cuts) {
  const Schedule& schedule = phase.schedule;
  const int64_t warmup = warmup_steps(phase, length);
  double rate = lr;
  const double u = step < warmup || length.steps <= warmup
                       ? 0
                       : static_cast<double>(step - warmup) / static_cast<double>(length.steps - warmup);
  switch (schedule.kind) {
    case Schedule::Kind::constant:
      break;
    case Schedule::Kind::step:
      rate = cut(lr, schedule.factor, step / (schedule.every * (schedule.in_epochs ? length.per_epoch : 1)));
      break;
    case Schedule::Kind::plateau:
      rate = cut(lr, schedule.factor, cuts);
      break;
    case Schedule::Kind::linear:
      rate = lr + (schedule.to - lr) * u;
      break;
    case Schedule::Kind::cosine:
      rate = u < 1 ? schedule.to + (lr - schedule.to) * (1 + cosine_of_half_turns(u)) / 2 : schedule.to;
      break;
  }
  if (step < warmup) rate = rate * static_cast<double>(step + 1) / static_cast<double>(warmup);
  return rate;
}

std::string describe_schedule(const Phase& phase) {
  const Schedule& schedule = phase.schedule;
  std::string out;
  switch (schedule.kind) {
    case Schedule::Kind::constant:
      break;
    case Schedule::Kind::step: {
      const std::string every = schedule.every == 1
                                    ? (schedule.in_epochs ? "epoch" : "step")
                                    : count(static_cast<double>(schedule.every), schedule.in_epochs);
      out = schedule.factor == 0.5 ? fmt::format("halved every {}", every)
                                   : fmt::format("times {} every {}", schedule.factor, every);
      break;
    }
    case Schedule::Kind::cosine:
      out = fmt::format("cosine to {}", schedule.to);
      break;
    case Schedule::Kind::linear:
      out = fmt::format("linear to {}", schedule.to);
      break;
    case Schedule::Kind::plateau:
      out = fmt::format("times {} after {} without a {} {}", schedule.factor,
                        count(static_cast<double>(schedule.patience), true),
                        schedule.watch.higher ? "higher" : "lower", schedule.watch.metric);
      break;
  }
  if (schedule.warmup > 0)
    out += fmt::format("{}warm-up of {}", out.empty() ? "" : ", ", count(schedule.warmup, phase.steps == 0));
  return out;
}

std::string describe_rates(const Phase& phase, double lr, const PhaseLength& length) {
  if (lr == 0) return "–";
  const double first = rate_at(phase, lr, length, 0, 0);
  const double last = rate_at(phase, lr, length, std::max<int64_t>(0, length.steps - 1), 0);
  std::string out = fmt::format("{:.4g}", first);
  if (phase.schedule.warmup > 0 && first != lr && last != lr) out += fmt::format(" → {:.4g}", lr);
  if (last != first) out += fmt::format(" → {:.4g}", last);
  return out;
}

std::string describe_stretch(const Phase& phase, int64_t before, double lr, int64_t batches, int64_t step) {
  Phase shorter = phase;
  (phase.steps > 0 ? shorter.steps : shorter.epochs) = before;
  const PhaseLength old_length = phase_length(shorter, batches), length = phase_length(phase, batches);
  const double was = rate_at(shorter, lr, old_length, std::min(step, old_length.steps), 0);
  const double is = rate_at(phase, lr, length, std::min(step, length.steps), 0);
  if (was == is) return "";
  const bool epochs = phase.steps == 0;
  return fmt::format(
      "the rate continues at {:.4g} instead of {:.4g}: the schedule ({}) now ends after {}, not {}. "
      "--fresh trains all of them under one schedule; a new run with train.init_from has a rate of its own",
      is, was, describe_schedule(phase),
      count(static_cast<double>(epochs ? phase.epochs : phase.steps), epochs), before);
}

}  // namespace nnc::runtime
