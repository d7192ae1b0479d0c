// Mapped files under which another program cuts, writes, renames and deletes.
#include "runtime/file_bytes.h"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "catch2/catch.hpp"
#include "support.h"

using namespace nnc;
using namespace nnc::runtime;
using namespace nnc::runtime::test;

namespace fs = std::filesystem;

namespace {

constexpr size_t kSize = 40 * 4096;

struct MappedFile {
  TemporaryFolder folder;
  std::string path = folder.file("rows.bin", std::string(kSize, 'a'));
  SharedBytes bytes;

  MappedFile() {
    // Clocks of file systems are coarse: what is written twice within a few milliseconds has one time.
    fs::last_write_time(path, fs::last_write_time(path) - std::chrono::seconds(10));
    Diagnostics diagnostics;
    Result<SharedBytes> opened = open_bytes(path, DataPlace::mapped, diagnostics);
    REQUIRE(opened);
    REQUIRE((*opened)->mapped());
    bytes = *std::move(opened);
  }

  // What is said of the file now; nothing if it is as it was.
  std::string said() const {
    Diagnostics diagnostics;
    const bool unchanged = bool(bytes->check_unchanged(diagnostics));
    CHECK(unchanged == (diagnostics.exit_code() == 0));
    return rendered(diagnostics, Sources(), folder.path());
  }
  void write(size_t at, const std::string& text) const {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(static_cast<std::streamoff>(at));
    file << text;
  }
};

}  // namespace

TEST_CASE("what is written to a mapped file is noticed") {
  const MappedFile file;
  CHECK(file.said().empty());
  SECTION("over its bytes") {
    file.write(5000, "b");
    CHECK(file.said().find("it was written to; its size is still 163840 bytes") != std::string::npos);
  }
  SECTION("after its end") {
    file.write(kSize, "b");
    CHECK(file.said().find("it had 163840 bytes, now it has 163841") != std::string::npos);
  }
  SECTION("cut within its last page, which stays readable") {
    fs::resize_file(file.path, kSize - 10);
    CHECK(file.bytes->data()[kSize - 1] == 0);
    CHECK(file.said().find("it had 163840 bytes, now it has 163830") != std::string::npos);
  }
}

TEST_CASE("a mapped file outlives its name") {
  const MappedFile file;
  SECTION("deleted") {
    fs::remove(file.path);
  }
  SECTION("replaced") {
    fs::rename(file.folder.file("other.bin", "short"), file.path);
  }
  SECTION("moved") {
    fs::rename(file.path, file.path + ".old");
  }
  CHECK(file.said().empty());
  CHECK(file.bytes->data()[kSize - 1] == 'a');
}

TEST_CASE("bytes in memory do not change with their file") {
  const TemporaryFolder folder;
  const std::string path = folder.file("rows.bin", std::string(kSize, 'a'));
  Diagnostics diagnostics;
  const Result<SharedBytes> bytes = open_bytes(path, DataPlace::memory, diagnostics);
  REQUIRE(bytes);
  fs::resize_file(path, 3);
  CHECK((*bytes)->check_unchanged(diagnostics));
  CHECK((*bytes)->data()[kSize - 1] == 'a');
}

// Several threads find pages gone at once, as the threads of a step do: it is said once, and the process ends.
TEST_CASE("a page of a mapped file that is gone ends the process with a message") {
  const MappedFile file;
  const std::string said = file.folder.path() + "/said.txt";
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    if (std::freopen(said.c_str(), "w", stderr) == nullptr) ::_exit(99);
    fs::resize_file(file.path, 100);
    std::atomic<int> ready{0};
    const auto touch = [&] {
      for (++ready; ready < 4;) {
      }
      const volatile unsigned char* end = file.bytes->data() + kSize - 1;
      static_cast<void>(*end);
    };
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back(touch);
    for (std::thread& thread : threads) thread.join();
    ::_exit(98);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 4);
  CHECK(slurp(said) == file.path +
                           ": error: was cut short while it was in use: it had 163840 bytes [data_changed]\n"
                           "  note: the checkpoints of a run are kept\n"
                           "  help: with the original file back, the same command continues\n");
}
