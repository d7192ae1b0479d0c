#include "driver/programs.h"

namespace nnc::driver {
namespace {

ElementType element_type(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return ElementType::f32;
    case DType::f64:
      return ElementType::f64;
    case DType::i32:
      return ElementType::i32;
    case DType::i64:
      return ElementType::i64;
    case DType::boolean:
      return ElementType::boolean;
    case DType::u8:
      return ElementType::u8;
  }
  NNC_CHECK(false, "a dtype without an element type");
}

// Adds the model's graph `name` for whole batches and, under "<name>.rest", for the rows left over.
Status add_batched(Session& session, const LoadedModel& loaded, const frontend::Model& model,
                   const std::string& name, int64_t rows, std::vector<Graph>& graphs) {
  const Graph* whole = model.module.find(name);
  if (whole == nullptr) return Done();
  graphs.push_back(*whole);
  const int64_t rest = rows % loaded.options.batch;
  if (rest == 0) return Done();
  frontend::BuildOptions options = loaded.options;
  options.batch = rest;
  const Result<frontend::Model> smaller =
      frontend::build_model(loaded.tree, session.sources, options, session.diagnostics);
  if (!smaller) return Failure();
  const Graph* part = smaller->module.find(name);
  NNC_CHECK(part != nullptr, "a model lost the graph " + name + " with another batch size");
  graphs.push_back(renamed(*part, name + ".rest"));
  return Done();
}

}  // namespace

std::vector<runtime::ModelColumn> model_columns(const frontend::Model& model) {
  std::vector<runtime::ModelColumn> columns;
  for (const frontend::Column& column : model.columns) {
    Shape row = column.type.shape;
    if (column.batched) row.erase(row.begin());
    columns.push_back({column.name, element_type(column.type.dtype), row, column.classes, column.span});
  }
  return columns;
}

Result<runtime::LoadedData> read_data(Session& session, const runtime::RunConfig& config,
                                      const frontend::Model& model) {
  return runtime::load_data(config, model_columns(model), session.diagnostics);
}

Result<std::vector<Graph>> training_graphs(Session& session, const LoadedModel& loaded,
                                           const frontend::Model& model, int64_t train_rows,
                                           int64_t test_rows) {
  std::vector<Graph> graphs;
  if (!add_batched(session, loaded, model, "train", train_rows, graphs)) return Failure();
  if (const Graph* init = model.module.find("init")) graphs.push_back(*init);
  if (test_rows > 0) {
    const Result<std::vector<Graph>> evaluation = evaluation_graphs(session, loaded, model, test_rows);
    if (!evaluation) return Failure();
    graphs.insert(graphs.end(), evaluation->begin(), evaluation->end());
  }
  return graphs;
}

Result<std::vector<Graph>> evaluation_graphs(Session& session, const LoadedModel& loaded,
                                             const frontend::Model& model, int64_t rows) {
  std::vector<Graph> graphs;
  if (!add_batched(session, loaded, model, "eval", rows, graphs)) return Failure();
  if (const Graph* finish = model.module.find("finish")) graphs.push_back(*finish);
  return graphs;
}

}  // namespace nnc::driver
