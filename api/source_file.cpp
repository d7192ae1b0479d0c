// See source_file.h.
#include "api/source_file.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "fmt/format.h"
#include "runtime/file.h"
#include "runtime/files_read.h"

namespace nnc {
namespace {

// The parsers say what they take; this keeps what is no text from filling the memory before they are asked.
constexpr size_t kLargestSource = size_t{256} << 20;

Failure unreadable(const std::string& path, const std::string& why, Diagnostics& diagnostics) {
  diagnostics.error_at(DiagnosticKind::unreadable_file, path, why);
  return {};
}

}  // namespace

Failure report_missing(const std::string& path, const char* what, Diagnostics& diagnostics) {
  Diagnostic& d = diagnostics.error_at(DiagnosticKind::file_not_found, path, what);
  if (const auto near = runtime::near_path(path)) d.suggest(fmt::format("did you mean {}?", *near));
  return {};
}

Result<FileId> open_source(const std::string& path, Sources& sources, Diagnostics& diagnostics) {
  if (const std::string* text = sources.unsaved(path)) return sources.add(path, *text);
  struct stat info {};
  if (stat(path.c_str(), &info) != 0)
    return errno == ENOENT || errno == ENOTDIR ? report_missing(path, "no such file", diagnostics)
                                               : unreadable(path, std::strerror(errno), diagnostics);
  if (S_ISDIR(info.st_mode)) return unreadable(path, "this is a folder, a file is expected", diagnostics);
  if (!S_ISREG(info.st_mode)) return unreadable(path, "this is no regular file", diagnostics);
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  if (file == nullptr) return unreadable(path, std::strerror(errno), diagnostics);
  return read_source(file.get(), path, sources, diagnostics);
}

Result<FileId> read_source(std::FILE* file, const std::string& path, Sources& sources,
                           Diagnostics& diagnostics) {
  runtime::remember_read(::fileno(file));
  std::string text;
  char buffer[1 << 16];
  size_t count = 0;
  while (text.size() <= kLargestSource && (count = std::fread(buffer, 1, sizeof buffer, file)) > 0)
    text.append(buffer, count);
  if (std::ferror(file) != 0) return unreadable(path, std::strerror(errno), diagnostics);
  if (text.size() > kLargestSource)
    return unreadable(path, "a source text of more than 256 MiB", diagnostics);
  return sources.add(path, std::move(text));
}

}  // namespace nnc
