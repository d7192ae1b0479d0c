// nnc compile FILE: what the machine code of a training run is and needs, stated before anything runs. With a
// run file the programs for the remainder batches and the data in memory are part of the bill.
#include "driver/commands/commands.h"
#include "driver/compiled.h"
#include "driver/programs.h"
#include "driver/report.h"
#include "driver/session.h"
#include "nlohmann/json.hpp"
#include "support/plural.h"

namespace nnc::driver {
namespace {

uint64_t bytes_in_memory(const runtime::Dataset& data) {
  uint64_t bytes = 0;
  for (const runtime::ColumnData& column : data.columns) bytes += column.memory();
  return bytes;
}

std::string text_report(const Compiled& c, int threads, const Sources& sources) {
  const EntryPoint& step = c.step();
  const MemoryBill& memory = step.memory;
  const CompileTimes& times = c.bundle.times;
  std::string out =
      fmt::format("{} ({}{}, {} thread{})\n\n", c.model.name, c.loaded.options.optimizer,
                  batch_text(c.model, c.loaded.options.batch), threads, threads == 1 ? "" : "s");
  Table facts("lrl");
  facts.row(
      {"parameters", count_text(c.parameter_count()), "in " + plural(c.model.parameters.size(), "tensor")});
  facts.row({"FLOPs per step", flops_text(step.flops), "of matrix products"});
  facts.row({"kernels", fmt::format("{}", step.kernels.size()),
             fmt::format("{} distinct, {}", step.distinct_kernels, plural(step.barriers, "barrier"))});
  facts.row({"tensors read", bytes_text(step.bytes_read), "by the kernels, each its own once"});
  facts.row({"tensors written", bytes_text(step.bytes_written), ""});
  out += facts.text() + "\nmemory\n";
  Table bill("lrl");
  bill.row({"parameters", bytes_text(memory.parameters), ""});
  bill.row({"gradients", bytes_text(memory.gradients), memory.gradients == 0 ? "none is stored" : ""});
  bill.row({"optimizer state", bytes_text(memory.optimizer), ""});
  bill.row({"activations", bytes_text(memory.activations), ""});
  bill.row({"scratch", bytes_text(memory.scratch), ""});
  if (memory.inputs > 0) bill.row({"one batch", bytes_text(memory.inputs), ""});
  if (const uint64_t constants = constant_bytes(c.bundle); constants > 0)
    bill.row({"constants", bytes_text(constants), "long lists of numbers, hashes of the names of draws"});
  if (c.data_bytes > 0) bill.row({"data", bytes_text(c.data_bytes), "resident"});
  if (c.feeding_bytes > 0)
    bill.row({"feeding", bytes_text(c.feeding_bytes), "batches gathered ahead, the rows' order"});
  bill.row({"epoch end", bytes_text(c.epoch_end_bytes()), "more, to measure the gradients"});
  bill.row({"peak", bytes_text(c.peak_bytes()), "what is allocated at most"});
  out += bill.text("  ") + "\nstep\n";
  Table kernels("lrrrrl");
  for (const KernelInfo& kernel : step.kernels)
    kernels.row({kernel.name, kernel.flops > 0 ? flops_text(kernel.flops) + "FLOP" : "",
                 bytes_text(kernel.bytes_read) + " read", bytes_text(kernel.bytes_written) + " written",
                 plural(kernel.tasks, "task"), describe_lines(kernel.source, sources)});
  out += kernels.text("  ");
  out += fmt::format(
      "\ncompiled in {:.1f} ms: frontend {:.1f}, passes {:.1f}, lowering {:.1f}, machine code {:.1f}, "
      "linking {:.1f}; {} kernels compiled, {} from the cache\n",
      c.total_ms, c.frontend_ms, c.passes_ms, times.lower_ms, times.emit_ms, times.link_ms,
      times.kernels_compiled, times.kernels_cached);
  return out;
}

}  // namespace

uint64_t Compiled::epoch_end_bytes() const {
  const EntryPoint* norms = bundle.find("norms");
  if (norms == nullptr) return 0;
  const auto temporaries = [](const MemoryBill& m) { return m.arena + m.scratch + m.inputs; };
  const uint64_t of_step = temporaries(step().memory), of_norms = temporaries(norms->memory);
  return of_norms > of_step ? of_norms - of_step : 0;
}

uint64_t Compiled::peak_bytes() const {
  return nnc::peak_bytes(bundle) + data_bytes + feeding_bytes;
}

int64_t Compiled::parameter_count() const {
  int64_t count = 0;
  for (const frontend::ParameterInfo& parameter : model.parameters) count += parameter.type.elements();
  return count;
}

Result<Compiled> compile_all(Session& session, const std::string& path) {
  const double start = now_ms();
  Result<LoadedModel> loaded = load_model(session, path);
  if (!loaded) return Failure();
  const double loading_ms = now_ms() - start;
  Result<Compiled> compiled = compile_all(session, std::move(*loaded));
  if (!compiled) return Failure();
  compiled->frontend_ms += loading_ms;
  compiled->total_ms += loading_ms;
  return compiled;
}

Result<Compiled> compile_all(Session& session, LoadedModel loaded) {
  Compiled c;
  const double start = now_ms();
  c.loaded = std::move(loaded);
  Result<frontend::Model> model = build(session, c.loaded);
  if (!model) return Failure();
  c.model = std::move(*model);
  int64_t train_rows = 0;
  std::vector<int64_t> evaluated = {c.loaded.options.batch};
  double data_ms = 0;
  Result<runtime::LoadedData> data = Failure();
  const bool has_data = c.loaded.run && c.loaded.run->data.present();
  if (has_data) {
    const double before = now_ms();
    data = read_data(session, *c.loaded.run, c.model);
    if (!data) return Failure();
    train_rows = data->train.rows;
    evaluated = row_counts(evaluated_parts(*c.loaded.run, *data));
    for (const runtime::Dataset* part : {&data->train, &data->validation, &data->test})
      c.data_bytes += bytes_in_memory(*part);
    data_ms = now_ms() - before;
  }
  const Result<std::vector<Graph>> graphs =
      training_graphs(session, c.loaded, c.model, train_rows, evaluated);
  if (!graphs) return Failure();
  c.frontend_ms = now_ms() - start - data_ms;
  Result<Bundle> bundle = compile_graphs(session, *graphs, &c.passes_ms);
  if (!bundle) return Failure();
  c.bundle = std::move(*bundle);
  if (has_data) c.feeding_bytes = feeding_bytes(c.bundle, *c.loaded.run, *data);
  c.total_ms = now_ms() - start - data_ms;
  if (c.bundle.find("train") != nullptr) return c;
  session.diagnostics
      .error_at(DiagnosticKind::wrong_file_kind, c.loaded.path,
                "there is no training step: the model has no loss")
      .suggest("loss(x, label: i32[batch]) = cross_entropy(forward(x), label)");
  return Failure();
}

nlohmann::ordered_json compiled_json(const Compiled& c, int threads, const Sources& sources) {
  const EntryPoint& step = c.step();
  const MemoryBill& memory = step.memory;
  const CompileTimes& times = c.bundle.times;
  nlohmann::ordered_json json;
  json["model"] = c.model.name;
  json["file"] = c.loaded.path;
  json["batch"] = c.loaded.options.batch;
  json["optimizer"] = c.loaded.options.optimizer;
  json["threads"] = threads;
  json["parameters"] = c.parameter_count();
  json["flops_per_step"] = step.flops;
  json["kernels"] = step.kernels.size();
  json["distinct_kernels"] = step.distinct_kernels;
  json["barriers"] = step.barriers;
  json["bytes_read"] = step.bytes_read;
  json["bytes_written"] = step.bytes_written;
  json["epoch_end_bytes"] = c.epoch_end_bytes();
  json["peak_bytes"] = c.peak_bytes();
  json["parameter_bytes"] = memory.parameters;
  json["gradient_bytes"] = memory.gradients;
  json["optimizer_bytes"] = memory.optimizer;
  json["activation_bytes"] = memory.activations;
  json["scratch_bytes"] = memory.scratch;
  json["input_bytes"] = memory.inputs;
  json["constant_bytes"] = constant_bytes(c.bundle);
  json["arena_bytes"] = memory.arena;
  json["state_bytes"] = c.bundle.state_bytes;
  json["data_bytes"] = c.data_bytes;
  json["feeding_bytes"] = c.feeding_bytes;
  json["compile_ms"] = {{"frontend", c.frontend_ms}, {"passes", c.passes_ms}, {"lower", times.lower_ms},
                        {"emit", times.emit_ms},     {"link", times.link_ms}, {"total", c.total_ms}};
  json["kernels_compiled"] = times.kernels_compiled;
  json["kernels_cached"] = times.kernels_cached;
  json["step"] = nlohmann::ordered_json::array();
  for (const KernelInfo& kernel : step.kernels)
    json["step"].push_back({{"kernel", kernel.name},
                            {"tasks", kernel.tasks},
                            {"flops", kernel.flops},
                            {"bytes_read", kernel.bytes_read},
                            {"bytes_written", kernel.bytes_written},
                            {"source", describe_lines(kernel.source, sources)}});
  return json;
}

int compile(const Options& options, Console& console) {
  Session session(options, console);
  const Result<Compiled> compiled = compile_all(session, options.arguments.front());
  if (!compiled) return session.leave();
  const int threads = codegen_options(options).threads;
  if (options.json)
    write_json(console, compiled_json(*compiled, threads, session.sources));
  else
    console.write(text_report(*compiled, threads, session.sources));
  return session.leave();
}

}  // namespace nnc::driver
