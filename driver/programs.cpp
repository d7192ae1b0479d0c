// Chooses the graphs of a training run and of an evaluation.
#include "driver/programs.h"

#include <algorithm>

#include "driver/norms.h"
#include "driver/report.h"
#include "runtime/training/batches.h"
#include "runtime/training/trainer.h"

namespace nnc::driver {
namespace {

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
  const Result<frontend::Model> smaller = source_of(session, loaded).build(rows);
  if (!smaller) return Failure();
  graphs.push_back(norms_graph(*smaller->module.find("gradients")));
  return Done();
}

}  // namespace

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
  if (!add_batched(source_of(session, loaded), model, "train", {&train_rows, 1}, graphs)) return Failure();
  if (const Graph* init = model.module.find("init")) graphs.push_back(*init);
  if (!add_norms(session, loaded, model, train_rows, graphs)) return Failure();
  if (!evaluated.empty() && !add_evaluation(source_of(session, loaded), model, evaluated, graphs))
    return Failure();
  return graphs;
}

Result<std::vector<Graph>> evaluation_graphs(Session& session, const LoadedModel& loaded,
                                             const frontend::Model& model, std::span<const int64_t> rows) {
  std::vector<Graph> graphs;
  if (!add_evaluation(source_of(session, loaded), model, rows, graphs)) return Failure();
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

uint64_t data_bytes(const runtime::LoadedData& data) {
  uint64_t bytes = 0;
  for (const runtime::Dataset* part : {&data.train, &data.validation, &data.test})
    for (const runtime::ColumnData& column : part->columns) bytes += column.memory();
  return bytes;
}

uint64_t bytes_beside(std::span<const Graph> graphs, const runtime::RunConfig& config,
                      const runtime::LoadedData& data) {
  const Bundle signatures = signatures_of(graphs);
  return data_bytes(data) + feeding_bytes(signatures, config, data);
}

Status check_memory(Session& session, const Bundle& bundle, uint64_t more) {
  return nnc::check_memory(bundle, more, session.diagnostics);
}

}  // namespace nnc::driver
