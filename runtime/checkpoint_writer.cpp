// See checkpoint_writer.h.
#include "runtime/checkpoint_writer.h"

#include "fmt/format.h"
#include "runtime/checkpoint.h"
#include "runtime/file.h"

namespace nnc::runtime {

bool CheckpointWriter::save(const char* kind, const Position& at, const Bundle& bundle,
                            const unsigned char* state, bool must_sync, Diagnostics& diagnostics) {
  const std::string path = fmt::format("{}/ckpt/{}-{:09}.safetensors", folder_.path, kind, at.step);
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
  if (!write_checkpoint(path, bundle, state, metadata, diagnostics, sync)) return false;
  newest_ = path;
  return true;
}

bool CheckpointWriter::keep_as_best(const std::string& from, Diagnostics& diagnostics) {
  const auto bytes = read_file(from, false, kFileLimit, DiagnosticKind::checkpoint_unreadable, diagnostics);
  return bytes && write_file(folder_.path + "/ckpt/best.safetensors", *bytes, diagnostics, false);
}

void CheckpointWriter::prune() {
  prune_checkpoints(folder_.path, config_.keep);
}

}  // namespace nnc::runtime
