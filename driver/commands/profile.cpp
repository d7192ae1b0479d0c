// nnc profile RUN: what each kernel of the training step costs, beside what the machine could do at best.
#include <algorithm>
#include <numeric>

#include "driver/commands/commands.h"
#include "driver/environment.h"
#include "driver/output_file.h"
#include "driver/profile/machine.h"
#include "driver/profile/times.h"
#include "driver/report.h"
#include "driver/trained.h"
#include "driver/workload.h"
#include "nlohmann/json.hpp"
#include "runtime/training/batches.h"
#include "support/plural.h"

namespace nnc::driver {
namespace {

using Json = nlohmann::ordered_json;

// A kernel beside the least time that it could take: what it computes, or what it reads and writes, at the machine's speed.
struct Line {
  const KernelInfo* kernel = nullptr;
  size_t number = 0;  // in the step
  double us = 0;
  double least_us = 0;
  const char* bound = "";

  double bytes() const { return static_cast<double>(kernel->bytes_read + kernel->bytes_written); }
  double of_bound() const { return us > 0 ? least_us / us : 0; }
};

class Profile {
 public:
  Profile(const Workload& workload, int threads, const Machine& machine, const StepTimes& times)
      : w_(workload), threads_(workload.step().serial ? 1 : threads), machine_(machine), times_(times) {
    const EntryPoint& step = w_.step();
    for (size_t item = 0; item < step.items.size(); ++item) {
      if (!step.items[item]) {
        barriers_us_ += times_.items[item];
        continue;
      }
      const size_t number = lines_.size();
      lines_.push_back(line(step.kernels[number], number, times_.items[item]));
      kernels_us_ += times_.items[item];
    }
  }

  std::string text(const Sources& sources) const {
    std::string out = fmt::format(
        "{}, batch {}, {}: {:.1f} us per step, the median of {}; {:.1f} us in {}, {:.1f} us at {}\n",
        w_.run().name, w_.run().batch, plural(threads_, "thread"), times_.step, times_.steps, kernels_us_,
        plural(lines_.size(), "kernel"), barriers_us_, plural(w_.step().barriers, "barrier"));
    out += fmt::format(
        "machine: {:.0f} GFLOP/s a thread from registers; reads {:.0f} GB/s a thread from its second-level "
        "cache, {:.1f} GB/s "
        "from beyond\n",
        2 * machine_.multiply_adds * 1e-9, machine_.cache_bytes * 1e-9, machine_.memory_bytes * 1e-9);
    out += fmt::format("step: {:.1f} GFLOP/s, {:.0f} % of the peak\n\n", w_.step().flops / times_.step * 1e-3,
                       100 * w_.step().flops * 1e-6 / times_.step / (2e-12 * peak()));
    Table table("rrrrrrlrrll");
    table.row(
        {"us", "share", "GFLOP/s", "of peak", "kB", "GB/s", "bound by", "of it", "", "kernel", "source"});
    for (const Line& l : by_time())
      table.row({fmt::format("{:.1f}", l.us), percent(l.us / times_.step), rate(l.kernel->flops, l.us),
                 l.kernel->flops > 0 ? percent(l.kernel->flops / (l.us * 1e-6) / (2 * peak())) : "",
                 fmt::format("{:.0f}", l.bytes() * 1e-3), rate(l.bytes(), l.us), l.bound,
                 percent(l.of_bound()), fmt::format("{}", l.number), l.kernel->name,
                 describe_lines(l.kernel->source, sources)});
    return out + table.text();
  }

  Json json(const Sources& sources) const {
    Json json;
    json["workload"] = w_.run().name;
    json["batch"] = w_.run().batch;
    json["threads"] = threads_;
    json["steps"] = times_.steps;
    json["step_us"] = times_.step;
    json["kernels_us"] = kernels_us_;
    json["barriers_us"] = barriers_us_;
    json["machine"] = {{"gflops_per_thread", 2e-9 * machine_.multiply_adds},
                       {"cache_gb_per_s_per_thread", machine_.cache_bytes * 1e-9},
                       {"memory_gb_per_s", machine_.memory_bytes * 1e-9}};
    json["kernels"] = Json::array();
    for (const Line& l : lines_)
      json["kernels"].push_back({{"kernel", l.kernel->name},
                                 {"us", l.us},
                                 {"flops", l.kernel->flops},
                                 {"operations", l.kernel->operations},
                                 {"bytes_read", l.kernel->bytes_read},
                                 {"bytes_written", l.kernel->bytes_written},
                                 {"bound", l.bound},
                                 {"least_us", l.least_us},
                                 {"tasks", l.kernel->tasks},
                                 {"source", describe_lines(l.kernel->source, sources)}});
    return json;
  }

