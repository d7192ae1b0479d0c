// Mapping files, and what happens when one is cut short or written to under the mapping; see file_bytes.h.
#include "runtime/file_bytes.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <utility>

#include "fmt/format.h"
#include "runtime/file.h"
#include "runtime/files_read.h"

namespace nnc::runtime {
namespace {

// What the signal handler may look at: fixed memory, written before a mapping is used.
struct Mapping {
  std::atomic<const unsigned char*> begin{nullptr};
  size_t size = 0;
  int descriptor = -1;
  char cut[768] = {}, unreadable[768] = {};  // what is to be said
};
std::array<Mapping, 64> mappings;
std::mutex mappings_mutex;
struct sigaction previous_action;
std::atomic_flag is_saying;

// A page of a mapped file is gone: say which file, and stop. Only what a signal handler may call.
void page_is_gone(int signal, siginfo_t* info, void*) {
  const auto* address = static_cast<const unsigned char*>(info->si_addr);
  for (const Mapping& mapping : mappings) {
    const unsigned char* begin = mapping.begin.load();
    if (begin == nullptr || address < begin || address >= begin + mapping.size) continue;
    while (is_saying.test_and_set()) ::pause();  // another thread is saying it, and ends this one
    struct stat info_now {};
    const bool cut =
        ::fstat(mapping.descriptor, &info_now) == 0 && static_cast<size_t>(info_now.st_size) < mapping.size;
    termios terminal{};  // may have a bar in its last line
    const char* line_end = ::tcgetattr(STDERR_FILENO, &terminal) == 0 ? "\n" : "";
    for (const char* text : {line_end, cut ? mapping.cut : mapping.unreadable})
      if (::write(STDERR_FILENO, text, std::strlen(text)) < 0) break;
    ::_exit(4);
  }
  ::sigaction(signal, &previous_action, nullptr);  // not ours: as if this handler did not exist
}

template <size_t size>
void compose(char (&to)[size], const std::string& path, std::string_view what) {
  *fmt::format_to_n(to, size - 1,
                    "{:.400}: error: {}\n  note: the checkpoints of a run are kept\n"
                    "  help: with the original file back, the same command continues\n",
                    path, what)
       .out = '\0';
}

bool remember(const unsigned char* begin, size_t size, const std::string& path, int descriptor) {
  const std::lock_guard lock(mappings_mutex);
  static const bool installed = [] {
    struct sigaction action {};
    action.sa_sigaction = page_is_gone;
    action.sa_flags = SA_SIGINFO;
    sigemptyset(&action.sa_mask);
    return ::sigaction(SIGBUS, &action, &previous_action) == 0;
  }();
  if (!installed) return false;
  for (Mapping& mapping : mappings) {
    if (mapping.begin.load() != nullptr) continue;
    mapping.size = size;
    mapping.descriptor = descriptor;
    compose(mapping.cut, path,
            fmt::format("was cut short while it was in use: it had {} bytes [data_changed]", size));
    compose(mapping.unreadable, path, "can no longer be read: the disk fails, or is full [data_unreadable]");
    mapping.begin.store(begin);
    return true;
  }
  return false;
}

void forget(const unsigned char* begin) {
  const std::lock_guard lock(mappings_mutex);
  for (Mapping& mapping : mappings)
    if (mapping.begin.load() == begin) mapping.begin.store(nullptr);
}

int64_t written_ns(const struct stat& info) {
  return int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec;
}

}  // namespace

FileBytes::FileBytes(std::vector<unsigned char> bytes)
    : owned_(std::move(bytes)), data_(owned_.data()), size_(owned_.size()) {}

FileBytes::~FileBytes() {
  if (!mapped()) return;
  forget(data_);
  ::munmap(const_cast<unsigned char*>(data_), size_);
  ::close(descriptor_);
}

Status FileBytes::check_unchanged(Diagnostics& diagnostics) const {
  if (!mapped()) return Done{};
  struct stat info {};
  const bool there = ::fstat(descriptor_, &info) == 0;
  if (there && static_cast<size_t>(info.st_size) == size_ && written_ns(info) == written_ns_) return Done{};
  Diagnostic& said =
      diagnostics.error_at(DiagnosticKind::data_changed, path_,
                           "was changed while it was in use: what was computed from it is discarded");
  if (!there)
    said.note("it is no longer accessible");
  else if (static_cast<size_t>(info.st_size) != size_)
    said.note(fmt::format("it had {} bytes, now it has {}", size_, info.st_size));
  else
    said.note(fmt::format("it was written to; its size is still {} bytes", size_));
  return Failure{};
}

void FileBytes::expect_order(bool random) const {
  if (mapped()) ::madvise(const_cast<unsigned char*>(data_), size_, random ? MADV_RANDOM : MADV_NORMAL);
}

void FileBytes::read_ahead(const unsigned char* at, size_t bytes) const {
  static const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = static_cast<size_t>(at - data_) / page * page;
  const size_t end = static_cast<size_t>(at - data_) + bytes;
  ::madvise(const_cast<unsigned char*>(data_) + begin, end - begin, MADV_WILLNEED);
}

// Null if the file cannot or should not be mapped: reading it says why.
class FileMapper {
 public:
  static SharedBytes map(const std::string& path, DataPlace place) {
    if (place == DataPlace::memory) return nullptr;
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return nullptr;
    SharedBytes bytes = map(file, path, place);
    if (bytes == nullptr) ::close(file);
    return bytes;
  }

 private:
  static SharedBytes map(int file, const std::string& path, DataPlace place) {
    struct stat info {};
    if (::fstat(file, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size < 2) return nullptr;
    const auto size = static_cast<size_t>(info.st_size);
    if (place == DataPlace::automatic && size < available_memory() / 4) return nullptr;
    unsigned char mark[2];
    if (::pread(file, mark, 2, 0) != 2 || (mark[0] == 0x1F && mark[1] == 0x8B)) return nullptr;
    void* at = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file, 0);
    if (at == MAP_FAILED) return nullptr;
    const auto* begin = static_cast<const unsigned char*>(at);
    if (!remember(begin, size, path, file)) {
      ::munmap(at, size);
      return nullptr;
    }
    remember_read(file);
    std::shared_ptr<FileBytes> bytes(new FileBytes());
    bytes->data_ = begin;
    bytes->size_ = size;
    bytes->descriptor_ = file;
    bytes->written_ns_ = written_ns(info);
    bytes->path_ = path;
    return bytes;
  }
};

Result<SharedBytes> open_bytes(const std::string& path, DataPlace place, Diagnostics& diagnostics) {
  if (SharedBytes bytes = FileMapper::map(path, place)) return bytes;
  Result<std::vector<unsigned char>> bytes =
      read_file(path, true, kFileLimit, DiagnosticKind::data_unreadable, diagnostics);
  if (!bytes) return Failure{};
  return SharedBytes(std::make_shared<FileBytes>(*std::move(bytes)));
}

uint64_t available_memory() {
  std::FILE* file = std::fopen("/proc/meminfo", "r");
  if (file == nullptr) return 0;
  char line[128];
  unsigned long long kib = 0;
  bool found = false;
  while (!found && std::fgets(line, sizeof line, file) != nullptr)
    found = std::sscanf(line, "MemAvailable: %llu", &kib) == 1;
  std::fclose(file);
  return found ? uint64_t{kib} * 1024 : 0;
}

}  // namespace nnc::runtime
