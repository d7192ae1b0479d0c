// nnc bench FILE…: training steps, or predictions, of a run on its data in memory; steps of a graph or of kernels on drawn
// inputs; several files in turns. What is measured is defined in bench/README.md and is the same for every system compared:
// groups of steps, the loss read once per group.
#include <unistd.h>
#include <ctime>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <numeric>

#include "driver/commands/commands.h"
#include "driver/dense.h"
#include "driver/report.h"
#include "driver/text_program.h"
#include "driver/workload.h"
#include "nlohmann/json.hpp"
#include "runtime/training/batches.h"
#include "support/plural.h"

namespace nnc::driver {
namespace {

constexpr int64_t kWarmUp = 10;        // steps before the timed ones
constexpr double kCompareSeconds = 3;  // of each file, where nothing else is said

double seconds_of(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// When the process was started, in seconds of CLOCK_BOOTTIME. The kernel's own note counts whole clock ticks, 10 ms on
// most systems; within that tick, the start lies as far back as the process has used the processor, for a command that
// begins has not had to wait. Call it early.
double process_start() {
  std::FILE* file = std::fopen("/proc/self/stat", "r");
  if (file == nullptr) return NAN;
  char text[1024];
  const size_t count = std::fread(text, 1, sizeof text - 1, file);
  std::fclose(file);
  text[count] = '\0';
  const char* at = std::strrchr(text, ')');  // the command's name may hold anything
  unsigned long long ticks = 0;
  for (int field = 2; at != nullptr && field < 22; ++field) at = std::strchr(at + 1, ' ');
  if (at == nullptr || std::sscanf(at, " %llu", &ticks) != 1) return NAN;
  const double tick = 1 / static_cast<double>(sysconf(_SC_CLK_TCK));
  const double noted = static_cast<double>(ticks) * tick;
  return std::clamp(seconds_of(CLOCK_BOOTTIME) - seconds_of(CLOCK_PROCESS_CPUTIME_ID), noted, noted + tick);
}

// The process's high-water mark.
double peak_rss_mb() {
  std::FILE* file = std::fopen("/proc/self/status", "r");
  if (file == nullptr) return NAN;
  char line[256];
  long kib = 0;
  while (std::fgets(line, sizeof line, file) != nullptr && std::sscanf(line, "VmHWM: %ld", &kib) != 1) {
  }
  std::fclose(file);
  return std::round(static_cast<double>(kib) / 1024 * 10) / 10;
}

// To decimals: rounded(x, 1000) has three. Dividing gives the number whose text is as short.
double rounded(double value, double parts) {
  return std::round(value * parts) / parts;
}

// What is timed: a step of a run or of a text, or a prediction.
struct Subject {
  std::string name;
  std::string mode;  // "step", or the entry of a prediction
  std::string seen;  // what look() gives: "loss", or "norm", that of the output
  const EntryPoint* step = nullptr;
  int64_t steps = 0;  // timed ones at most; 0: as many as there is time for
  int64_t group = 1;  // steps between two looks
  double compile_s = 0;
  std::function<void()> take_step = {};
  std::function<double()> look = {};
  std::shared_ptr<TextProgram> text = {};  // null for a run
};

// The Euclidean norm of what the step gave.
double norm_of(const DenseTensor& values) {
  return std::sqrt(std::inner_product(values.data.begin(), values.data.end(), values.data.begin(), 0.0));
}

// Rows that were generated lie in memory in their order: the step's input pointers for each batch. What gathering them would
// take, even of time alone, is a thirtieth of the shortest steps.
std::vector<std::vector<const unsigned char*>> pointers_of(const runtime::Dataset& data,
                                                           const EntryPoint& step, int64_t batch) {
  std::vector<std::vector<const unsigned char*>> batches;
  for (int64_t first = 0; first + batch <= data.rows; first += batch) {
    std::vector<const unsigned char*>& pointers = batches.emplace_back();
    for (const InputInfo& input : step.inputs) {
      const runtime::ColumnData* column = data.find(input.name);
      NNC_CHECK(column != nullptr && !column->packed, "generated data lacks the column " + input.name);
      pointers.push_back(column->bytes.data() + first * column->row_bytes());
    }
  }
  return batches;
}

struct Running {
  Running(Workload w, int threads) : workload(std::move(w)), pool(threads), memory(workload.bundle, pool) {}
  Workload workload;
  runtime::ThreadPool pool;
  runtime::Session memory;
  runtime::Batches batches;                                 // of data from files
  std::vector<std::vector<const unsigned char*>> pointers;  // of generated data
  int64_t done = 0;
};

std::optional<Subject> open_run(Session& session, const std::string& path) {
  Result<LoadedModel> loaded = load_model(session, path);
  if (!loaded) return std::nullopt;
  if (!loaded->run) {
    session.diagnostics
        .error_at(DiagnosticKind::wrong_file_kind, path, "a run file, a graph or kernels are expected")
        .suggest("a run file says on what data, and with which batch: nnc init csv FILE writes one");
    return std::nullopt;
  }
  Result<Workload> workload = open_workload(session, std::move(*loaded), false);
  if (!workload) return std::nullopt;
  const auto running =
      std::make_shared<Running>(std::move(*workload), codegen_options(session.options).threads);
  const Workload& w = running->workload;
  if (!begin(session, w, running->memory) ||
      !running->batches.bind(w.bundle, w.entry, w.data.train, session.diagnostics))
    return std::nullopt;
  if (w.is_generated()) running->pointers = pointers_of(w.data.train, w.step(), w.run().batch);
  const bool trains = w.trains();
  Subject subject{w.run().name, trains ? "step" : w.entry, trains ? "loss" : "norm", &w.step()};
  subject.steps = w.run().phases.front().steps;
  subject.group = std::max<int64_t>(1, w.run().data.group);
  subject.compile_s = w.compile_s;
  subject.take_step = [running, trains] {
    if (trains)
      running->memory.set_scalar("t", ++running->done);
    else
      ++running->done;
    const int64_t step = running->done - 1;
    if (running->pointers.empty())
      return running->batches.run(running->memory, step % running->batches.batches());
    const auto count = static_cast<int64_t>(running->pointers.size());
    running->memory.run(running->workload.step(),
                        running->pointers[static_cast<size_t>(step % count)].data());
  };
  subject.look = [running, trains] {
    if (trains) return running->memory.read_scalar("loss");
    const std::string& entry = running->workload.entry;
    const TensorInfo* tensor = running->memory.bundle().find_tensor(entry.substr(entry.find('.') + 1));
    NNC_CHECK(tensor != nullptr, "a prediction without its output " + entry);
    return norm_of(dense(*tensor, running->memory.state()));
  };
  return subject;
}

std::optional<Subject> open_subject(Session& session, const std::string& path) {
  if (!is_program_text(path)) return open_run(session, path);
  const double start = now_ms();
  const std::shared_ptr<TextProgram> text = TextProgram::open(session, path);
  if (text == nullptr) return std::nullopt;
  const bool has_loss = text->bundle().find_tensor("loss") != nullptr;
  Subject subject{path, text->step().name, has_loss ? "loss" : "norm", &text->step()};
  subject.compile_s = (now_ms() - start) * 1e-3;
  subject.take_step = [text] { text->take_step(); };
  subject.look = [text, has_loss] {
    if (has_loss) return text->memory().read_scalar("loss");
    const auto outputs = text->outputs();
    return outputs.empty() ? 0 : norm_of(outputs.front().tensor);
  };
  subject.text = text;
  return subject;
}

double median_of(std::vector<double>& times) {
  std::sort(times.begin(), times.end());
  const size_t middle = times.size() / 2;
  return times.size() % 2 == 1 ? times[middle] : (times[middle - 1] + times[middle]) / 2;
}

struct Measured {
  double first_step_s = 0, compile_s = 0, median_us = 0, min_us = 0;
  double first = 0, tenth = 0, last = 0;  // looks
  int64_t steps = 0;
};

// One group of steps, in us per step.
double time_group(const Subject& subject, double& seen) {
  const double before = now_ms();
  for (int64_t i = 0; i < subject.group; ++i) subject.take_step();
  // What training is judged by is read within the time, as everywhere; the norm of a prediction is for checking.
  if (subject.seen == "loss") seen = subject.look();
  const double us = (now_ms() - before) * 1e3 / static_cast<double>(subject.group);
  if (subject.seen != "loss") seen = subject.look();
  return us;
}

Measured measure(const Subject& subject, double started, double max_seconds) {
  Measured m;
  const double start = now_ms();
  subject.take_step();
  m.first = subject.look();
  m.first_step_s = seconds_of(CLOCK_BOOTTIME) - started;
  double third = now_ms();
  for (int64_t done = 1; done < kWarmUp;) {
    subject.take_step();
    if (++done == 3) third = now_ms();
    if (done == 10) m.tenth = subject.look();
  }
  std::vector<double> times;
  const double begin = now_ms();
  while (subject.steps == 0 || m.steps < subject.steps) {
    times.push_back(time_group(subject, m.last));
    m.steps += subject.group;
    if (now_ms() - begin > max_seconds * 1e3 && times.size() >= 3) break;
  }
  m.median_us = median_of(times);
  m.min_us = times.front();
  m.compile_s = std::max(0.0, (third - start) * 1e-3 - 3 * m.median_us * 1e-6);
  return m;
}

std::string json_line(const Subject& subject, int threads, const Measured& m) {
  nlohmann::ordered_json json;
  json["framework"] = "nnc";
  json["version"] = NNC_VERSION;
  json["mode"] = subject.mode;
  json["workload"] = subject.name;
  json["threads"] = threads;
  json["compile_s"] = rounded(subject.compile_s + m.compile_s, 1e3);
  json["first_step_s"] = rounded(m.first_step_s, 1e3);
  json["step_us_median"] = rounded(m.median_us, 1e2);
  json["step_us_min"] = rounded(m.min_us, 1e2);
  json["steps"] = m.steps;
  json["peak_rss_mb"] = peak_rss_mb();
  json[subject.seen + "_1"] = rounded(m.first, 1e6);
  json[subject.seen + "_10"] = rounded(m.tenth, 1e6);
  json["final_" + subject.seen] = rounded(m.last, 1e6);
  json["gflop_per_step"] = rounded(subject.step->flops * 1e-9, 1e6);
  return json.dump() + "\n";
}

// The outputs of texts that have other bits than those of the first; nothing where a text has other outputs.
std::optional<std::vector<std::string>> other_bits(TextProgram& first, TextProgram& other) {
  const auto a = first.outputs(), b = other.outputs();
  std::vector<std::string> names;
  if (a.size() != b.size()) return std::nullopt;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i].name != b[i].name) return std::nullopt;
    if (a[i].bits != b[i].bits) names.push_back(a[i].name);
  }
  return names;
}

