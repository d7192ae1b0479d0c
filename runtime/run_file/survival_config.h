// The keys of a run file that say what a run keeps and when it ends early: train.keep, train.checkpoint_every,
// train.best, train.stop.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/formats/table_reader.h"
#include "runtime/run_file/run.h"

namespace nnc::runtime {

// Reads them from [train] into `config`.
void read_survival(TableReader& train, RunConfig& config, Diagnostics& diagnostics);

// What a value of each epoch is called and which way it is better: { metric = "accuracy", better = "higher" }.
void read_watch(TableReader& table, const Setting& owner, Watch& watch);

// Whether the metrics that train.best, train.stop and the phases' schedules name are there; reports each that is not, with those that are.
struct Measured {
  std::vector<std::string> training;  // "loss", "loss.penalty"; with train.metrics the metrics too
  std::string part;  // what is evaluated after each epoch: "validation", "test", or "" for nothing
  std::vector<std::string> evaluated;  // and its values: losses and metrics
};
Status check_watches(const RunConfig& config, const Measured& measured, Diagnostics& diagnostics);

// Which way a metric gets better, by its name: lower for what is known as a loss, an error or a distance ("rmsle",
// "brier_score"), higher for what is known as a score ("auc", "r2"). Nothing for a name that does not tell.
std::optional<bool> higher_is_better(const std::string& metric);

// "best: lowest rmsle", "stops after 5 epochs without a higher accuracy": a line for each of train.best and train.stop, and
// one for each watched metric whose direction is only assumed.
std::string describe_watches(const RunConfig& config);

}  // namespace nnc::runtime
