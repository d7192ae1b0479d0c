// nnc bench RUN.toml: training steps, or predictions, on generated data that lies in memory. What is measured is defined in
// bench/README.md and is the same for every system compared: groups of steps, the loss read once per group.
#include <unistd.h>
#include <ctime>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <numeric>

#include "driver/commands/commands.h"
#include "driver/dense.h"
#include "driver/report.h"
#include "driver/workload.h"
#include "nlohmann/json.hpp"
#include "support/plural.h"

namespace nnc::driver {
namespace {

constexpr int64_t kWarmUp = 10;  // steps before the timed ones

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

// The whole data set as batches: element i holds the step's input pointers, in the entry's order.
std::vector<std::vector<const unsigned char*>> batches_of(const runtime::Dataset& data,
                                                          const EntryPoint& step, int64_t batch) {
  std::vector<std::vector<const unsigned char*>> batches;
  for (int64_t first = 0; first + batch <= data.rows; first += batch) {
    std::vector<const unsigned char*> pointers;
    for (const InputInfo& input : step.inputs) {
      const runtime::ColumnData* column = data.find(input.name);
      NNC_CHECK(column != nullptr && !column->packed, "generated data lacks the column " + input.name);
      pointers.push_back(column->bytes.data() + first * column->row_bytes());
    }
    batches.push_back(std::move(pointers));
  }
  return batches;
}

struct Measured {
  double first_step_s = 0, compile_s = 0, median_us = 0, min_us = 0;
  double loss_1 = 0, loss_10 = 0, final_loss = 0;  // of predictions: norms of the output
  int64_t steps = 0;
};

struct Counts {
  int64_t steps = 0;  // timed ones
  int64_t group = 1;  // steps between two looks at the loss
};

// The Euclidean norm of what the step gave.
double norm_of_output(runtime::Session& memory, const std::string& name) {
  const TensorInfo* tensor = memory.bundle().find_tensor(name);
  NNC_CHECK(tensor != nullptr, "a prediction without its output " + name);
  const DenseTensor values = dense(*tensor, memory.state());
  return std::sqrt(std::inner_product(values.data.begin(), values.data.end(), values.data.begin(), 0.0));
}

Measured measure(runtime::Session& memory, const Workload& workload, double started, double max_seconds) {
  const EntryPoint& step = workload.step();
  const runtime::RunConfig& run = workload.run();
  const Counts counts{run.phases.front().steps, run.data.group};
  const auto batches = batches_of(workload.data.train, step, run.batch);
  const auto look = [&] {
    return workload.trains() ? memory.read_scalar("loss")
                             : norm_of_output(memory, workload.entry.substr(workload.entry.find('.') + 1));
  };
  NNC_CHECK(!batches.empty(), "there is no batch to train on");
  int64_t done = 0;
  const auto take_step = [&] {
    if (workload.trains()) memory.set_scalar("t", done + 1);
    memory.run(step, batches[static_cast<size_t>(done) % batches.size()].data());
    ++done;
  };
  Measured m;
  const double start = now_ms();
  take_step();
  m.loss_1 = look();
  m.first_step_s = seconds_of(CLOCK_BOOTTIME) - started;
  double third = now_ms();
  while (done < kWarmUp) {
    take_step();
    if (done == 3) third = now_ms();
    if (done == 10) m.loss_10 = look();
  }
  std::vector<double> times;
  const double begin = now_ms();
  while (m.steps < counts.steps) {
    const double before = now_ms();
    for (int64_t i = 0; i < counts.group; ++i) take_step();
    if (workload.trains()) m.final_loss = look();
    times.push_back((now_ms() - before) * 1e3 / static_cast<double>(counts.group));
    if (!workload.trains()) m.final_loss = look();
    m.steps += counts.group;
    if (now_ms() - begin > max_seconds * 1e3 && times.size() >= 3) break;
  }
  std::sort(times.begin(), times.end());
  const size_t middle = times.size() / 2;
  m.median_us = times.size() % 2 == 1 ? times[middle] : (times[middle - 1] + times[middle]) / 2;
  m.min_us = times.front();
  m.compile_s = std::max(0.0, (third - start) * 1e-3 - 3 * m.median_us * 1e-6);
  return m;
}

std::string json_line(const Workload& workload, int threads, const Measured& m) {
  const std::string seen = workload.trains() ? "loss" : "norm";
  nlohmann::ordered_json json;
  json["framework"] = "nnc";
  json["version"] = NNC_VERSION;
  json["mode"] = workload.trains() ? "step" : workload.entry;
  json["workload"] = workload.run().name;
  json["threads"] = threads;
  json["compile_s"] = rounded(workload.compile_s + m.compile_s, 1e3);
  json["first_step_s"] = rounded(m.first_step_s, 1e3);
  json["step_us_median"] = rounded(m.median_us, 1e2);
  json["step_us_min"] = rounded(m.min_us, 1e2);
  json["steps"] = m.steps;
  json["peak_rss_mb"] = peak_rss_mb();
  json[seen + "_1"] = rounded(m.loss_1, 1e6);
  json[seen + "_10"] = rounded(m.loss_10, 1e6);
  json["final_" + seen] = rounded(m.final_loss, 1e6);
  json["gflop_per_step"] = rounded(workload.step().flops * 1e-9, 1e6);
  return json.dump() + "\n";
}

}  // namespace

int bench(const Options& options, Console& console) {
  const double started = process_start();
  Session session(options, console);
  Result<LoadedModel> loaded = load_model(session, options.arguments.front());
  if (!loaded) return session.leave();
  if (!loaded->run || loaded->run->data.format != "splitmix") {
    session.diagnostics
        .error_at(DiagnosticKind::wrong_file_kind, options.arguments.front(),
                  "a run file with generated data is expected")
        .suggest("data = { format = \"splitmix\", batches = 32 }");
    return session.leave();
  }
  const Result<Workload> workload = open_workload(session, std::move(*loaded), false);
  if (!workload) return session.leave();
  const int threads = codegen_options(options).threads;
  runtime::ThreadPool pool(threads);
  runtime::Session memory(workload->bundle, pool);
  if (!begin(session, *workload, memory)) return session.leave();
  const runtime::RunConfig& run = workload->run();
  const char* const what = workload->trains() ? "step" : "prediction";
  const Measured m = measure(memory, *workload, started, options.max_seconds);
  if (options.json)
    console.write(json_line(*workload, threads, m));
  else
    console.print("{}, {}: {:.2f} us per {} (at best {:.2f}), {:.1f} GFLOP/s; first {} after {:.3f} s\n",
                  run.name, plural(threads, "thread"), m.median_us, what, m.min_us,
                  workload->step().flops / m.median_us * 1e-3, what, m.first_step_s);
  return session.leave();
}

}  // namespace nnc::driver