// Several subjects in turns, each as long, so that what the machine does besides meets all of them alike.
void compare_subjects(Session& session, std::vector<Subject>& subjects, double max_seconds) {
  constexpr double kTurn = 20;  // ms
  for (const Subject& subject : subjects) subject.take_step();
  std::vector<std::string> bits(subjects.size());
  for (size_t i = 1; i < subjects.size(); ++i) {
    if (subjects[0].text == nullptr || subjects[i].text == nullptr) continue;
    const auto others = other_bits(*subjects[0].text, *subjects[i].text);
    bits[i] = !others           ? "other outputs"
              : others->empty() ? "same bits"
                                : fmt::format("other bits: {}", fmt::join(*others, ", "));
  }
  for (const Subject& subject : subjects)
    for (int64_t i = 1; i < kWarmUp; ++i) subject.take_step();
  std::vector<std::vector<double>> times(subjects.size());
  const double begin = now_ms();
  for (size_t turn = 0; turn < 3 || now_ms() - begin < max_seconds * 1e3; ++turn)
    for (size_t k = 0; k < subjects.size(); ++k) {
      const size_t i = turn % 2 == 0 ? k : subjects.size() - 1 - k;
      double seen = 0;
      const double start = now_ms();
      do times[i].push_back(time_group(subjects[i], seen));
      while (now_ms() - start < kTurn);
    }
  Table table("lrrrl");
  double first = 0;
  for (size_t i = 0; i < subjects.size(); ++i) {
    const double median = median_of(times[i]);
    if (i == 0) first = median;
    table.row({subjects[i].name, fmt::format("{:.2f} us", median),
               fmt::format("at best {:.2f}", times[i].front()),
               i == 0 ? "" : fmt::format("{:.3f} of the first", median / first), bits[i]});
  }
  session.console.write(table.text());
}

}  // namespace

