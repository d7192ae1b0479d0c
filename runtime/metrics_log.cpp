// See metrics_log.h.
#include "runtime/metrics_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "fmt/format.h"
#include "runtime/file.h"

namespace nnc::runtime {

MetricsLog::~MetricsLog() {
  if (file_ >= 0) ::close(file_);
}

Status MetricsLog::open(const std::string& path, const std::vector<std::string>& columns, int64_t last_step,
                        Diagnostics& diagnostics) {
  path_ = path;
  const std::string header = fmt::format("{}\n", fmt::join(columns, ","));
  std::string kept = header;
  if (file_exists(path)) {
    const auto bytes = read_file(path, false, 1 << 30, DiagnosticKind::write_failed, diagnostics);
    if (!bytes) return Failure{};
    std::string_view text(reinterpret_cast<const char*>(bytes->data()), bytes->size());
    if (text.starts_with(header)) {
      text.remove_prefix(header.size());
      // A line without its end was being written when the run was killed.
      for (size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
        const std::string_view line = text.substr(0, end + 1);
        text.remove_prefix(end + 1);
        const size_t comma = line.find(',');
        int64_t step = INT64_MAX;
        if (comma != std::string_view::npos)
          std::from_chars(line.data() + comma + 1, line.data() + end, step);
        if (step <= last_step) kept += line;
      }
    }
  }
  if (!write_file(path, kept, diagnostics)) return Failure{};
  file_ = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (file_ >= 0) return Done{};
  diagnostics.error_at(DiagnosticKind::write_failed, path,
                       std::string("cannot be opened: ") + std::strerror(errno));
  return Failure{};
}

Status MetricsLog::append(const std::string& line, Diagnostics& diagnostics) {
  const std::string text = line + "\n";
  const ssize_t count = ::write(file_, text.data(), text.size());
  if (count == static_cast<ssize_t>(text.size())) return Done{};
  diagnostics.error_at(
      DiagnosticKind::write_failed, path_,
      fmt::format("cannot be written: {}", count < 0 ? std::strerror(errno) : "the disk is full"));
  return Failure{};
}

}  // namespace nnc::runtime
