#include "driver/programs.h"

#include <algorithm>
#include <set>

#include "codegen/plan_memory.h"
#include "driver/norms.h"
#include "driver/report.h"
#include "runtime/training/batches.h"
#include "runtime/training/trainer.h"

namespace nnc::driver {
namespace {

// Adds the model's graph `name` for whole batches and, under "<name>.rest", for the rows left over in each part.
Status add_batched(Session& session, const LoadedModel& loaded, const frontend::Model& model,
                   const std::string& name, std::span<const int64_t> rows, std::vector<Graph>& graphs) {
  const Graph* whole = model.module.find(name);
  if (whole == nullptr) return Done();
  graphs.push_back(*whole);
  std::set<int64_t> rests;
  for (const int64_t count : rows)
    if (count % loaded.options.batch != 0) rests.insert(count % loaded.options.batch);
  for (const int64_t rest : rests) {
    frontend::BuildOptions options = loaded.options;
    options.batch = rest;
    const Result<frontend::Model> smaller =
        frontend::build_model(loaded.tree, session.sources, options, session.diagnostics);
    if (!smaller) return Failure();
    const Graph* part = smaller->module.find(name);
    NNC_CHECK(part != nullptr, "a model lost the graph " + name + " with another batch size");
    graphs.push_back(
        renamed(*part, fmt::format("{}.rest{}", name, rests.size() > 1 ? std::to_string(rest) : "")));
  }
  return Done();
}

// Adds the program of runtime/training/norms.h for steps that have a gradient anyway, on a batch that the data can fill.
Status add_norms(Session& session, const LoadedModel& loaded, const frontend::Model& model, int64_t rows,
                 std::vector<Graph>& graphs) {
  const Graph* step = model.module.find("train");
  if (step == nullptr || std::none_of(step->nodes.begin(), step->nodes.end(),
                                      [](const Node& node) { return node.op == Op::grad; }))
    return Done();
  if (rows == 0 || rows >= loaded.options.batch) {
    graphs.push_back(norms_graph(*model.module.find("gradients")));
    return Done();
  }
  frontend::BuildOptions options = loaded.options;
  options.batch = rows;
  const Result<frontend::Model> smaller =
      frontend::build_model(loaded.tree, session.sources, options, session.diagnostics);
  if (!smaller) return Failure();
  graphs.push_back(norms_graph(*smaller->module.find("gradients")));
  return Done();
}

}  // namespace

std::vector<runtime::ModelColumn> model_columns(const frontend::Model& model) {
  std::vector<runtime::ModelColumn> columns;
  for (const frontend::Column& column : model.columns) {
    Shape row = column.type.shape;
    if (column.batched) row.erase(row.begin());
    columns.push_back({column.name, column.type.dtype, row, column.classes, column.span});
  }
  return columns;
}

std::string batch_text(const frontend::Model& model, int64_t batch) {
  const bool batched = std::any_of(model.columns.begin(), model.columns.end(),
                                   [](const frontend::Column& column) { return column.batched; });
  return batched ? fmt::format(", batch {}", batch) : "";
}

Result<runtime::LoadedData> read_data(Session& session, const runtime::RunConfig& config,
                                      const frontend::Model& model) {
  return runtime::load_data(config, model_columns(model), session.diagnostics);
}

Result<std::vector<Graph>> training_graphs(Session& session, const LoadedModel& loaded,
                                           const frontend::Model& model, int64_t train_rows,
                                           std::span<const int64_t> evaluated) {
  std::vector<Graph> graphs;
  if (!add_batched(session, loaded, model, "train", {&train_rows, 1}, graphs)) return Failure();
  if (const Graph* init = model.module.find("init")) graphs.push_back(*init);
  if (!add_norms(session, loaded, model, train_rows, graphs)) return Failure();
  if (!evaluated.empty()) {
    const Result<std::vector<Graph>> evaluation = evaluation_graphs(session, loaded, model, evaluated);
    if (!evaluation) return Failure();
    graphs.insert(graphs.end(), evaluation->begin(), evaluation->end());
  }
  return graphs;
}

Result<std::vector<Graph>> evaluation_graphs(Session& session, const LoadedModel& loaded,
                                             const frontend::Model& model, std::span<const int64_t> rows) {
  std::vector<Graph> graphs;
  if (!add_batched(session, loaded, model, "eval", rows, graphs)) return Failure();
  if (const Graph* finish = model.module.find("finish")) graphs.push_back(*finish);
  return graphs;
}

std::vector<const runtime::Dataset*> evaluated_parts(const runtime::RunConfig& config,
                                                     const runtime::LoadedData& data) {
  std::vector<const runtime::Dataset*> parts;
  if (config.train_metrics) parts.push_back(&data.train);
  for (const runtime::Dataset* part : {&data.validation, &data.test})
    if (part->rows > 0) parts.push_back(part);
  return parts;
}

std::vector<int64_t> row_counts(std::span<const runtime::Dataset* const> parts) {
  std::vector<int64_t> rows;
  for (const runtime::Dataset* part : parts) rows.push_back(part->rows);
  return rows;
}

uint64_t feeding_bytes(const Bundle& bundle, const runtime::RunConfig& config,
                       const runtime::LoadedData& data) {
  const EntryPoint* step = bundle.find("train");
  if (step == nullptr) return 0;
  uint64_t bytes = runtime::Batches::memory(bundle, "train", data.train, data.shuffle && !config.whole_batch);
  // One part is evaluated after the other.
  uint64_t evaluating = 0;
  for (const runtime::Dataset* part : evaluated_parts(config, data))
    evaluating = std::max(evaluating, runtime::Batches::memory(bundle, "eval", *part, false));
  bytes += evaluating;
  return bytes - std::min(bytes, step->memory.inputs);
}

Status check_memory(Session& session, const Bundle& bundle, uint64_t more) {
  const uint64_t available = runtime::available_memory();
  const uint64_t needed = peak_bytes(bundle) + more;
  if (available == 0 || needed <= available) return Done();
  session.diagnostics
      .error_at(
          DiagnosticKind::out_of_memory, "nnc",
          fmt::format("this needs {} of memory, {} are free", bytes_text(needed), bytes_text(available)))
      .suggest(runtime::takes_batch(bundle) ? "a smaller batch, or nnc compile to see what needs it"
                                            : "smaller tensors; nnc compile shows what needs it");
  return Failure();
}

}  // namespace nnc::driver
