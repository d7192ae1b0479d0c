// The checkpoints of a run folder: which there are, which of them reads, which are no longer needed, and the mark of a
// run that has come to its end.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/store/checkpoint.h"
#include "runtime/training/losses.h"
#include "support/diagnostic.h"
#include "support/result.h"

namespace nnc::runtime {

// Checkpoints of a run, the newest first: (steps, path). The best one is not among them.
std::vector<std::pair<int64_t, std::string>> list_checkpoints(const std::string& folder);
// Keeps the newest `keep` of step-N, and of mid-N the newest two that no step-N has made useless.
void prune_checkpoints(const std::string& folder, int64_t keep);

std::string best_checkpoint(const std::string& folder);  // its path, whether there is one or not

// The newest that reads well; its path is empty if there is none. Damaged ones are warned about, with `mend`; all damaged
// is an error. A run that goes on may remove it at any time, so it has been read.
Result<Checkpoint> newest_good(const std::string& folder, std::string_view mend, Diagnostics& diagnostics);

// What the mark of a finished run says.
struct Finished {
  int64_t steps = 0;
  bool early = false;
  std::vector<NamedValue> test;  // of the test part, where it was looked at only now (trainer.h); else empty
  int64_t test_epoch = 0;        // whose weights they are of; 0: not known
};
std::optional<Finished> read_finished(const std::string& folder);
Status write_finished(const std::string& folder, const Finished& mark, Diagnostics& diagnostics);

// What there is of a run whose checkpoints are all gone: "best.safetensors", "7 epochs in metrics.csv". Empty: it has
// not come to a first checkpoint yet. (Killed between an epoch's line and its checkpoint, a run has one line and none.)
std::string left_without_checkpoints(const std::string& folder);

}  // namespace nnc::runtime
