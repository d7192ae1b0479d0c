// See data_target.h.
#include "data_target.h"

#include <stdlib.h>

#include <numeric>
#include <set>

namespace nnc::fuzz {

using namespace runtime;

InputFile::InputFile(const std::string& name) {
  std::string pattern = (std::filesystem::temp_directory_path() / "nnc_fuzz_XXXXXX").string();
  NNC_CHECK(mkdtemp(pattern.data()) != nullptr, "no temporary folder");
  folder_ = pattern;
  path_ = folder_ + "/" + name;
  std::filesystem::create_directories(std::filesystem::path(path_).parent_path());
}

InputFile::~InputFile() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void InputFile::write(const uint8_t* data, size_t size) const {
  std::ofstream(path_, std::ios::binary) << text_of(data, size);
}

namespace {

// Every row of a column as the step gets it.
std::vector<unsigned char> all_rows(const ColumnData& column, int64_t rows, const AugmentKey* key = nullptr) {
  std::vector<unsigned char> out(static_cast<size_t>(column.row_bytes() * rows));
  std::vector<uint32_t> order(static_cast<size_t>(rows));
  std::iota(order.begin(), order.end(), 0U);
  gather_rows(column, order.data(), rows, out.data(), key);
  return out;
}

}  // namespace

void check_data(const RunConfig& config, const std::string& path, const std::vector<ModelColumn>& columns) {
  Diagnostics diagnostics;
  const Result<LoadedData> loaded = load_data(config, columns, diagnostics);
  if (!answered(loaded, diagnostics)) return;
  const AugmentKey key{1, 2};
  for (const ColumnData& column : loaded->train.columns) (void)all_rows(column, loaded->train.rows, &key);
  const Result<Fitted> fitted = Fitted::from_json(loaded->fitted.to_json(), "fitted.json", diagnostics);
  NNC_CHECK(fitted.ok(), "what was fitted is refused: " + render_all(diagnostics, {}));
  const Result<Dataset> later = load_rows(config, *fitted, path, columns, diagnostics);
  NNC_CHECK(later.ok(), "the training file is refused after training: " + render_all(diagnostics, {}));
  NNC_CHECK(later->rows == loaded->train.rows, "the training file has other rows after training");
  for (size_t i = 0; i < columns.size(); ++i)
    NNC_CHECK(all_rows(later->columns[i], later->rows) == all_rows(loaded->train.columns[i], later->rows),
              columns[i].name + " has other numbers after training");
}

void check_fields(const RunConfig& config, const std::string& path, const FieldSet& set) {
  std::vector<ModelColumn> columns;
  std::set<std::string> names;
  for (const Field& field : set.fields)
    if (names.insert(field.name).second)
      columns.push_back(
          {field.name, field.role == FieldRole::labels ? DType::i32 : DType::f32, field.shape, 0, {}});
  check_data(config, path, columns);
  RunConfig fitted = config;
  for (const ModelColumn& column : columns) {
    InputSpec& spec = fitted.inputs[column.name];
    spec.standardize = column.dtype == DType::f32;
    spec.flip = set.find(FieldRole::pictures) != nullptr && spec.standardize;
    spec.crop = spec.flip ? 1 : 0;
  }
  check_data(fitted, path, columns);
}

}  // namespace nnc::fuzz
