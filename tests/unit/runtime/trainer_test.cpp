// The training loop on real data with a hand-written program: it learns, resumes to the same bits, allocates
// nothing.
#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <new>

#include "catch2/catch.hpp"
#include "runtime/run_file/survival_config.h"
#include "runtime/store/checkpoint_writer.h"
#include "runtime/store/trained_run.h"
#include "runtime/training/trainer.h"
#include "support.h"
#include "toy_bundle.h"

using namespace nnc;
using namespace nnc::runtime;
using namespace nnc::runtime::test;

// Counts every allocation of this test program. Sanitizers bring their own malloc; there operator new alone
// is counted.
namespace {
std::atomic<int64_t> allocations{0};
}
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
extern "C" void* __libc_malloc(size_t size);
extern "C" void* malloc(size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_malloc(size);
}
#else
// Not inlined: where only one of a pair is, g++ sees malloc's memory deleted, or new's freed, and warns.
[[gnu::noinline]] void* operator new(size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(size)) return memory;
  std::abort();
}
[[gnu::noinline]] void* operator new(size_t size,
                                     const std::nothrow_t&) noexcept {  // what std::stable_sort asks for
  allocations.fetch_add(1, std::memory_order_relaxed);
  return std::malloc(size);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept {
  std::free(memory);
}
#endif

namespace {

// iris: 150 rows, 120 train (3 batches of 32 and 24), 30 test.
struct IrisRun {
  TemporaryFolder folder;
  RunConfig config;
  LoadedData data;
  Bundle bundle = toy_bundle<24, 30>();

  explicit IrisRun(const std::string& more = "train.epochs = 40") {
    config = good_config(folder.path() + "/iris.toml",
                         "model = 'iris.nn'\ndata = { train = '" + test_data("iris.csv") +
                             "', skip = 1, split = 0.8 }\ninput.label.from = -1\ninput.x.standardize = "
                             "true\ntrain.out = 'run'\n" +
                             more + "\n");
    const std::vector<ModelColumn> columns = {{"x", DType::f32, {4}, 0, {}},
                                              {"label", DType::i32, {}, 3, {}}};
    Result<LoadedData> loaded = load_data(config, columns, diagnostics);
    INFO(render_all(diagnostics, Sources()));
    REQUIRE(loaded);
    data = *std::move(loaded);
  }
  std::string path(const std::string& file) const { return config.out + "/" + file; }

  TrainOutcome go(int threads = 2, int64_t stop_after = 0, bool fresh = false) {
    diagnostics = Diagnostics();
    Result<RunFolder> opened =
        open_run_folder(config, {"the model", data.content_hash()}, fresh, diagnostics);
    if (!opened) {
      TrainOutcome refused;
      refused.exit_code = diagnostics.exit_code();
      return refused;
    }
    notes = opened->notes;
    finished = opened->finished;
    if (finished) return {};
    ThreadPool pool(threads);
    const std::vector<PhaseProgram> programs(config.phases.size(), {&bundle, 0.1});
    TrainOptions options;
    options.progress = ProgressMode::none;
    options.handle_signals = false;
    options.stop_after_steps = stop_after;
    return train(config, programs, data, *opened, pool, options, diagnostics);
  }

  Diagnostics diagnostics;
  std::vector<std::string> notes;
  bool finished = false;
};

double value(const std::vector<NamedValue>& values, const std::string& name) {
  for (const NamedValue& v : values)
    if (v.name == name) return v.value;
  return -1;
}

}  // namespace

TEST_CASE("softmax regression learns iris") {
  IrisRun run;
  const TrainOutcome outcome = run.go();
  INFO(render_all(run.diagnostics, Sources()));
  REQUIRE(outcome.exit_code == 0);
  CHECK(outcome.steps == 160);
  CHECK(outcome.epochs == 40);
  CHECK(value(outcome.metrics, "accuracy") > 0.9);
  // The exact optimum for this penalty on all rows has mean loss 0.24 (penalty included): below it lies a
  // bug.
  CHECK(value(outcome.losses, "loss") < 0.35);
  CHECK(value(outcome.losses, "loss") > 0.2);
  const std::string csv = slurp(run.path("metrics.csv"));
  CHECK(csv.starts_with("epoch,step,phase,lr,train.loss,train.loss.data,train.loss.penalty,test.loss"));
  CHECK(std::count(csv.begin(), csv.end(), '\n') == 41);
  const auto files = files_below(run.config.out);
  CHECK(files.contains("finished"));
  CHECK(files.contains("ckpt/best.safetensors"));
  CHECK(files.contains("ckpt/step-000000160.safetensors"));
  CHECK(files.contains("ckpt/step-000000152.safetensors"));
  CHECK_FALSE(files.contains("ckpt/step-000000148.safetensors"));

  run.go();
  CHECK(run.finished);
  CHECK(files_below(run.config.out) == files);
}

TEST_CASE("the same bits with any number of threads, and with a pause anywhere") {
  IrisRun whole;
  REQUIRE(whole.go(1).exit_code == 0);
  auto expected = files_below(whole.config.out);
  expected.erase("config.toml");  // holds the temporary folder's path
  for (const int64_t stop : {1, 4, 6, 63, 159}) {
    IrisRun run;
    const TrainOutcome first = run.go(3, stop);
    CHECK(first.exit_code == 130);
    CHECK(first.steps == stop);
    const TrainOutcome second = run.go(2);
    INFO(render_all(run.diagnostics, Sources()) << "stopped at " << stop);
    REQUIRE(second.exit_code == 0);
    CHECK(second.steps == 160);
    CHECK(run.notes[0].find("at step " + std::to_string(stop)) != std::string::npos);
    auto files = files_below(run.config.out);
    files.erase("config.toml");
    CHECK(files == expected);
  }
}

TEST_CASE("more epochs extend a finished run, to the bits of the longer run") {
  IrisRun longer("train.epochs = 20"), shorter("train.epochs = 12");
  REQUIRE(longer.go().exit_code == 0);
  REQUIRE(shorter.go().exit_code == 0);
  shorter.config = IrisRun("train.epochs = 20").config;
  shorter.config.out = shorter.folder.path() + "/run";
  const TrainOutcome outcome = shorter.go();
  CHECK(outcome.exit_code == 0);
  CHECK(outcome.epochs == 20);
  CHECK(slurp(shorter.path("metrics.csv")) == slurp(longer.path("metrics.csv")));
  CHECK(slurp(shorter.path("ckpt/step-000000080.safetensors")) ==
        slurp(longer.path("ckpt/step-000000080.safetensors")));
}

TEST_CASE("what a killed run was writing is gone when the next one goes on") {
  IrisRun run("train.epochs = 4");
  REQUIRE(run.go(2, 4).exit_code == 130);  // stopped after four steps
  const std::string left[] = {"ckpt/step-000000004.safetensors.7-1.tmp", "events/events.out.7-2.tmp",
                              "metrics.csv.7-3.tmp"};
  for (const std::string& file : left)
    REQUIRE(write_file(run.path(file), std::string_view("half"), run.diagnostics));
  CHECK(run.go().exit_code == 0);
  for (const std::string& file : left) CHECK_FALSE(file_exists(run.path(file)));
}

TEST_CASE("another configuration goes to another folder, or is refused") {
  IrisRun run("train.epochs = 2");
  REQUIRE(run.go().exit_code == 0);
  run.config.values["train.seed"] = "5";
  CHECK(run.go().exit_code == 2);  // the folder was given by name
  run.config.explicit_out = false;
  REQUIRE(run.go().exit_code == 0);
  REQUIRE_FALSE(run.notes.empty());
  CHECK(run.notes[0].find("train.seed was 0, is 5") != std::string::npos);
  CHECK(file_exists(run.config.out + "-2/finished"));
  run.go();
  CHECK(run.finished);  // found again
}

TEST_CASE("a loss that is not finite stops the run and keeps the last good checkpoint") {
  IrisRun run;
  poison_step = 37;
  const TrainOutcome outcome = run.go();
  poison_step = 0;
  CHECK(outcome.exit_code == 5);
  const std::string text = render_all(run.diagnostics, Sources());
  CHECK(text.find("loss.data is not finite at step 37 (epoch 10, step 1 of it)") != std::string::npos);
  CHECK(text.find("step-000000036") != std::string::npos);
  CHECK_FALSE(file_exists(run.path("finished")));
  CHECK(run.go().exit_code == 0);  // with the cause gone it goes on from there
}

TEST_CASE("checkpoints at the end of every k-th epoch, and the best epoch's wherever it is") {
  const std::string keys = "train.epochs = 12\ntrain.keep = 99\ntrain.best = 'test.loss.data'";
  IrisRun each(keys), some(keys);
  some.config.checkpoint_epochs = 5;
  REQUIRE(each.go().exit_code == 0);
  const auto steps_in = [](const IrisRun& run) {
    std::vector<int64_t> steps;
    for (const auto& [step, path] : list_checkpoints(run.config.out)) steps.push_back(step);
    return steps;
  };
  // The first epoch's end, so that no log is without a checkpoint; the fifth's, the tenth's, the last.
  const std::vector<int64_t> expected = {48, 40, 20, 4};
  const std::string best = slurp(each.path("ckpt/best.safetensors"));
  Diagnostics diagnostics;
  const Result<Checkpoint> judged = read_checkpoint(each.path("ckpt/best.safetensors"), diagnostics);
  REQUIRE(judged);
  const int64_t best_step = std::atoll(judged->metadata.at("step").c_str());
  REQUIRE(std::find(expected.begin(), expected.end(), best_step) == expected.end());  // or nothing is tested

  SECTION("undisturbed") {
    REQUIRE(some.go().exit_code == 0);
    CHECK(steps_in(some) == expected);
    CHECK(slurp(some.path("ckpt/best.safetensors")) == best);
  }
  SECTION("stopped at the end of an epoch that has none, and within one") {
    for (const int64_t stop : {best_step, best_step + 1, best_step + 4, int64_t{46}}) {
      REQUIRE(some.go(2, stop).exit_code == 130);
      CHECK(steps_in(some).front() == stop);
      CHECK(slurp(some.path("ckpt/best.safetensors")) == best);
    }
    REQUIRE(some.go().exit_code == 0);
    CHECK(slurp(some.path("ckpt/best.safetensors")) == best);
  }
  SECTION("not finite after the best epoch: it is kept") {
    poison_step = best_step + 2;
    CHECK(some.go().exit_code == 5);
    poison_step = 0;
    CHECK(slurp(some.path("ckpt/best.safetensors")) == best);
    CHECK(steps_in(some).front() < best_step);
    REQUIRE(some.go().exit_code == 0);
  }
  CHECK(slurp(some.path("ckpt/step-000000048.safetensors")) ==
        slurp(each.path("ckpt/step-000000048.safetensors")));
  CHECK(slurp(some.path("metrics.csv")) == slurp(each.path("metrics.csv")));
}

TEST_CASE("large checkpoints take no more than a tenth of the time") {
  CHECK(CheckpointWriter::worth_its_time(1000, 0, 10));
  CHECK(CheckpointWriter::worth_its_time(1 << 20, 0, 10));
  CHECK_FALSE(CheckpointWriter::worth_its_time((1 << 20) + 1, 1, 10));
  CHECK_FALSE(CheckpointWriter::worth_its_time(100 << 20, 89, 10));
  CHECK(CheckpointWriter::worth_its_time(100 << 20, 90, 10));
}

TEST_CASE("phases hand the optimizer's state over if it is the same one") {
  IrisRun run(
      "[[phase]]\nepochs = 3\noptimizer = 'sgd(lr = 1)'\n[[phase]]\nepochs = 3\noptimizer = 'sgd(lr = "
      "2)'\nhalve_every = 2\n[[phase]]\nsteps = 6\noptimizer = 'adam'");
  const TrainOutcome outcome = run.go();
  INFO(render_all(run.diagnostics, Sources()));
  REQUIRE(outcome.exit_code == 0);
  CHECK(outcome.steps == 12 + 12 + 6);
  CHECK(outcome.epochs == 8);  // the last phase: one epoch and a half
  Diagnostics diagnostics;
  const Result<Checkpoint> end = read_checkpoint(outcome.checkpoint, diagnostics);
  REQUIRE(end);
  CHECK(end->metadata.at("t") == "6");
  const std::string csv = slurp(run.path("metrics.csv"));
  CHECK(csv.find("\n5,20,1,0.1,") != std::string::npos);
  CHECK(csv.find("\n6,24,1,0.05,") != std::string::npos);
  CHECK(csv.find("\n8,30,2,0.1,") != std::string::npos);
  // A pause between and within phases changes nothing.
  for (const int64_t stop : {12, 13, 24, 26, 29}) {
    IrisRun other(
        "[[phase]]\nepochs = 3\noptimizer = 'sgd(lr = 1)'\n[[phase]]\nepochs = 3\noptimizer = 'sgd(lr = "
        "2)'\nhalve_every = 2\n[[phase]]\nsteps = 6\noptimizer = 'adam'");
    REQUIRE(other.go(2, stop).exit_code == 130);
    REQUIRE(other.go().exit_code == 0);
    CHECK(slurp(other.path("ckpt/step-000000030.safetensors")) == slurp(outcome.checkpoint));
    CHECK(slurp(other.path("metrics.csv")) == csv);
  }
}

TEST_CASE("a step with too little work to share is entered by one thread, to the same bits") {
  IrisRun shared("train.epochs = 3"), alone("train.epochs = 3");
  for (EntryPoint& entry : alone.bundle.entries) entry.serial = true;
  most_train_threads = 0;
  REQUIRE(shared.go(3).exit_code == 0);
  CHECK(most_train_threads == 3);
  most_train_threads = 0;
  REQUIRE(alone.go(3).exit_code == 0);
  CHECK(most_train_threads == 1);
  CHECK(slurp(alone.path("ckpt/step-000000012.safetensors")) ==
        slurp(shared.path("ckpt/step-000000012.safetensors")));
  CHECK(slurp(alone.path("metrics.csv")) == slurp(shared.path("metrics.csv")));
}

TEST_CASE("a rate that changes at every step, and one that waits, resume to the same bits") {
  const std::string phases =
      "[[phase]]\nepochs = 3\noptimizer = 'sgd'\nschedule = 'cosine'\nwarmup = 0.5\n"
      "[[phase]]\nepochs = 6\noptimizer = 'sgd'\n"
      "schedule = { kind = 'plateau', patience = 1, factor = 0.5, metric = 'accuracy' }\n";
  IrisRun run(phases);
  const TrainOutcome outcome = run.go();
  INFO(render_all(run.diagnostics, Sources()));
  REQUIRE(outcome.exit_code == 0);
  const std::string csv = slurp(run.path("metrics.csv"));
  CHECK(csv.find("\n3,12,0,0.00244717418") != std::string::npos);  // 0.05 * (1 + cos(0.9 pi))
  CHECK(csv.find(",1,0.1,") != std::string::npos);
  CHECK(csv.find(",1,0.05,") != std::string::npos);  // accuracy stays somewhere
  for (const int64_t stop : {1, 7, 12, 20, 28, 33}) {
    IrisRun other(phases);
    REQUIRE(other.go(2, stop).exit_code == 130);
    REQUIRE(other.go().exit_code == 0);
    CHECK(slurp(other.path("ckpt/step-000000036.safetensors")) == slurp(outcome.checkpoint));
    CHECK(slurp(other.path("metrics.csv")) == csv);
  }
}

TEST_CASE("a plateau of what is not measured is said before the first step") {
  IrisRun run("train.epochs = 3\ntrain.schedule = { kind = 'plateau', metric = 'acuracy' }");
  CHECK_FALSE(check_watches(run.config, {{"loss"}, "test", {"loss", "accuracy"}}, run.diagnostics));
  REQUIRE(run.diagnostics.all().size() == 1);
  CHECK(run.diagnostics.all()[0].message == "the schedule names acuracy, which this run does not measure");
}

namespace {
int64_t last_count = -1, most_per_step = 0, steps_seen = 0;
void watch_allocations() {
  const int64_t now = allocations.load();
  // Steps 2, 3, 4 of each epoch: between them and the step before nothing else happens.
  if (steps_seen % 4 != 0) most_per_step = std::max(most_per_step, now - last_count);
  ++steps_seen;
  last_count = now;
}
}  // namespace

TEST_CASE("a step allocates nothing") {
  const int64_t before = allocations.load();
  std::vector<int> probe(100);
  REQUIRE(allocations.load() > before);  // the counter counts
  for (const bool bar : {false, true}) {
    IrisRun run;
    Result<RunFolder> opened = open_run_folder(run.config, {"the model", 1}, false, run.diagnostics);
    REQUIRE(opened);
    ThreadPool pool(2);
    std::FILE* sink = std::fopen("/dev/null", "w");
    std::vector<char> buffer(1 << 16);
    std::setvbuf(sink, buffer.data(), _IOFBF, buffer.size());
    TrainOptions options;
    options.progress = bar ? ProgressMode::bar : ProgressMode::plain;
    options.messages = sink;
    last_count = -1;
    most_per_step = steps_seen = 0;
    on_train_step = watch_allocations;
    const PhaseProgram program{&run.bundle, 0.1};
    const TrainOutcome outcome =
        train(run.config, {&program, 1}, run.data, *opened, pool, options, run.diagnostics);
    on_train_step = nullptr;
    std::fclose(sink);
    CHECK(outcome.exit_code == 0);
    CHECK(steps_seen == 160);
    CHECK(most_per_step == 0);
  }
}

TEST_CASE("evaluation covers the last rows, or refuses") {
  IrisRun run("train.epochs = 1");
  ThreadPool pool(2);
  Session session(run.bundle, pool);
  initialize(session, 3);
  Diagnostics diagnostics;
  const Result<std::vector<NamedValue>> values = evaluate(session, run.data.test, diagnostics);
  REQUIRE(values);
  const Result<std::vector<NamedValue>> again = evaluate(session, run.data.test, diagnostics);
  REQUIRE(again);
  CHECK(value(*values, "loss") == value(*again, "loss"));  // the sums start at 0 each time
  double sum = 0;
  for (const TensorInfo& t : run.bundle.tensors)
    if (t.name == "sum.2") sum = session.read_scalar("sum.2");
  CHECK(sum == 30);
  CHECK_FALSE(evaluate(session, run.data.train, diagnostics));  // 120 = 3 * 32 + 24: no eval for 24
}

TEST_CASE("prediction prints one line per row, the last rows too") {
  IrisRun run("train.epochs = 1");
  ThreadPool pool(1);
  Session session(run.bundle, pool);
  initialize(session, 3);
  Diagnostics diagnostics;
  const std::string path = run.folder.path() + "/out.csv";
  std::FILE* out = std::fopen(path.c_str(), "w");
  REQUIRE(predict(session, "probability", run.data.train, out, diagnostics));
  CHECK_FALSE(predict(session, "nothing", run.data.train, out, diagnostics));
  std::fclose(out);
  const std::string text = slurp(path);
  CHECK(text.starts_with("row,probability.0,probability.1,probability.2\n0,"));
  CHECK(std::count(text.begin(), text.end(), '\n') == 121);
  CHECK(text.find("\n119,") != std::string::npos);
}

TEST_CASE("Ctrl-C saves and stops, and a second process may not train in the same folder") {
  IrisRun run("train.epochs = 1000000000");
  const pid_t child = fork();
  if (child == 0) {
    Result<RunFolder> opened =
        open_run_folder(run.config, {"the model", run.data.content_hash()}, false, run.diagnostics);
    if (!opened) _exit(99);
    ThreadPool pool(1);
    TrainOptions options;
    options.progress = ProgressMode::none;
    const PhaseProgram program{&run.bundle, 0.1};
    _exit(train(run.config, {&program, 1}, run.data, *opened, pool, options, run.diagnostics).exit_code);
  }
  int status = 0;
  while (!file_exists(run.path("ckpt/best.safetensors"))) {
    REQUIRE(waitpid(child, &status, WNOHANG) == 0);
    ::usleep(10000);
  }
  CHECK(run.go().exit_code == 1);
  CHECK(render_all(run.diagnostics, Sources()).find("[run_folder_busy]") != std::string::npos);
  REQUIRE(kill(child, SIGINT) == 0);
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 130);
  CHECK_FALSE(list_checkpoints(run.config.out).empty());
}

