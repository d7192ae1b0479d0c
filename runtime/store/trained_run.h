// A trained folder as eval, predict, report and compare use it: its configuration, what was fitted, its checkpoints.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/data/dataset.h"
#include "runtime/run_file/run.h"
#include "runtime/store/run_checkpoints.h"
#include "runtime/store/run_identity.h"
#include "support/diagnostic.h"
#include "support/result.h"

namespace nnc::runtime {

struct TrainedRun {
  std::string path;
  RunConfig config;
  int64_t batch = 0;  // that it was trained with; 0: of all rows, and nobody noted how many
  Fitted fitted;
  std::string best;        // path of the best checkpoint; empty if there is none
  std::string model_hash;  // hash_text(RunIdentity::model_text) of the training; empty if it is not known
  std::string data_hash;   // text of LoadedData::content_hash() of the training; empty if it is not known
};

// `folder` is a run folder. If it is not where it was, its files are looked for where they are seen from it now, as in a
// project that was moved or copied, and then where they were.
Result<TrainedRun> open_trained_run(const std::string& folder, Sources& sources, Diagnostics& diagnostics);

// The run as it is now, with the same files.
Result<TrainedRun> open_again(const TrainedRun& run, Sources& sources, Diagnostics& diagnostics);

// Its model and data lie where another configuration has them.
void use_files_of(const RunConfig& from, TrainedRun& run);

// What its model was built with: the rows in a batch, and what "auto" came to, are in it.
RunConfig trained_settings(const TrainedRun& run);

// Of the run folders that a run file may mean – train.out, or its numbered sisters besides – those whose run has the
// keys that the file has; where there are none, those that differ in how long they are to train, which goes on; the last one last.
// Keys of data that --set gives do not count: they say what is to be evaluated. An error if there are none either.
Result<std::vector<std::string>> folders_of(const RunConfig& config, Diagnostics& diagnostics);

// Its newest checkpoint that reads well. If that is not the last one that the run has made, a warning says so.
Result<Checkpoint> newest_checkpoint(const TrainedRun& run, Diagnostics& diagnostics);

}  // namespace nnc::runtime
