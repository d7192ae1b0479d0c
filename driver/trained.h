// A trained run as eval and predict use it: its folder, its model built again, and one of its checkpoints: the best
// one if the run file says by what to judge (train.best), else the newest; --checkpoint says otherwise.
#pragma once

#include "driver/programs.h"
#include "driver/session.h"
#include "runtime/store/trained_run.h"
#include "runtime/training/trainer.h"

namespace nnc::driver {

struct Trained {
  runtime::TrainedRun run;
  LoadedModel loaded;
  frontend::Model model;
  runtime::Checkpoint checkpoint;  // the one to use
};

// The run folder that a run file (with --set train.out) or a folder means: of a file, the one whose run is the file's.
Result<runtime::TrainedRun> find_run(Session& session, const std::string& path, FileKind kind);
// The run's checkpoint to use: as above.
Result<runtime::Checkpoint> choose_checkpoint(Session& session, const runtime::TrainedRun& run);

// `path` is a run folder or a run file. Sizes and arguments are those that were trained. If the model file is not what was
// trained any more, that is an error, unless only a warning is wanted or --checkpoint names a file.
enum class ChangedModel { refused, warned };
Result<Trained> open_trained(Session& session, const std::string& path,
                             ChangedModel changed = ChangedModel::refused);
Result<Trained> open_trained(Session& session, runtime::TrainedRun run, ChangedModel changed);

// Parameters and state of the checkpoint into the bundle's memory.
Status load_trained(Session& session, const Trained& trained, runtime::Session& memory);

// Whether --output, where it is given, names an output of the model; reports where it does not.
bool has_wanted_output(Session& session, const frontend::Model& model);

}  // namespace nnc::driver
