// See checkpoint_writer.h.
#include "runtime/checkpoint_writer.h"

#include <unistd.h>

#include "fmt/format.h"
#include "runtime/checkpoint.h"
#include "runtime/file.h"
#include "runtime/run_checkpoints.h"

namespace nnc::runtime {

bool CheckpointWriter::save(const Position& at, const Bundle& bundle, const unsigned char* state,
                            bool must_sync, Diagnostics& diagnostics) {
  const std::string path = fmt::format("{}/ckpt/{}-{:09}.safetensors", folder_.path,
                                       at.step_in_epoch > 0 ? "mid" : "step", at.step);
  Metadata metadata;
  at.write(metadata);
  metadata["format_version"] = "1";
  metadata["optimizer"] = config_.phases[static_cast<size_t>(at.phase)].optimizer;
  metadata["model"] = folder_.model_hash;
  // Flushing to disk guards against power cuts only, and may take longer than a short epoch: once a second is
  // enough.
  const auto now = Clock::now();
  const bool sync = must_sync || now - last_sync_ > std::chrono::seconds(1);
  if (sync) last_sync_ = now;
  Diagnostics problems;
  if (!write_checkpoint(path, bundle, state, metadata, problems, sync)) return fail(problems, diagnostics);
  newest_ = path;
  last_step_ = at.step;
  last_save_ = Clock::now();
  return true;
}

// A second name of the file where the file system has them: no room and no time taken.
bool CheckpointWriter::keep_as_best(const std::string& from, Diagnostics& diagnostics) {
  const std::string best = folder_.path + "/ckpt/best.safetensors", temporary = best + ".tmp";
  ::unlink(temporary.c_str());
  if (::link(from.c_str(), temporary.c_str()) == 0) {
    const bool done = ::rename(temporary.c_str(), best.c_str()) == 0;
    ::unlink(temporary.c_str());  // left there if both names were one file already
    if (done) return true;
  }
  Diagnostics problems;
  const auto bytes = read_file(from, false, kFileLimit, DiagnosticKind::checkpoint_unreadable, problems);
  return (bytes && write_file(best, *bytes, problems, false)) || fail(problems, diagnostics);
}

bool CheckpointWriter::fail(const Diagnostics& problems, Diagnostics& diagnostics,
                            std::string_view mended) const {
  for (const Diagnostic& d : problems.all()) {
    Diagnostic& said = diagnostics.error_at(d.kind, d.location, d.message);
    for (const std::string& note : d.notes) said.note(note);
    if (newest_.empty())
      said.note("no checkpoint was made before")
          .suggest(fmt::format("{}, the same command starts again", mended));
    else
      said.note(fmt::format("the newest checkpoint is {}", newest_))
          .suggest(fmt::format("{}, the same command continues from there", mended));
  }
  return false;
}

void CheckpointWriter::prune() {
  prune_checkpoints(folder_.path, config_.keep);
}

}  // namespace nnc::runtime
