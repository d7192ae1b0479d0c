// Where an output goes, and how; see output_file.h.
#include "driver/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "fmt/format.h"
#include "runtime/file.h"
#include "runtime/files_read.h"

namespace nnc::driver {
namespace {

namespace fs = std::filesystem;

// What the links at `path` lead to, whether or not there is something. Of a circle any part: opening it says what is wrong.
std::string behind_links(std::string path) {
  std::error_code error;
  for (int links = 0; links < 40 && fs::is_symlink(fs::symlink_status(path, error)); ++links) {
    const fs::path to = fs::read_symlink(path, error);
    if (error) break;
    path = to.is_absolute() ? to.string() : (fs::path(path).parent_path() / to).string();
  }
  return path;
}

// /dev/stdout, where that is a file: another one in its place would take away what is printed.
bool is_standard_output(const struct stat& info) {
  struct stat out {};
  return ::fstat(STDOUT_FILENO, &out) == 0 && out.st_dev == info.st_dev && out.st_ino == info.st_ino;
}

}  // namespace

OutputFile::~OutputFile() {
  if (file_ != nullptr) std::fclose(file_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

Failure OutputFile::failed(const char* what, Diagnostics& diagnostics) {
  Diagnostic& d = diagnostics.error_at(DiagnosticKind::write_failed, path_,
                                       fmt::format("cannot be {}: {}", what, std::strerror(errno)));
  if (target_.empty()) return {};
  d.note(runtime::file_exists(target_) ? "the previous file is kept" : "nothing was left behind");
  return {};
}

Status OutputFile::open(const std::string& path, Diagnostics& diagnostics) {
  path_ = path;
  struct stat info {};
  const bool there = ::stat(path.c_str(), &info) == 0;
  if (there && S_ISDIR(info.st_mode)) {
    diagnostics.error_at(DiagnosticKind::write_failed, path_, "is a folder, not a file");
    return Failure();
  }
  if (runtime::was_read(path)) {
    diagnostics
        .error_at(DiagnosticKind::bad_flag, path_,
                  "this command, or the run that it is given, reads this file: it is not overwritten")
        .suggest("another name");
    return Failure();
  }
  if (there && (!S_ISREG(info.st_mode) || is_standard_output(info))) {
    std::fflush(stdout);
    const int opened =
        S_ISREG(info.st_mode) ? ::dup(STDOUT_FILENO) : ::open(path.c_str(), O_WRONLY | O_NOCTTY | O_CLOEXEC);
    if (opened < 0 || (file_ = ::fdopen(opened, "wb")) == nullptr) return failed("opened", diagnostics);
    return Done();
  }
  target_ = behind_links(path);
  const int opened = runtime::make_beside(target_, temporary_);
  if (opened < 0) return failed("made", diagnostics);
  if ((there && ::fchmod(opened, info.st_mode & 07777) != 0) || (file_ = ::fdopen(opened, "wb")) == nullptr) {
    const Failure failure = failed("made", diagnostics);
    ::close(opened);
    return failure;
  }
  return Done();
}

Status OutputFile::finish(Diagnostics& diagnostics) {
  const bool whole = !temporary_.empty();
  const bool good =
      std::fflush(file_) == 0 && std::ferror(file_) == 0 && (!whole || ::fsync(::fileno(file_)) == 0);
  std::FILE* const file = std::exchange(file_, nullptr);
  const int error = errno;
  const bool closed = std::fclose(file) == 0;
  if (!good) errno = error;
  if (!good || !closed) return failed("written", diagnostics);
  if (!whole) return Done();
  if (std::rename(temporary_.c_str(), target_.c_str()) != 0) return failed("put in place", diagnostics);
  temporary_.clear();
  return Done();
}

Status write_output(const std::string& path, std::string_view bytes, Diagnostics& diagnostics) {
  OutputFile output;
  if (!output.open(path, diagnostics)) return Failure();
  std::fwrite(bytes.data(), 1, bytes.size(), output.file());  // finish() says what failed
  return output.finish(diagnostics);
}

}  // namespace nnc::driver
