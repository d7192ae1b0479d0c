// See borrowed_rows.h.
#include "api/borrowed_rows.h"

#include <algorithm>

#include "fmt/format.h"
#include "support/plural.h"
#include "support/suggest.h"

namespace nnc {
namespace {

// Reports the first value that is not one of the column's classes: compiled code looks things up by it.
bool check_classes(const Array& array, const runtime::ModelColumn& column, int64_t per_row,
                   Diagnostics& diagnostics) {
  if (column.classes == 0) return true;
  const size_t size = dtype_size(column.dtype);
  for (size_t i = 0; i < array.size; ++i) {
    const double value = read_element(column.dtype, static_cast<const unsigned char*>(array.data) + i * size);
    if (column.may_hold(value)) continue;
    diagnostics.error_at(
        DiagnosticKind::data_label_range, column.name,
        fmt::format("{} in row {} is outside 0..{} (the model has {})", value,
                    static_cast<int64_t>(i) / per_row, column.classes - 1, column.classes_text()));
    return false;
  }
  return true;
}

class Borrower {
 public:
  Borrower(std::span<const runtime::ModelColumn> columns, Diagnostics& diagnostics)
      : columns_(columns), diagnostics_(diagnostics) {}

  bool add(const Array& array) {
    const std::string name(array.name);
    const auto column = std::ranges::find(columns_, name, &runtime::ModelColumn::name);
    if (column == columns_.end()) return refuse_unknown(name);
    if (data_.find(name) != nullptr) return refuse(DiagnosticKind::data_columns, name, "is given twice");
    if (dtype_of(array.type) != column->dtype)
      return refuse(DiagnosticKind::data_columns, name,
                    fmt::format("is {}, the model takes {}", dtype_name(dtype_of(array.type)),
                                dtype_name(column->dtype)));
    int64_t per_row = 1;
    for (const int64_t size : column->shape) per_row *= size;
    const auto size = static_cast<int64_t>(array.size);
    if (size == 0 || size % per_row != 0)
      return refuse(DiagnosticKind::data_row_counts, name,
                    fmt::format("has {}, which are no whole rows of {}", plural(size, "number"), per_row));
    const int64_t rows = size / per_row;
    if (data_.columns.empty()) data_.rows = rows;
    if (rows != data_.rows)
      return refuse(DiagnosticKind::data_row_counts, name,
                    fmt::format("has {}, {} has {}", plural(rows, "row"), data_.columns.front().column.name,
                                data_.rows));
    if (!check_classes(array, *column, per_row, diagnostics_)) return false;
    runtime::ColumnData& added = data_.columns.emplace_back();
    added.column = *column;
    added.row_elements = per_row;
    added.borrowed = static_cast<const unsigned char*>(array.data);
    return true;
  }

  bool has(const std::string& name) {
    return data_.find(name) != nullptr ||
           refuse(DiagnosticKind::data_columns, name, "is missing: the model takes it");
  }

  runtime::Dataset take() { return std::move(data_); }

 private:
  bool refuse(DiagnosticKind kind, const std::string& name, std::string message) {
    diagnostics_.error_at(kind, name, std::move(message));
    return false;
  }
  bool refuse_unknown(const std::string& name) {
    std::vector<std::string> names;
    for (const runtime::ModelColumn& column : columns_) names.push_back(column.name);
    const auto near = suggest(name, names);
    diagnostics_
        .error_at(DiagnosticKind::unknown_input, name,
                  names.empty() ? "the model takes no data"
                                : fmt::format("the model takes {}", fmt::join(names, ", ")))
        .suggest(near ? fmt::format("did you mean {}?", *near) : "");
    return false;
  }

  std::span<const runtime::ModelColumn> columns_;
  Diagnostics& diagnostics_;
  runtime::Dataset data_;
};

}  // namespace

DType dtype_of(Type type) {
  constexpr DType kTypes[] = {DType::f32, DType::f64, DType::i32, DType::i64, DType::boolean, DType::u8};
  return kTypes[static_cast<size_t>(type)];
}

Type type_of(DType dtype) {
  constexpr Type kTypes[] = {Type::f32, Type::f64, Type::i32, Type::i64, Type::boolean, Type::u8};
  return kTypes[static_cast<size_t>(dtype)];
}

Result<runtime::Dataset> borrow_rows(const Arrays& arrays, std::span<const runtime::ModelColumn> columns,
                                     std::span<const std::string> needed, Diagnostics& diagnostics) {
  Borrower borrower(columns, diagnostics);
  bool good = true;
  for (const Array& array : arrays) good = borrower.add(array) && good;
  for (const std::string& name : needed)
    if (std::ranges::find(arrays, name, &Array::name) == arrays.end()) good = borrower.has(name) && good;
  if (!good) return Failure();
  return borrower.take();
}

}  // namespace nnc
