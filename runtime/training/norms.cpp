#include "runtime/training/norms.h"

#include <algorithm>

#include "fmt/format.h"

namespace nnc::runtime {
namespace {
constexpr std::string_view kPrefix = "norm.";
}

std::vector<std::string> norm_columns(std::span<const PhaseProgram> programs) {
  std::vector<std::string> columns;
  for (const PhaseProgram& program : programs)
    for (const TensorInfo& tensor : program.bundle->tensors) {
      if (tensor.role != TensorRole::output || !tensor.name.starts_with(kPrefix)) continue;
      const std::string name = tensor.name.substr(kPrefix.size());
      if (std::find(columns.begin(), columns.end(), name) == columns.end()) columns.push_back(name);
    }
  return columns;
}

std::string measure_norms(Session& session, std::span<const std::string> columns, const Dataset& train) {
  const EntryPoint* entry = session.bundle().find("norms");
  if (entry != nullptr) {
    std::vector<AlignedBytes> rows;
    std::vector<const unsigned char*> pointers;
    for (const InputInfo& input : entry->inputs) {
      const ColumnData* column = train.find(input.name);
      const int64_t count = input.shape.empty() ? 0 : input.shape[0];
      NNC_CHECK(column != nullptr && count <= train.rows, "the data of the norms are not there");
      rows.emplace_back(static_cast<size_t>(count * column->row_bytes()));
      copy_rows(*column, 0, count, rows.back().data());
    }
    for (const AlignedBytes& buffer : rows) pointers.push_back(buffer.data());
    session.run(*entry, pointers.data());
  }
  std::string line;
  for (const std::string& column : columns) {
    const std::string name = std::string(kPrefix) + column;
    const bool known = entry != nullptr && session.bundle().find_tensor(name) != nullptr;
    line += known ? fmt::format(",{}", static_cast<float>(session.read_scalar(name))) : ",";
  }
  return line;
}

}  // namespace nnc::runtime
