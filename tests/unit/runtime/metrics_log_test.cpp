// The log of a run where one of its files cannot be written any more: which one is said, and nothing of what was
// written in part is left once the run goes on.
#include "runtime/store/metrics_log.h"

#include <sys/resource.h>

#include <algorithm>
#include <csignal>

#include "catch2/catch.hpp"
#include "fmt/format.h"
#include "support.h"

using namespace nnc;
using namespace nnc::runtime;
using namespace nnc::runtime::test;

namespace fs = std::filesystem;

namespace {

// While it lives no file grows past `bytes`: writing fails as on a full disk, with a part written first.
class LargestFile {
 public:
  explicit LargestFile(uint64_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &before_) == 0);
    const rlimit limit{bytes, before_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  }
  ~LargestFile() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  LargestFile(const LargestFile&) = delete;
  LargestFile& operator=(const LargestFile&) = delete;

 private:
  rlimit before_{};
  void (*handler_)(int);
};

const std::vector<std::string> kColumns = {"epoch", "step", "train.loss", "test.accuracy"};

std::string line(int epoch) {
  return fmt::format("{},{},0.25,0.75", epoch, epoch * 10);
}

}  // namespace

TEST_CASE("a log that cannot be written names the file, and is whole again when the run goes on") {
  const TemporaryFolder folder;
  const std::string csv = folder.path() + "/metrics.csv", json = folder.path() + "/metrics.jsonl",
                    events = folder.path() + "/events/events.out.tfevents.0000000000.nnc";
  Diagnostics diagnostics;
  {
    MetricsLog log;
    REQUIRE(log.open(csv, kColumns, 0, diagnostics));
    for (int epoch = 1; epoch <= 5; ++epoch) REQUIRE(log.append(line(epoch), {}, diagnostics));
    // Each limit lets through those that are written before: lines of metrics.jsonl are the longer ones.
    const uint64_t of_csv = fs::file_size(csv), of_json = fs::file_size(json), of_events = of_json + 1000;
    REQUIRE(of_csv + 40 < of_json);
    const auto refused = [&](uint64_t limit, const std::string& path) {
      const LargestFile largest(limit);
      Diagnostics said;
      CHECK_FALSE(log.append(line(6), {}, said));
      CHECK(said.exit_code() == 1);
      CHECK(rendered(said, Sources()) ==
            path + ": error: cannot be written: File too large [write_failed]\n");
      CHECK(fs::file_size(path) == limit);
    };
    SECTION("metrics.csv") {
      refused(of_csv + 3, csv);
    }
    SECTION("metrics.jsonl") {
      refused(of_json + 3, json);
    }
    SECTION("events") {
      fs::resize_file(events, of_events);  // its records are short
      refused(of_events + 3, events);
    }
  }
  MetricsLog log;  // from the checkpoint of epoch 5
  REQUIRE(log.open(csv, kColumns, 50, diagnostics));
  for (int epoch = 6; epoch <= 7; ++epoch) REQUIRE(log.append(line(epoch), {}, diagnostics));
  std::string expected = "epoch,step,train.loss,test.accuracy\n";
  for (int epoch = 1; epoch <= 7; ++epoch) expected += line(epoch) + "\n";
  CHECK(slurp(csv) == expected);
  const std::string entries = slurp(json);
  CHECK(std::count(entries.begin(), entries.end(), '\n') == 7);
  CHECK(entries.find("\"epoch\":6,") == entries.rfind("\"epoch\":6,"));

  const TemporaryFolder other;  // undisturbed; times have a fixed size in it
  MetricsLog whole;
  REQUIRE(whole.open(other.path() + "/metrics.csv", kColumns, 0, diagnostics));
  for (int epoch = 1; epoch <= 7; ++epoch) REQUIRE(whole.append(line(epoch), {}, diagnostics));
  CHECK(fs::file_size(events) == fs::file_size(other.path() + "/events/events.out.tfevents.0000000000.nnc"));
}
