// Prediction: runs predict.NAME over rows, and prints them as CSV or JSON; see trainer.h.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "fmt/format.h"
#include "nlohmann/json.hpp"
#include "runtime/training/largest.h"
#include "runtime/training/trainer.h"
#include "support/dtype.h"
#include "support/plural.h"

namespace nnc::runtime {
namespace {

// Writes predictions row by row; see trainer.h.
class RowWriter {
 public:
  RowWriter(const std::string& output, const Dataset& data, const PredictionForm& form)
      : output_(output), data_(data), form_(form) {}

  // `count` rows of the output, which begin at row `first`, are added to the text.
  void add(const TensorInfo& result, int64_t first, int64_t count, const unsigned char* values) {
    per_row_ = 1;
    for (size_t i = 1; i < result.shape.size(); ++i) per_row_ *= static_cast<size_t>(result.shape[i]);
    if (first == 0) form_.json ? put("[") : header(result);
    const size_t size = dtype_size(result.dtype);
    for (int64_t r = 0; r < count; ++r) {
      row_.clear();
      for (size_t k = 0; k < per_row_; ++k)
        row_.push_back(number(values + (static_cast<size_t>(r) * per_row_ + k) * size, result.dtype));
      look(first + r);
      form_.json ? json(first + r, result) : csv(first + r);
    }
    rows_ = first + count;
  }
  void finish() {
    if (form_.json) put("\n]\n");
  }
  void warn(Diagnostics& diagnostics) const { not_finite_.warn(output_, rows_, has_classes(), diagnostics); }
  fmt::memory_buffer& text() { return text_; }

 private:
  // The value, and as it is written.
  struct Number {
    double value = 0;
    std::string text;
  };
  static Number number(const unsigned char* from, DType type) {
    return with_element(type, [&](auto value) {
      std::memcpy(&value, from, sizeof value);
      const auto wide = static_cast<double>(value);
      return Number{wide, std::isnan(wide) ? "nan" : fmt::format("{}", value)};
    });
  }

  void put(std::string_view text) { text_.append(text); }
  // A field of CSV: in quotes where it must be.
  void put_field(const std::string& text) {
    if (text.find_first_of(",\"\r\n") == std::string::npos) return put(text);
    put("\"");
    for (const char c : text) put(c == '"' ? std::string_view("\"\"") : std::string_view(&c, 1));
    put("\"");
  }

  bool has_classes() const { return !form_.classes.empty() && form_.classes.size() == per_row_; }
  // Which class the row is of, if it has any.
  void look(int64_t row) {
    best_ = has_classes() ? place_of_largest(row_, &Number::value) : std::nullopt;
    const bool finite =
        std::all_of(row_.begin(), row_.end(), [](const Number& x) { return std::isfinite(x.value); });
    if (has_classes() ? !best_ : !finite) not_finite_.add(row);
  }

  void header(const TensorInfo& result) {
    put("row");
    for (const TextColumn& column : data_.kept) put(","), put_field(column.name);
    for (size_t k = 0; k < per_row_; ++k) {
      put(",");
      if (result.shape.size() <= 1)
        put_field(output_);
      else
        put_field(fmt::format("{}.{}", output_, has_classes() ? form_.classes[k] : std::to_string(k)));
    }
    put(has_classes() ? ",class\n" : "\n");
  }

  void csv(int64_t row) {
    put(std::to_string(row));
    for (const TextColumn& column : data_.kept) put(","), put_field(column.values[static_cast<size_t>(row)]);
    for (const Number& x : row_) put(","), put(x.text);
    if (has_classes()) put(",");
    if (best_) put_field(form_.classes[*best_]);
    put("\n");
  }

  // The values from `at` on as lists within lists, by the axes from `axis` on.
  std::string nested(const TensorInfo& result, size_t axis, size_t& at) const {
    if (axis >= result.shape.size()) {
      const Number& x = row_[at++];
      return std::isfinite(x.value) ? x.text : "null";
    }
    std::string out = "[";
    for (int64_t i = 0; i < result.shape[axis]; ++i)
      out += (i == 0 ? "" : ", ") + nested(result, axis + 1, at);
    return out + "]";
  }

  static std::string quoted(const std::string& text) {
    return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }

  void json(int64_t row, const TensorInfo& result) {
    put(fmt::format("{}\n  {{\"row\": {}", row == 0 ? "" : ",", row));
    for (const TextColumn& column : data_.kept)
      put(fmt::format(", {}: {}", quoted(column.name), quoted(column.values[static_cast<size_t>(row)])));
    size_t at = 0;
    put(fmt::format(", {}: ", quoted(output_)));
    if (has_classes()) {
      for (; at < per_row_; ++at)
        put(fmt::format("{}{}: {}", at == 0 ? "{" : ", ", quoted(form_.classes[at]),
                        std::isfinite(row_[at].value) ? row_[at].text : "null"));
      put(fmt::format("}}, \"class\": {}", best_ ? quoted(form_.classes[*best_]) : "null"));
    } else {
      put(nested(result, 1, at));
    }
    put("}");
  }

