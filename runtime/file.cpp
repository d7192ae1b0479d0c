// Reading and writing whole files; see file.h.
#include "runtime/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "fmt/format.h"
#include "runtime/files_read.h"
#include "support/suggest.h"

namespace nnc::runtime {
namespace {

std::string system_reason() {
  return std::strerror(errno);
}

// An open file descriptor that closes itself.
struct Descriptor {
  int value = -1;
  ~Descriptor() {
    if (value >= 0) ::close(value);
  }
};

enum class InflateResult { good, damaged, truncated, too_large };

// Undoes gzip, several members one after the other included.
InflateResult inflate_all(std::span<const unsigned char> from, uint64_t limit,
                          std::vector<unsigned char>& to) {
  z_stream stream{};
  if (inflateInit2(&stream, 15 + 16) != Z_OK) return InflateResult::damaged;
  to.resize(std::min<uint64_t>(limit, std::max<size_t>(from.size() * 4, 4096)));
  size_t consumed = 0, produced = 0;
  InflateResult result = InflateResult::truncated;
  while (true) {
    if (produced == to.size()) {
      if (to.size() >= limit) {
        result = InflateResult::too_large;
        break;
      }
      to.resize(std::min<uint64_t>(limit, uint64_t{to.size()} * 2));
    }
    const size_t in = std::min<size_t>(from.size() - consumed, 1U << 30);
    const size_t out = std::min<size_t>(to.size() - produced, 1U << 30);
    stream.next_in = const_cast<unsigned char*>(from.data() + consumed);
    stream.avail_in = static_cast<uInt>(in);
    stream.next_out = to.data() + produced;
    stream.avail_out = static_cast<uInt>(out);
    const int code = inflate(&stream, Z_NO_FLUSH);
    consumed += in - stream.avail_in;
    produced += out - stream.avail_out;
    if (code == Z_STREAM_END) {
      if (consumed + 2 >= from.size() || from[consumed] != 0x1F || from[consumed + 1] != 0x8B) {
        result = InflateResult::good;  // bytes after the last member are ignored, as gzip does
        break;
      }
      if (inflateReset(&stream) != Z_OK) break;
    } else if (code == Z_BUF_ERROR && in == 0) {
      break;
    } else if (code != Z_OK && code != Z_BUF_ERROR) {
      result = InflateResult::damaged;
      break;
    }
  }
  inflateEnd(&stream);
  to.resize(produced);
  return result;
}

// Flushes a folder's entries to disk; best effort.
void sync_folder(const std::string& path) {
  const Descriptor folder{::open(path.empty() ? "." : path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (folder.value >= 0) ::fsync(folder.value);
}

// The README.md that stands where a file should be, or, where there is not even its folder, one further up; of `a/../b`, that
// of `a`, too. Empty for none.
std::string readme_above(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  fs::path folder = fs::path(path).parent_path();
  while (!folder.empty() && folder.has_relative_path() && !fs::is_directory(folder, ignored))
    folder = folder.parent_path();
  while (folder.filename() == ".." && !fs::is_regular_file(folder / "README.md", ignored))
    folder = folder.parent_path();
  const fs::path readme = folder / "README.md";
  return !folder.empty() && fs::is_regular_file(readme, ignored) ? readme.string() : "";
}

}  // namespace

bool file_exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

bool is_folder(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored);
}

std::optional<std::string> near_path(const std::string& path) {
  namespace fs = std::filesystem;
  // "runs/digts/" is "digts" in "runs/".
  const std::string whole = path.substr(0, path.find_last_not_of('/') + 1);
  const size_t slash = whole.find_last_of('/');
  const std::string folder = slash == std::string::npos ? "" : whole.substr(0, slash + 1);
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(folder.empty() ? "." : folder, error), end; !error && it != end;
       it.increment(error))
    names.push_back(it->path().filename().string());
  std::sort(names.begin(), names.end());  // the system's order is none
  const auto near = suggest(whole.substr(folder.size()), names);
  return near ? std::optional(folder + *near) : std::nullopt;
}

void report_missing(const std::string& path, std::string_view thing, DiagnosticKind kind,
                    Diagnostics& diagnostics) {
  Diagnostic& d = diagnostics.error_at(kind, path, fmt::format("no such {}", thing));
  if (const auto near = near_path(path))
    d.suggest(fmt::format("did you mean {}?", *near));
  else if (const std::string readme = readme_above(path);
           kind == DiagnosticKind::data_unreadable && !readme.empty())
    d.suggest(readme + " may say where to get it");
}

Result<std::vector<unsigned char>> read_file(const std::string& path, bool inflate, uint64_t limit,
                                             DiagnosticKind kind, Diagnostics& diagnostics) {
  const auto fail = [&](std::string message) {
    diagnostics.error_at(kind, path, std::move(message));
    return Failure{};
  };
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.value < 0 && errno == ENOENT) {
    report_missing(path, "file", kind, diagnostics);
    return Failure{};
  }
  if (file.value < 0) return fail("cannot be opened: " + system_reason());
  struct stat info {};
  if (::fstat(file.value, &info) != 0) return fail("cannot be read: " + system_reason());
  if (S_ISDIR(info.st_mode)) return fail("is a folder, not a file");
  if (S_ISBLK(info.st_mode) || (S_ISCHR(info.st_mode) && ::isatty(file.value) == 0))
    return fail("is a device, not a file");
  remember_read(file.value);

