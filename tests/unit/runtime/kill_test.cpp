// kill -9 at random instants, over and over: the run always goes on, and ends in the bytes of an undisturbed
// run.
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>

#include "catch2/catch.hpp"
#include "runtime/training/trainer.h"
#include "support.h"
#include "toy_bundle.h"

using namespace nnc;
using namespace nnc::runtime;
using namespace nnc::runtime::test;

namespace {

// What a child process does: the driver's whole sequence for nnc train. Returns the exit code.
int train_here(const std::string& folder) {
  Diagnostics diagnostics;
  const RunConfig config = good_config(
      folder + "/iris.toml",
      "model = 'iris.nn'\ndata = { train = '" + test_data("iris.csv") +
          "', skip = 1, split = 0.8 }\ninput.label.from = -1\ntrain = { out = 'run', keep = 2 }\n"
          "[[phase]]\nepochs = 8\noptimizer = 'sgd'\n[[phase]]\nsteps = 30\noptimizer = 'sgd(lr = 2)'\n");
  const std::vector<ModelColumn> columns = {{"x", DType::f32, {4}, 0, {}}, {"label", DType::i32, {}, 3, {}}};
  const Result<LoadedData> data = load_data(config, columns, diagnostics);
  if (!data) return 4;
  Result<RunFolder> opened = open_run_folder(config, {"the model", data->content_hash()}, false, diagnostics);
  if (!opened) {
    std::fputs(render_all(diagnostics, Sources()).c_str(), stderr);
    return 9;
  }
  if (opened->finished) return 0;
  const Bundle bundle = toy_bundle<24, 30>();
  ThreadPool pool(2);
  const PhaseProgram programs[] = {{&bundle, 0.05}, {&bundle, 0.01}};
  TrainOptions options;
  options.progress = ProgressMode::none;
  const TrainOutcome outcome = train(config, programs, *data, *opened, pool, options, diagnostics);
  std::fputs(render_all(diagnostics, Sources()).c_str(), stderr);
  return outcome.exit_code;
}

// Runs a child; kills it after `microseconds` (0: never). True if it ended by itself with exit code 0.
bool run_child(const std::string& folder, unsigned microseconds) {
  const pid_t child = fork();
  if (child == 0) _exit(train_here(folder));
  if (microseconds > 0) {
    ::usleep(microseconds);
    ::kill(child, SIGKILL);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  if (WIFEXITED(status)) REQUIRE(WEXITSTATUS(status) == 0);
  return WIFEXITED(status);
}

std::map<std::string, std::string> results(const std::string& folder) {
  auto files = files_below(folder + "/run");
  files.erase("config.toml");  // holds the temporary folder's path
  return files;
}

}  // namespace

TEST_CASE("kill -9 at any instant, then the same command again: the same bytes") {
  const TemporaryFolder undisturbed;
  sleep_per_step = 200;
  const auto start = std::chrono::steady_clock::now();
  REQUIRE(run_child(undisturbed.path(), 0));
  const std::chrono::duration<double, std::micro> whole = std::chrono::steady_clock::now() - start;
  const auto expected = results(undisturbed.path());
  REQUIRE(expected.contains("finished"));
  REQUIRE(expected.contains("metrics.csv"));

  const char* rounds_text = std::getenv("NNC_KILL_ROUNDS");  // more rounds by hand
  const int rounds = rounds_text != nullptr ? std::atoi(rounds_text) : 6;
  uint64_t word = 88172645463325252ULL;
  int kills = 0;
  // Instants are shares of what a run takes on this machine. A child may be done before the killer wakes up: then more
  // rounds follow, until there have been enough kills.
  const auto instants = static_cast<uint64_t>(std::max(1000.0, whole.count()));
  for (int round = 0; round < rounds || kills <= rounds; ++round) {
    const TemporaryFolder folder;
    for (int attempt = 0;; ++attempt) {
      word ^= word << 13, word ^= word >> 7, word ^= word << 17;
      // After many kills let it finish, however slow the machine.
      if (run_child(folder.path(), attempt > 12 ? 0 : 500 + static_cast<unsigned>(word % instants))) break;
      ++kills;
    }
    const auto found = results(folder.path());
    for (const auto& [name, bytes] : found) {
      INFO(name);
      CHECK(expected.contains(name));
    }
    CHECK(found == expected);
  }
  sleep_per_step = 0;
}