  // For chrome://tracing and Perfetto: the step that took the median time.
  Json trace(const Sources& sources) const {
    Json events = Json::array();
    for (size_t t = 0; t < times_.example.size(); ++t) {
      const std::vector<double>& at = times_.example[t];
      size_t launch = 0;
      for (size_t item = 0; item + 1 < at.size(); ++item) {
        const KernelInfo* kernel = w_.step().items[item] ? lines_[launch++].kernel : nullptr;
        Json event = {{"name", kernel ? kernel->name : "barrier"},
                      {"cat", kernel ? "kernel" : "barrier"},
                      {"ph", "X"},
                      {"ts", at[item]},
                      {"dur", at[item + 1] - at[item]},
                      {"pid", 1},
                      {"tid", t}};
        if (kernel != nullptr)
          event["args"] = {{"flops", kernel->flops}, {"source", describe_lines(kernel->source, sources)}};
        events.push_back(std::move(event));
      }
    }
    return {{"traceEvents", std::move(events)}, {"displayTimeUnit", "ns"}};
  }

 private:
  double peak() const { return machine_.multiply_adds * threads_; }  // a second, all threads

  Line line(const KernelInfo& kernel, size_t number, double us) const {
    Line l{&kernel, number, us, 0, ""};
    const double threads =
        static_cast<double>(std::min<int64_t>(threads_, std::max<int64_t>(1, kernel.tasks)));
    // One instruction for each multiply-add, or other operation.
    const double compute = (kernel.flops / 2 + kernel.operations) / (machine_.multiply_adds * threads);
    const bool fits = l.bytes() <= static_cast<double>(machine_.cache) * threads;
    const double speed = fits ? machine_.cache_bytes * threads : machine_.memory_bytes;
    const double moving = speed > 0 ? l.bytes() / speed : 0;
    l.least_us = 1e6 * std::max(compute, moving);
    l.bound = compute >= moving ? (kernel.flops / 2 >= kernel.operations ? "multiply-adds" : "arithmetic")
              : fits            ? "cache"
                                : "memory";
    return l;
  }

  std::vector<Line> by_time() const {
    std::vector<Line> sorted = lines_;
    std::ranges::stable_sort(sorted, std::greater(), &Line::us);
    return sorted;
  }

  static std::string percent(double share) { return fmt::format("{:.1f}%", 100 * share); }
  static std::string rate(double amount, double us) {
    return amount > 0 ? fmt::format("{:.1f}", amount / us * 1e-3) : "";
  }

  const Workload& w_;
  int threads_;
  const Machine& machine_;
  const StepTimes& times_;
  std::vector<Line> lines_;
  double kernels_us_ = 0, barriers_us_ = 0;
};

// The run file, or that of a run folder.
Result<LoadedModel> load_run_of(Session& session, const std::string& path) {
  const Result<FileKind> kind = kind_of(session, path);
  if (!kind) return Failure();
  if (*kind == FileKind::folder) {
    Result<Trained> trained = open_trained(session, path, ChangedModel::warned);
    if (!trained) return Failure();
    trained->loaded.run = trained->run.config;
    trained->loaded.run->name = trained->model.name;
    return std::move(trained->loaded);
  }
  Result<LoadedModel> loaded = load_model(session, path);
  if (!loaded || loaded->run) return loaded;
  session.diagnostics
      .error_at(DiagnosticKind::wrong_file_kind, path, "a run file or a run folder is expected")
      .suggest("a run file says on what data, and with which batch: nnc init csv FILE writes one");
  return Failure();
}

}  // namespace

int profile(const Options& options, Console& console) {
  Session session(options, console);
  Result<LoadedModel> loaded = load_run_of(session, options.arguments.front());
  if (!loaded) return session.leave();
  const Result<Workload> workload = open_workload(session, std::move(*loaded), true);
  if (!workload) return session.leave();
  const int threads = codegen_options(options).threads;
  runtime::ThreadPool pool(threads);
  runtime::Session memory(workload->bundle, pool);
  runtime::Batches batches;
  if (!begin(session, *workload, memory) ||
      !batches.bind(workload->bundle, workload->entry, workload->data.train, session.diagnostics))
    return session.leave();
  const Machine machine = measure_machine(pool, instruction_set(options) == "avx512" ? 512 : 256);
  int64_t done = 0;
  const StepTimes times = time_steps(memory, workload->step(), pool.threads(), options.seconds, [&] {
    if (workload->trains()) memory.set_scalar("t", done + 1);
    batches.run(memory, done++ % batches.batches());
  });
  const Profile found(*workload, pool.threads(), machine, times);
  if (!options.trace.empty() &&
      !write_output(options.trace, found.trace(session.sources).dump() + "\n", session.diagnostics))
    return session.leave();
  if (options.json)
    write_json(console, found.json(session.sources));
  else
    console.write(found.text(session.sources));
  return session.leave();
}

}  // namespace nnc::driver