  const std::string& output_;
  const Dataset& data_;
  const PredictionForm& form_;
  size_t per_row_ = 1;
  std::vector<Number> row_;
  std::optional<size_t> best_;
  int64_t rows_ = 0;
  NotFinite not_finite_;
  fmt::memory_buffer text_;
};

}  // namespace

void NotFinite::warn(const std::string& output, int64_t of, bool classes, Diagnostics& diagnostics) const {
  if (rows == 0) return;
  Diagnostic& d = diagnostics.warning_at(
      DiagnosticKind::prediction_not_finite, output,
      fmt::format("is not finite in {} of {}, the first is row {}", rows, plural(of, "row"), first));
  if (classes) d.note(rows == 1 ? "it has no class" : "they have no class");
  d.suggest("look at the values of such a row: one far from those of the training overflows");
}

Status predict_rows(Session& session, const std::string& output, const Dataset& data,
                    const RowsFunction& consume, Diagnostics& diagnostics) {
  const Bundle& bundle = session.bundle();
  const EntryPoint* entry = bundle.find("predict." + output);
  const TensorInfo* result = nullptr;
  for (const TensorInfo& t : bundle.tensors)
    if (t.name == output && t.role == TensorRole::output) result = &t;
  const auto fail = [&](std::string message) {
    diagnostics.error_at(DiagnosticKind::missing_program, "predict." + output, std::move(message));
    return Failure{};
  };
  if (entry == nullptr || result == nullptr) return fail("the bundle has no such program");
  if (entry->inputs.empty()) {
    const int64_t rows = result->shape.empty() ? 1 : result->shape[0];
    std::vector<unsigned char> values(result->bytes);
    session.run(*entry, nullptr);
    read_tensor(*result, session.state(), values.data());
    static_cast<void>(consume(*result, 0, rows, values.data()));
    return Done{};
  }
  if (result->shape.empty()) return fail("the output has no rows: it is one number for the whole batch");
  const int64_t batch = result->shape[0];

  std::vector<const ColumnData*> columns;
  std::vector<AlignedBytes> staging;
  std::vector<const unsigned char*> pointers;
  for (const InputInfo& input : entry->inputs) {
    const ColumnData* column = data.find(input.name);
    if (column == nullptr) return fail(fmt::format("takes {}, which is not in the data", input.name));
    int64_t elements = 1;
    for (const int64_t size : input.shape) elements *= size;
    if (input.dtype != column->column.dtype || input.shape.empty() || input.shape[0] != batch ||
        elements != batch * column->row_elements)
      return fail(fmt::format("takes {} as {}[{}], the data has rows of {} {}", input.name,
                              dtype_name(input.dtype), fmt::join(input.shape, ", "), column->row_elements,
                              dtype_name(column->column.dtype)));
    columns.push_back(column);
    staging.emplace_back(static_cast<size_t>(batch * column->row_bytes()));
  }
  for (const AlignedBytes& buffer : staging) pointers.push_back(buffer.data());

  int64_t per_row = 1;
  for (size_t i = 1; i < result->shape.size(); ++i) per_row *= result->shape[i];
  const size_t size = dtype_size(result->dtype);
  std::vector<unsigned char> logical(static_cast<size_t>(batch * per_row) * size);
  for (int64_t first = 0; first < data.rows; first += batch) {
    const int64_t rows = std::min(batch, data.rows - first);
    for (size_t i = 0; i < columns.size(); ++i) {
      const int64_t row_bytes = columns[i]->row_bytes();
      copy_rows(*columns[i], first, rows, staging[i].data());
      for (int64_t r = rows; r < batch; ++r)
        copy_rows(*columns[i], first + rows - 1, 1, staging[i].data() + r * row_bytes);
    }
    session.run(*entry, pointers.data());
    read_tensor(*result, session.state(), logical.data());
    if (!consume(*result, first, rows, logical.data())) break;
  }
  return Done{};
}

Status predict(Session& session, const std::string& output, const Dataset& data, std::FILE* to,
               Diagnostics& diagnostics, const PredictionForm& form) {
  RowWriter writer(output, data, form);
  const auto flush = [&] {
    fmt::memory_buffer& text = writer.text();
    const bool written = std::fwrite(text.data(), 1, text.size(), to) == text.size();
    text.clear();
    return written;
  };
  const auto print = [&](const TensorInfo& result, int64_t first, int64_t rows, const unsigned char* values) {
    writer.add(result, first, rows, values);
    return flush();
  };
  if (!predict_rows(session, output, data, print, diagnostics)) return Failure{};
  writer.finish();
  writer.warn(diagnostics);
  if (flush() && std::fflush(to) == 0 && std::ferror(to) == 0) return Done{};
  diagnostics.error_at(DiagnosticKind::write_failed, form.where, "cannot be written to");
  return Failure{};
}

}  // namespace nnc::runtime
