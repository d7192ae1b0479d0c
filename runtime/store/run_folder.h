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

#include <memory>
#include <string>
#include <vector>

#include "runtime/run_file/run.h"
#include "runtime/store/initial_weights.h"
#include "runtime/store/run_identity.h"
#include "support/diagnostic.h"
#include "support/result.h"

namespace nnc::runtime {

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
  bool finished = false;           // nothing to do: already complete, or longer than requested
  std::string resume_from;         // path of the newest good checkpoint; empty: from the start
  std::vector<std::string> notes;  // to be shown: "resumes runs/digits at step 120"
  // Epochs or steps that the last phase was to have, if this run extends them; and its steps so far, 0 if it has not
  // begun.
  int64_t extended_from = 0, steps_of_phase = 0;
  std::string model_hash;
  std::shared_ptr<const InitialWeights> weights;  // what a new run begins with; null: what the model draws
};

// Decides (language.md §8): the same model, data and configuration resume or are finished; more epochs
// extend; anything else opens the next free `<out>-2` and notes which keys differ, or fails when `train.out`
// was given. Nothing that is there is lost unless `fresh`, which empties the folder: one that holds anything and does not
// say which run it is of is passed over, or refused; so is one whose checkpoints are gone. Fails if another process holds the folder, or it cannot be written.
Result<RunFolder> open_run_folder(const RunConfig& config, const RunIdentity& identity, bool fresh,
                                  Diagnostics& diagnostics);

}  // namespace nnc::runtime
