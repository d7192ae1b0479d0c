// Chooses columns, and gathers rows.
#include "driver/input_rows.h"

#include <algorithm>

namespace nnc::driver {

std::vector<runtime::ModelColumn> columns_read(const frontend::Model& model,
                                               std::span<const Graph* const> graphs) {
  std::vector<runtime::ModelColumn> columns;
  for (const runtime::ModelColumn& column : model_columns(model))
    if (std::any_of(graphs.begin(), graphs.end(),
                    [&](const Graph* graph) { return graph->find_input(column.name).valid(); }))
      columns.push_back(column);
  return columns;
}

void run_rows(runtime::Session& memory, const std::string& entry, const runtime::Dataset& data, int64_t first,
              int64_t count) {
  const EntryPoint* program = memory.bundle().find(entry);
  NNC_CHECK(program != nullptr, "an output was not compiled");
  std::vector<runtime::AlignedBytes> columns;
  for (const InputInfo& input : program->inputs) {
    const runtime::ColumnData* column = data.find(input.name);
    NNC_CHECK(column != nullptr, "a column of an output was not read");
    columns.emplace_back(static_cast<size_t>(count * column->row_bytes()));
    runtime::copy_rows(*column, first, count, columns.back().data());
  }
  std::vector<const unsigned char*> pointers;
  for (const runtime::AlignedBytes& column : columns) pointers.push_back(column.data());
  memory.run(*program, pointers.data());
}

}  // namespace nnc::driver