int bench(const Options& options, Console& console) {
  const double started = process_start();
  Session session(options, console);
  if (options.json && options.arguments.size() > 1) {
    session.diagnostics.error_at(DiagnosticKind::bad_flag, "--json", "one file at a time is measured so");
    return session.leave();
  }
  std::vector<Subject> subjects;
  for (const std::string& path : options.arguments) {
    std::optional<Subject> subject = open_subject(session, path);
    if (!subject) return session.leave();
    subjects.push_back(std::move(*subject));
  }
  const int threads = codegen_options(options).threads;
  if (subjects.size() > 1) {
    const double seconds = options.gave("--max-seconds") ? options.max_seconds : kCompareSeconds;
    console.print("a step in us, {}, in turns\n", plural(threads, "thread"));
    compare_subjects(session, subjects, seconds * static_cast<double>(subjects.size()));
    return session.leave();
  }
  const Subject& subject = subjects.front();
  const bool is_open = subject.steps == 0 && !options.gave("--max-seconds");
  const Measured m = measure(subject, started, is_open ? kCompareSeconds : options.max_seconds);
  const char* const what = subject.seen == "loss" || subject.text != nullptr ? "step" : "prediction";
  if (options.json)
    console.write(json_line(subject, threads, m));
  else
    console.print("{}, {}: {:.2f} us per {} (at best {:.2f}), {:.1f} GFLOP/s; first {} after {:.3f} s\n",
                  subject.name, plural(threads, "thread"), m.median_us, what, m.min_us,
                  subject.step->flops / m.median_us * 1e-3, what, m.first_step_s);
  return session.leave();
}

}  // namespace nnc::driver