TEST_CASE("a damaged checkpoint: the one before it is used, and none left is exit 6") {
  IrisRun run("train.epochs = 3");
  REQUIRE(run.go(1, 11).exit_code == 130);
  const auto checkpoints = list_checkpoints(run.config.out);
  REQUIRE(checkpoints.size() == 3);  // 4, 8, and 11
  const std::string whole = slurp(checkpoints[0].second);
  std::ofstream(checkpoints[0].second, std::ios::binary) << whole.substr(0, whole.size() / 2);
  CHECK(run.go().exit_code == 0);
  CHECK(run.notes[0].find("at step 8") != std::string::npos);

  IrisRun other("train.epochs = 3");
  REQUIRE(other.go(1, 3).exit_code == 130);
  std::ofstream(list_checkpoints(other.config.out)[0].second) << "rubbish";
  CHECK(other.go().exit_code == 6);
  CHECK(other.go(1, 0, true).exit_code == 0);  // --fresh
}

TEST_CASE("a trained folder opens for evaluation") {
  IrisRun run("train.epochs = 2");
  REQUIRE(run.go().exit_code == 0);
  Sources sources;
  Diagnostics diagnostics;
  const Result<TrainedRun> trained = open_trained_run(run.config.out, sources, diagnostics);
  INFO(render_all(diagnostics, sources));
  REQUIRE(trained);
  CHECK(trained->config.data.split.test == Approx(0.2));
  CHECK(trained->config.inputs.at("label").from == std::vector<FieldRef>{{"", -1}});
  CHECK(trained->fitted.to_json() == run.data.fitted.to_json());
  const Result<Checkpoint> newest = newest_checkpoint(*trained, diagnostics);
  REQUIRE(newest);
  CHECK(newest->path.ends_with("step-000000008.safetensors"));
  CHECK(trained->model_hash == hash_text("the model"));
  CHECK(trained->data_hash == hash_text(run.data.content_hash()));
  // The saved configuration means the same as the one it was saved from.
  const std::vector<ModelColumn> columns = {{"x", DType::f32, {4}, 0, {}}, {"label", DType::i32, {}, 3, {}}};
  const Result<LoadedData> again = load_data(trained->config, columns, diagnostics);
  REQUIRE(again);
  CHECK(again->content_hash() == run.data.content_hash());
}
