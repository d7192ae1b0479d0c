// See programs.h.
#include "api/programs.h"

#include <set>

#include "codegen/plan_memory.h"

namespace nnc {

Result<frontend::Model> ModelSource::build(int64_t batch) const {
  if (batch == 0) return frontend::build_model(tree, sources, options, diagnostics);
  frontend::BuildOptions other = options;
  other.batch = batch;
  return frontend::build_model(tree, sources, other, diagnostics);
}

std::vector<runtime::ModelColumn> model_columns(const frontend::Model& model) {
  std::vector<runtime::ModelColumn> columns;
  for (const frontend::Column& column : model.columns) {
    Shape row = column.type.shape;
    if (column.batched) row.erase(row.begin());
    columns.push_back(
        {column.name, column.type.dtype, row, column.classes, column.ignored, column.span, column.looks_up});
  }
  return columns;
}

Bundle signatures_of(std::span<const Graph> graphs) {
  Bundle bundle;
  for (const Graph& graph : graphs) {
    EntryPoint& entry = bundle.entries.emplace_back();
    entry.name = graph.name;
    entry.rows = graph.batch;
    for (const NodeId id : graph.inputs) {
      const Node& node = graph.nodes[id];
      if (std::get<InputAttrs>(node.attrs).role != Role::input) continue;
      entry.inputs.push_back({graph.input_name(id), node.types[0].dtype, node.types[0].shape});
      entry.memory.inputs += codegen::input_bytes(node.types[0]);
    }
  }
  return bundle;
}

Status add_batched(const ModelSource& source, const frontend::Model& model, const std::string& name,
                   std::span<const int64_t> rows, std::vector<Graph>& graphs) {
  const Graph* whole = model.module.find(name);
  if (whole == nullptr) return Done();
  graphs.push_back(*whole);
  std::set<int64_t> rests;
  for (const int64_t count : rows)
    if (count % source.options.batch != 0) rests.insert(count % source.options.batch);
  for (const int64_t rest : rests) {
    const Result<frontend::Model> smaller = source.build(rest);
    if (!smaller) return Failure();
    const Graph* part = smaller->module.find(name);
    NNC_CHECK(part != nullptr, "a model lost the graph " + name + " with another batch size");
    graphs.push_back(*part);
  }
  return Done();
}

Status add_evaluation(const ModelSource& source, const frontend::Model& model, std::span<const int64_t> rows,
                      std::vector<Graph>& graphs) {
  if (!add_batched(source, model, "eval", rows, graphs)) return Failure();
  if (const Graph* finish = model.module.find("finish")) graphs.push_back(*finish);
  return Done();
}

}  // namespace nnc
