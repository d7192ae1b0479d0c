// See checkpoint_writer.h.
#include "runtime/store/checkpoint_writer.h"

#include <unistd.h>

#include "fmt/format.h"
#include "runtime/file.h"
#include "runtime/store/checkpoint.h"
#include "runtime/store/run_checkpoints.h"

namespace nnc::runtime {

bool CheckpointWriter::due_at_end(int64_t epoch) const {
  if (newest_.empty()) return true;  // a log without a checkpoint is a run that has lost them
  if (config_.checkpoint_epochs > 0) return epoch % config_.checkpoint_epochs == 0;
  return worth_its_time(last_bytes_, since_last(), last_seconds_);
}

Metadata CheckpointWriter::metadata_of(const Position& at) const {
  Metadata metadata;
  at.write(metadata);
  metadata["format_version"] = "1";
  metadata["optimizer"] = config_.phases[static_cast<size_t>(at.phase)].optimizer;
  metadata["model"] = folder_.model_hash;
  return metadata;
}

bool CheckpointWriter::save(const Position& at, const Bundle& bundle, const unsigned char* state,
                            bool must_sync, Diagnostics& diagnostics) {
  const std::string path = fmt::format("{}/ckpt/{}-{:09}.safetensors", folder_.path,
                                       at.step_in_epoch > 0 ? "mid" : "step", at.step);
  // Flushing to disk guards against power cuts only, and may take longer than a short epoch: once a second is
  // enough.
  const auto start = Clock::now();
  const bool sync = must_sync || start - last_sync_ > std::chrono::seconds(1);
  if (sync) last_sync_ = start;
  if (!write_held_best(diagnostics)) return false;
  const std::vector<unsigned char> bytes = encode_checkpoint(bundle, state, metadata_of(at));
  Diagnostics problems;
  if (!write_file(path, bytes, problems, sync)) return fail(problems, diagnostics);
  newest_ = path;
  last_step_ = at.step;
  last_bytes_ = bytes.size();
  last_save_ = Clock::now();
  last_seconds_ = std::chrono::duration<double>(last_save_ - start).count();
  seconds_ += last_seconds_;
  return true;
}

void CheckpointWriter::hold_best(const Position& at, const Bundle& bundle, const unsigned char* state) {
  held_.bundle = &bundle;
  held_.at = at;
  held_.state.assign(state, state + bundle.state_bytes);
}

bool CheckpointWriter::write_held_best(Diagnostics& diagnostics) {
  if (held_.bundle == nullptr) return true;
  Diagnostics problems;
  if (!write_checkpoint(best_checkpoint(folder_.path), *held_.bundle, held_.state.data(),
                        metadata_of(held_.at), problems))
    return fail(problems, diagnostics);
  drop_held_best();
  return true;
}

// A second name of the file where the file system has them: no room and no time taken.
bool CheckpointWriter::keep_as_best(const std::string& from, Diagnostics& diagnostics) {
  const std::string best = best_checkpoint(folder_.path), temporary = best + ".tmp";
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
      said.note("no checkpoint was written before")
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
