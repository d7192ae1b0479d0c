// Reads a table's fields as text, and undoes what was done to numbers.
#include "driver/report_page/raw_fields.h"

#include "nlohmann/json.hpp"
#include "runtime/data/bind.h"
#include "runtime/data/other_table.h"
#include "support/dtype.h"

namespace nnc::driver {

using Json = nlohmann::ordered_json;

std::vector<float> numbers_of(const runtime::ColumnData& column, int64_t row) {
  std::vector<unsigned char> bytes(static_cast<size_t>(column.row_bytes()));
  runtime::copy_rows(column, row, 1, bytes.data());
  std::vector<float> values(static_cast<size_t>(column.row_elements));
  const DType type = column.column.dtype;
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(read_element(type, bytes.data() + i * dtype_size(type)));
  return values;
}

Result<RawFields> RawFields::open(const Trained& trained, const runtime::Dataset& data,
                                  const std::vector<const runtime::ColumnData*>& columns,
                                  Diagnostics& diagnostics) {
  RawFields fields;
  fields.trained_ = &trained;
  fields.data_ = &data;
  if (columns.empty()) return fields;
  const bool is_table = !data.origin.lines.empty();
  std::vector<runtime::FittedInput> bound(columns.size());
  if (is_table) {
    std::vector<runtime::ModelColumn> wanted;
    for (const runtime::ColumnData* column : columns) wanted.push_back(column->column);
    Result<runtime::Table> table = runtime::read_other_table(data.origin.path, trained.run.config,
                                                             trained.run.fitted, wanted, diagnostics);
    if (!table) return Failure();
    Result<std::vector<runtime::FittedInput>> rebound =
        runtime::rebind_fields(trained.run.fitted, wanted, *table, diagnostics);
    if (!rebound) return Failure();
    bound = *std::move(rebound);
    fields.table_ = *std::move(table);
  }
  for (size_t i = 0; i < columns.size(); ++i) fields.shown_.push_back({columns[i], std::move(bound[i])});
  return fields;
}

Json RawFields::row(int64_t row, size_t most, size_t& left) const {
  Json list = Json::array();
  left = 0;
  const auto put = [&](auto name, auto value) {
    if (list.size() == most)
      ++left;
    else
      list.push_back({name(), value()});
  };
  for (const Shown& shown : shown_) {
    if (table_) {
      for (const int64_t position : shown.bound.positions)
        put([&] { return table_->column_name(position); },
            [&]() -> Json {
              const int64_t at = data_->origin.row(row);
              if (table_->value(at, position).kind == runtime::FieldKind::missing) return nullptr;
              return std::string(table_->field(at, position));
            });
      continue;
    }
    const std::vector<float> values = numbers_of(*shown.data, row);
    for (size_t i = 0; i < values.size(); ++i)
      put([&] { return field_name(*trained_, *shown.data, i); },
          [&] { return in_units(*trained_, *shown.data, values[i], i, values.size()); });
  }
  return list;
}

double in_units(const Trained& trained, const runtime::ColumnData& column, double value, size_t at,
                size_t width) {
  const runtime::FittedInput* fitted = trained.run.fitted.find(column.column.name);
  if (fitted != nullptr && !fitted->mean.empty()) {
    // One for each number, or one for each channel of a picture, which lie one after the other or pixel by pixel.
    const size_t groups = fitted->mean.size(), k = column.channels_last ? at % groups : at * groups / width;
    value = value * fitted->std[k] + fitted->mean[k];
  }
  const runtime::InputSpec& spec = runtime::input_spec(trained.run.config, column.column.name);
  const bool whole = column.column.dtype == DType::i32 || column.column.dtype == DType::i64;
  if (whole) return value + static_cast<double>(spec.first);
  return (value * spec.std + spec.mean) / spec.scale;
}

std::string field_name(const Trained& trained, const runtime::ColumnData& column, size_t at) {
  const runtime::FittedInput* fitted = trained.run.fitted.find(column.column.name);
  const auto width = static_cast<size_t>(column.row_elements);
  if (fitted != nullptr && fitted->fields.size() == width) return fitted->fields[at];
  const std::string& name = column.column.name;
  return width == 1 ? name : fmt::format("{}[{}]", name, at);
}

}  // namespace nnc::driver
