// nnc compile FILE: what the machine code of a training run is and needs, stated before anything runs. With a
// run file the programs for the remainder batches and the data in memory are part of the bill.
#include <algorithm>

#include "driver/commands/commands.h"
#include "driver/compiled.h"
#include "driver/programs.h"
#include "driver/report.h"
#include "driver/session.h"
#include "driver/text_program.h"
#include "nlohmann/json.hpp"
#include "support/plural.h"

namespace nnc::driver {
namespace {

// Of what is computed again.
double flops_again(const EntryPoint& step) {
  double flops = 0;
  for (const KernelInfo& kernel : step.kernels) flops += kernel.again ? kernel.flops : 0;
  return flops;
}
int64_t kernels_again(const EntryPoint& step) {
  return std::ranges::count(step.kernels, true, &KernelInfo::again);
}

std::string text_report(const Compiled& c, int threads, const Sources& sources) {
  const EntryPoint& step = c.step();
  const CompileTimes& times = c.bundle.times;
  const bool is_text = is_program_text(c.loaded.path);
  const std::string what = c.trains() && !is_text ? c.loaded.options.optimizer : step.name;
  const std::string batch = !is_text        ? batch_text(c.model, c.loaded.options.batch)
                            : step.rows > 0 ? fmt::format(", batch {}", step.rows)
                                            : "";
  std::string out = fmt::format("{} ({}{}, {} thread{})\n\n", is_text ? c.loaded.path : c.model.name, what,
                                batch, threads, threads == 1 ? "" : "s");
  Table facts("lrl");
  facts.row(
      {"parameters", count_text(c.parameter_count()), "in " + plural(c.model.parameters.size(), "tensor")});
  facts.row(
      {c.trains() ? "FLOPs per step" : "FLOPs per batch", flops_text(step.flops), "of matrix products"});
  facts.row({"kernels", fmt::format("{}", step.kernels.size()),
             fmt::format("{} distinct, {}", step.distinct_kernels, plural(step.barriers, "barrier"))});
  facts.row({"tensors read", bytes_text(step.bytes_read), "by the kernels, each its own once"});
  facts.row({"tensors written", bytes_text(step.bytes_written), ""});
  if (step.values_again > 0)
    facts.row({"computed again", plural(step.values_again, "value"),
               fmt::format("{} less to keep, in {}{}", bytes_text(step.bytes_saved),
                           plural(kernels_again(step), "kernel"),
                           flops_again(step) > 0 ? " of " + flops_text(flops_again(step)) + "FLOP" : "")});
  out += facts.text() + "\nmemory\n";
  Table bill("lrl");
  for (const MemoryRow& row : c.memory())
    if (row.bytes > 0 || !row.is_rare) bill.row({row.name, bytes_text(row.bytes), row.note});
  out += bill.text("  ") + "\nstep\n";
  Table kernels("lrrrrl");
  for (const KernelInfo& kernel : step.kernels)
    kernels.row({kernel.name, kernel.flops > 0 ? flops_text(kernel.flops) + "FLOP" : "",
                 bytes_text(kernel.bytes_read) + " read", bytes_text(kernel.bytes_written) + " written",
                 plural(kernel.tasks, "task"),
                 (kernel.again ? "again " : "") + describe_lines(kernel.source, sources)});
  out += kernels.text("  ");
  out += fmt::format(
      "\ncompiled in {:.1f} ms: frontend {:.1f}, passes {:.1f}, lowering {:.1f}, machine code {:.1f}, "
      "linking {:.1f}; {} kernels compiled, {} from the cache\n",
      c.total_ms, c.frontend_ms, c.passes_ms, times.lower_ms, times.emit_ms, times.link_ms,
      times.kernels_compiled, times.kernels_cached);
  return out;
}

}  // namespace

std::vector<MemoryRow> Compiled::memory() const {
  const MemoryNeed need = memory_need(bundle);
  return {{"parameter_bytes", "parameters", need.parameters},
          {"gradient_bytes", "gradients", need.gradients, need.gradients == 0 ? "none is stored" : ""},
          {"optimizer_bytes", "optimizer state", need.optimizer},
          {"layer_bytes", "layers' states", need.layers, "", true},
          {"activation_bytes", "activations", need.activations},
          {"scratch_bytes", "scratch", need.scratch},
          {"input_bytes", "one batch", need.inputs, "", true},
          {"result_bytes", "results", need.results, "losses, metrics, norms; what is set before a step"},
          {"constant_bytes", "constants", need.constants,
           "long lists of numbers, hashes of the names of draws", true},
          {"data_bytes", "data", data_bytes, "resident", true},
          {"feeding_bytes", "feeding", feeding_bytes, "batches gathered ahead, the rows' order", true},
          {"epoch_end_bytes", "epoch end", need.others,
           trains() ? "more, to evaluate and to measure the gradients" : "more, for the other outputs",
           !trains()},
          {"peak_bytes", "peak", need.peak() + data_bytes + feeding_bytes, "what is allocated at most"}};
}

int64_t Compiled::parameter_count() const {
  int64_t count = 0;
  for (const frontend::ParameterInfo& parameter : model.parameters) count += parameter.type.elements();
  return count;
}

namespace {

// A graph or kernels of a text, of which there is no model.
Result<Compiled> compile_text_alone(Session& session, const std::string& path) {
  const double start = now_ms();
  Result<CompiledText> text = compile_text(session, path);
  if (!text) return Failure();
  Compiled c;
  c.loaded.path = path;
  c.bundle = std::move(text->bundle);
  c.model.name = c.bundle.entries.front().name;
  c.loaded.options.batch = c.bundle.entries.front().rows;
  for (const NodeId id : text->signature.inputs) {
    const Node& node = text->signature.nodes[id];
    const auto& attrs = std::get<InputAttrs>(node.attrs);
    if (attrs.role == Role::param) c.model.parameters.push_back({attrs.name, node.types[0], Span()});
  }
  c.total_ms = now_ms() - start;
  return c;
}

}  // namespace

Result<Compiled> compile_all(Session& session, const std::string& path) {
  if (is_program_text(path)) return compile_text_alone(session, path);
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
    c.data_bytes = data_bytes(*data);
    data_ms = now_ms() - before;
  }
  Result<std::vector<Graph>> graphs = training_graphs(session, c.loaded, c.model, train_rows, evaluated);
  if (!graphs) return Failure();
  if (c.model.losses.empty())
    for (const Graph& graph : c.model.module.graphs)
      if (graph.name.starts_with("predict.")) graphs->push_back(graph);
  c.frontend_ms = now_ms() - start - data_ms;
  const uint64_t beside = has_data ? bytes_beside(*graphs, *c.loaded.run, *data) : 0;
  Result<Bundle> bundle = compile_graphs(session, *graphs, &c.passes_ms, beside);
  if (!bundle) return Failure();
  c.bundle = std::move(*bundle);
  if (has_data) c.feeding_bytes = feeding_bytes(c.bundle, *c.loaded.run, *data);
  c.total_ms = now_ms() - start - data_ms;
  if (main_entry(c.bundle) != nullptr) return c;
  session.diagnostics
      .error_at(DiagnosticKind::wrong_file_kind, c.loaded.path,
                "there is nothing to compile: the model has no loss and no output")
      .suggest("loss(x, label: i32[batch]) = cross_entropy(forward(x), label)");
  return Failure();
}

nlohmann::ordered_json compiled_json(const Compiled& c, int threads, const Sources& sources) {
  const EntryPoint& step = c.step();
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
  for (const MemoryRow& row : c.memory()) json[row.key] = row.bytes;
  json["compile_ms"] = {{"frontend", c.frontend_ms}, {"passes", c.passes_ms}, {"lower", times.lower_ms},
                        {"emit", times.emit_ms},     {"link", times.link_ms}, {"total", c.total_ms}};
  json["kernels_compiled"] = times.kernels_compiled;
  json["kernels_cached"] = times.kernels_cached;
  json["computed_again"] = {{"values", step.values_again},
                            {"kernels", kernels_again(step)},
                            {"flops", flops_again(step)},
                            {"bytes_saved", step.bytes_saved}};
  json["step"] = nlohmann::ordered_json::array();
  for (const KernelInfo& kernel : step.kernels)
    json["step"].push_back({{"kernel", kernel.name},
                            {"tasks", kernel.tasks},
                            {"flops", kernel.flops},
                            {"bytes_read", kernel.bytes_read},
                            {"bytes_written", kernel.bytes_written},
                            {"again", kernel.again},
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
