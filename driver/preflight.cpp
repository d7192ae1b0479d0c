// The disk's part of the checks; memory is asked about in programs.cpp, data in runtime/.
#include "driver/preflight.h"

#include <algorithm>
#include <filesystem>
#include <optional>

#include "driver/report.h"
#include "runtime/store/checkpoint.h"

namespace nnc::driver {
namespace {

namespace fs = std::filesystem;

// Free bytes on the disk where `folder` is or will be; nothing if the system does not say.
std::optional<uint64_t> free_bytes(fs::path folder) {
  std::error_code error;
  folder = fs::absolute(folder, error);
  while (!error && !fs::exists(folder, error) && folder.has_relative_path()) folder = folder.parent_path();
  const fs::space_info space = fs::space(folder, error);
  if (error) return std::nullopt;
  return space.available;
}

uint64_t bytes_below(const fs::path& folder) {
  uint64_t bytes = 0;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    const uint64_t size = it->file_size(ignored);
    if (!ignored) bytes += size;
  }
  return bytes;
}

}  // namespace

uint64_t checkpoint_bytes(std::span<const Bundle* const> bundles) {
  uint64_t most = 0;
  for (const Bundle* bundle : bundles) {
    uint64_t bytes = 0;
    for (const TensorInfo& tensor : bundle->tensors)
      if (runtime::is_saved(tensor)) bytes += tensor.bytes;
    most = std::max(most, bytes);
  }
  return most;
}

Status check_disk(Session& session, const runtime::RunConfig& config, uint64_t checkpoint) {
  const auto copies = static_cast<uint64_t>(std::min<int64_t>(config.keep, 1000)) + 2;
  const uint64_t there = bytes_below(fs::path(config.out) / "ckpt");
  const uint64_t needed = copies * checkpoint;
  const std::optional<uint64_t> free = free_bytes(config.out);
  if (!free || needed <= there || needed - there <= *free) return Done();
  session.diagnostics
      .error_at(DiagnosticKind::disk_full, config.out,
                fmt::format("{} checkpoints of {} need {}, the disk has {} left", copies,
                            bytes_text(checkpoint), bytes_text(needed - there), bytes_text(*free)))
      .note(fmt::format("train.keep = {}, the best one, and the one being written", config.keep))
      .suggest("train.out on another disk, or a smaller train.keep");
  return Failure();
}

}  // namespace nnc::driver