  std::vector<unsigned char> bytes(
      S_ISREG(info.st_mode) ? std::min<uint64_t>(limit, static_cast<uint64_t>(info.st_size)) + 1 : 65536);
  size_t size = 0;
  while (true) {
    if (size == bytes.size()) bytes.resize(bytes.size() * 2);
    const ssize_t count = ::read(file.value, bytes.data() + size, bytes.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail("cannot be read: " + system_reason());
    if (count == 0) break;
    size += static_cast<size_t>(count);
    if (size > limit) return fail(fmt::format("is larger than {} bytes, the most that can be read", limit));
  }
  bytes.resize(size);

  if (!inflate || size < 2 || bytes[0] != 0x1F || bytes[1] != 0x8B) return bytes;
  std::vector<unsigned char> plain;
  switch (inflate_all(bytes, limit, plain)) {
    case InflateResult::good:
      return plain;
    case InflateResult::damaged:
      return fail("is not valid gzip data (damaged?)");
    case InflateResult::truncated:
      return fail("is cut short: the gzip data ends too early");
    case InflateResult::too_large:
      return fail(fmt::format("unpacks to more than {} bytes, the most that can be read", limit));
  }
  return Failure{};
}

int make_beside(const std::string& path, std::string& name) {
  static std::atomic<uint64_t> number{0};
  int opened = -1;
  do {
    name = fmt::format("{}.{}-{}.tmp", path, ::getpid(), ++number);
    opened = ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  } while (opened < 0 && errno == EEXIST);
  if (opened < 0) name.clear();
  return opened;
}

Status write_file(const std::string& path, std::span<const unsigned char> bytes, Diagnostics& diagnostics,
                  bool sync) {
  std::string temporary;
  const int opened = make_beside(path, temporary);
  const auto fail = [&](const char* what) {
    diagnostics
        .error_at(DiagnosticKind::write_failed, path, fmt::format("cannot be {}: {}", what, system_reason()))
        .note(file_exists(path) ? "the previous file is kept" : "nothing was left behind");
    ::unlink(temporary.c_str());
    return Failure{};
  };
  {
    const Descriptor file{opened};
    if (file.value < 0) return fail("made");
    for (size_t at = 0; at < bytes.size();) {
      const ssize_t count =
          ::write(file.value, bytes.data() + at, std::min<size_t>(bytes.size() - at, 1U << 30));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return fail("written");
      at += static_cast<size_t>(count);
    }
    if (sync && ::fsync(file.value) != 0) return fail("written to disk");
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) return fail("put in place");
  if (sync) sync_folder(std::filesystem::path(path).parent_path().string());
  return Done{};
}

Status write_file(const std::string& path, std::string_view text, Diagnostics& diagnostics, bool sync) {
  return write_file(path, std::span(reinterpret_cast<const unsigned char*>(text.data()), text.size()),
                    diagnostics, sync);
}

Status make_folder(const std::string& path, Diagnostics& diagnostics) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (!error && std::filesystem::is_directory(path, error)) return Done{};
  diagnostics.error_at(
      DiagnosticKind::write_failed, path,
      error ? "the folder cannot be made: " + error.message() : "exists and is not a folder");
  return Failure{};
}

uint64_t hash_bytes(const void* data, size_t size, uint64_t seed) {
  constexpr uint64_t kPrime = 0x100000001B3ULL;
  const auto* bytes = static_cast<const unsigned char*>(data);
  uint64_t hash = seed ^ size * kPrime;
  size_t at = 0;
  for (; at + 8 <= size; at += 8) {
    uint64_t word;
    std::memcpy(&word, bytes + at, 8);
    hash = (hash ^ word) * kPrime;
    hash ^= hash >> 29;  // FNV alone carries nothing downwards
  }
  for (; at < size; ++at) hash = (hash ^ bytes[at]) * kPrime;
  return hash ^ hash >> 32;
}

}  // namespace nnc::runtime
