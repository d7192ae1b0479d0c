// A training step, or a prediction, with its data in memory, ready to run: what `nnc bench` times and `nnc profile` looks into.
#pragma once

#include <string>

#include "driver/programs.h"
#include "runtime/training/trainer.h"

namespace nnc::driver {

struct Workload {
  LoadedModel loaded;  // with a run
  frontend::Model model;
  std::string entry;  // train, or predict.OUTPUT
  Bundle bundle;      // the entry, and init
  runtime::LoadedData data;
  double compile_s = 0;

  const runtime::RunConfig& run() const { return *loaded.run; }
  const EntryPoint& step() const { return *bundle.find(entry); }
  bool trains() const { return entry == "train"; }
  bool is_generated() const { return run().data.format == "splitmix"; }
};

// The first phase of a run file, or with --output the prediction of a batch. Its data is generated, as bench/README.md says, or
// read. `stamps`: the step keeps times.
Result<Workload> open_workload(Session& session, LoadedModel loaded, bool stamps);

// Parameters and scalars as they are before the first step.
Status begin(Session& session, const Workload& workload, runtime::Session& memory);

}  // namespace nnc::driver
