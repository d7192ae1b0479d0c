// Runs the program of norms and reads what it gave.
#include "runtime/training/norms.h"

#include <algorithm>

#include "fmt/format.h"

namespace nnc::runtime {
namespace {

bool is_norm(OutputKind kind) {
  return kind == OutputKind::weight_norm || kind == OutputKind::gradient_norm;
}

}  // namespace

std::string NormColumn::name() const {
  return fmt::format("{}.{}", kind == OutputKind::weight_norm ? "weight" : "gradient", parameter);
}

std::vector<NormColumn> norm_columns(std::span<const PhaseProgram> programs) {
  std::vector<NormColumn> columns;
  for (const PhaseProgram& program : programs)
    for (const TensorInfo& tensor : program.bundle->tensors) {
      if (!is_norm(tensor.kind)) continue;
      NormColumn column{tensor.kind, tensor.of};
      if (std::find(columns.begin(), columns.end(), column) == columns.end())
        columns.push_back(std::move(column));
    }
  return columns;
}

std::string measure_norms(Session& session, std::span<const NormColumn> columns, const Dataset& train) {
  const EntryPoint* entry = session.bundle().find("norms");
  if (entry != nullptr) {
    std::vector<AlignedBytes> rows;
    std::vector<const unsigned char*> pointers;
    for (const InputInfo& input : entry->inputs) {
      const ColumnData* column = train.find(input.name);
      NNC_CHECK(column != nullptr && entry->rows <= train.rows, "the data of the norms are not there");
      rows.emplace_back(static_cast<size_t>(entry->rows * column->row_bytes()));
      copy_rows(*column, 0, entry->rows, rows.back().data());
    }
    for (const AlignedBytes& buffer : rows) pointers.push_back(buffer.data());
    session.run(*entry, pointers.data());
  }
  std::string line;
  const std::vector<TensorInfo>& tensors = session.bundle().tensors;
  for (const NormColumn& column : columns) {
    const auto tensor = std::find_if(tensors.begin(), tensors.end(), [&](const TensorInfo& t) {
      return t.kind == column.kind && t.of == column.parameter;
    });
    const bool known = entry != nullptr && tensor != tensors.end();
    line += known ? fmt::format(",{}", static_cast<float>(session.read_scalar(tensor->name))) : ",";
  }
  return line;
}

}  // namespace nnc::runtime
