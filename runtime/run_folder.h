// A run folder: who may write to it, what it already holds, and whether this run continues it.
//   config.toml        the run file with every default and override in it; eval and predict read it
//   run.json           identity: the keys that make this run this run, hashes of model and data
//   fitted.json        what was fitted on the training data
//   metrics.csv        one line per epoch, append-only; lines past the resumed checkpoint are dropped
//   metrics.jsonl      the same with the time of day, one JSON object per line;  events/  for TensorBoard
//   environment.json   processor, versions, where each key of the configuration came from (driver/environment.h)
//   ckpt/step-N.safetensors   the last `keep` ends of epochs;  ckpt/best.safetensors, a copy of the best of all
//   ckpt/mid-N.safetensors    within an epoch: the last two, until the epoch's end is saved
//   finished           the mark of a completed run
//   lock               held (flock) while a run writes here
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/checkpoint.h"
#include "runtime/dataset.h"
#include "runtime/initial_weights.h"
#include "runtime/run.h"
#include "support/diagnostic.h"
#include "support/result.h"

namespace nnc::runtime {

// What makes a run this run and no other, besides its configuration.
struct RunIdentity {
  std::string model_text;         // canonical text of the model (sources, or the printed graph): hashed
  uint64_t data_hash = 0;         // LoadedData::content_hash()
  std::string weights_hash = {};  // content_hash() of train.init_from; empty without
};

// Holds the lock of a folder; closing lets go of it. Move-only.
class FolderLock {
 public:
  FolderLock() = default;
  explicit FolderLock(int descriptor) : descriptor_(descriptor) {}
  FolderLock(FolderLock&& other) noexcept : descriptor_(other.descriptor_) { other.descriptor_ = -1; }
  FolderLock& operator=(FolderLock&& other) noexcept;
  ~FolderLock();

 private:
  int descriptor_ = -1;
};

struct RunFolder {
  std::string path;
  FolderLock lock;
  bool finished = false;           // already complete: nothing to do
  std::string resume_from;         // path of the newest good checkpoint; empty: from the start
  std::vector<std::string> notes;  // to be shown: "resumes runs/digits at step 120"
  std::string model_hash;
  std::shared_ptr<const InitialWeights> weights;  // what a new run begins with; null: what the model draws
};

// Decides (language.md §8): the same model, data and configuration resume or are finished; more epochs
// extend; anything else opens the next free `<out>-2` and notes which keys differ, or fails when `train.out`
// was given. `fresh` empties the folder. Fails if another process holds the folder, or it cannot be written.
Result<RunFolder> open_run_folder(const RunConfig& config, const RunIdentity& identity, bool fresh,
                                  Diagnostics& diagnostics);

// Checkpoints of a run, the newest first: (steps, path).
std::vector<std::pair<int64_t, std::string>> list_checkpoints(const std::string& folder);
// Keeps the newest `keep` of step-N, and of mid-N the newest two that no step-N has made useless.
void prune_checkpoints(const std::string& folder, int64_t keep);

// A trained folder for eval, predict, report: its configuration, what was fitted, and its checkpoints.
struct TrainedRun {
  std::string path;
  RunConfig config;
  Fitted fitted;
  std::string latest, best;  // checkpoint paths; empty if there is none
  std::string model_hash;    // hash_text(RunIdentity::model_text) of the training
};
std::string hash_text(const std::string& text);
// `path` is a run folder, or a run file whose folder is meant.
Result<TrainedRun> open_trained_run(const std::string& path, Sources& sources, Diagnostics& diagnostics);

}  // namespace nnc::runtime
