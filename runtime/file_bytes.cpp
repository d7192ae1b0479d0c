// Mapping files, and what happens when one is cut short under the mapping; see file_bytes.h.
#include "runtime/file_bytes.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <mutex>

#include "runtime/file.h"

namespace nnc::runtime {
namespace {

// What the signal handler may look at: fixed memory, written before a mapping is used.
struct Mapping {
  std::atomic<const unsigned char*> begin{nullptr};
  size_t size = 0;
  char message[512] = {};
};
std::array<Mapping, 64> mappings;
std::mutex mappings_mutex;
struct sigaction previous_action;

// A page of a mapped file is gone: say which file, and stop. Only what a signal handler may call.
void page_is_gone(int signal, siginfo_t* info, void*) {
  const auto* address = static_cast<const unsigned char*>(info->si_addr);
  for (const Mapping& mapping : mappings) {
    const unsigned char* begin = mapping.begin.load();
    if (begin == nullptr || address < begin || address >= begin + mapping.size) continue;
    [[maybe_unused]] const ssize_t written =
        ::write(STDERR_FILENO, mapping.message, std::strlen(mapping.message));
    ::_exit(4);
  }
  ::sigaction(signal, &previous_action, nullptr);  // not ours: as if this handler did not exist
}

bool remember(const unsigned char* begin, size_t size, const std::string& path) {
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
    std::snprintf(mapping.message, sizeof mapping.message,
                  "%.400s: error: was cut short while it was read; the last checkpoint is kept\n",
                  path.c_str());
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

}  // namespace

FileBytes::FileBytes(std::vector<unsigned char> bytes)
    : owned_(std::move(bytes)), data_(owned_.data()), size_(owned_.size()) {}

FileBytes::~FileBytes() {
  if (!mapped_) return;
  forget(data_);
  ::munmap(const_cast<unsigned char*>(data_), size_);
}

void FileBytes::expect_order(bool random) const {
  if (mapped_) ::madvise(const_cast<unsigned char*>(data_), size_, random ? MADV_RANDOM : MADV_NORMAL);
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
    ::close(file);
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
    if (!remember(begin, size, path)) {
      ::munmap(at, size);
      return nullptr;
    }
    return SharedBytes(new FileBytes(begin, size));
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
