// Values of a table's fields: what is fitted on the training part, and the arrays; see bind.h.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <set>

#include "fmt/format.h"
#include "runtime/bind.h"
#include "support/suggest.h"

namespace nnc::runtime {
namespace {

constexpr int64_t kShownErrors = 3;

std::string shorten(std::string_view text) {
  if (text.size() <= 40) return std::string(text);
  size_t end = 37;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return std::string(text.substr(0, end)) + "…";
}

// Counts faults of one kind and shows the first few, so that a wholly wrong file does not fill the screen.
struct Faults {
  int64_t count = 0;
  bool show() { return ++count <= kShownErrors; }
};

// Fills one column; holds what its faults have in common.
class Filler {
 public:
  Filler(const Table& table, const ModelColumn& column, const InputSpec& spec, const FittedInput& input,
         Diagnostics& diagnostics)
      : table_(table),
        column_(column),
        spec_(spec),
        input_(input),
        diagnostics_(diagnostics),
        labels_(column, spec.first) {}

  Result<ColumnData> run(std::span<const uint32_t> rows) {
    ColumnData data;
    data.column = column_;
    data.row_elements = element_count(column_.shape);
    data.bytes.resize(rows.size() * static_cast<size_t>(data.row_bytes()));
    const bool categorical = spec_.auto_categories || !spec_.categories.empty();
    unsigned char* to = data.bytes.data();
    for (const uint32_t row : rows) {
      if (categorical)
        put_category(row, to);
      else
        for (size_t k = 0; k < input_.positions.size(); ++k)
          put_number(row, k, to + k * element_size(column_.dtype));
      to += data.row_bytes();
    }
    finish();
    if (!good_) return Failure{};
    return data;
  }

 private:
  void put(double value, unsigned char* to) {
    const auto store = [&](auto typed) { std::memcpy(to, &typed, sizeof typed); };
    switch (column_.dtype) {
      case ElementType::f32:
        return store(static_cast<float>(value));
      case ElementType::f64:
        return store(value);
      case ElementType::i32:
        return store(static_cast<int32_t>(static_cast<int64_t>(value)));
      case ElementType::i64:
        return store(static_cast<int64_t>(value));
      case ElementType::boolean:
      case ElementType::u8:
        return store(static_cast<unsigned char>(value));
    }
  }

  void bad_number(uint32_t row, size_t k, const std::string& what) {
    good_ = false;
    if (!not_numbers_.show()) return;
    const std::string_view text = table_.field(row, input_.positions[k]);
    Diagnostic& d = diagnostics_.error_at(
        DiagnosticKind::data_not_a_number, table_.location(row),
        fmt::format("{}: '{}' {}", table_.column_name(input_.positions[k]), shorten(text), what));
    if (row == 0 && !table_.header)
      d.suggest("if the first line is no data, data.skip = 1 leaves it out");
    else if (std::count(text.begin(), text.end(), ',') == 1)
      d.suggest("numbers are written with a point");
    else if (input_.positions.size() == 1 && what == "is not a number")
      d.suggest(fmt::format("input.{}.categories = \"auto\" numbers its values", column_.name));
    else if (what == "is not a number")
      d.suggest(fmt::format("data.ignore = [\"{}\"] leaves the column out",
                            table_.column_name(input_.positions[k])));
  }

  void missing(uint32_t row, size_t k) {
    good_ = false;
    if (missing_.count++ == 0) {
      first_missing_row_ = row;
      first_missing_field_ = k;
    }
  }

  void put_number(uint32_t row, size_t k, unsigned char* to) {
    FieldValue value = read_field(table_.field(row, input_.positions[k]));
    if (value.kind == FieldKind::text) return bad_number(row, k, "is not a number");
    if (value.kind == FieldKind::missing) {
      if (input_.missing.empty()) return missing(row, k);
      value.number = input_.missing[k];
    }
    double x = value.number;
    switch (column_.dtype) {
      case ElementType::f32:
      case ElementType::f64: {
        x = scaled(x, spec_);
        if (!input_.mean.empty()) x = (x - input_.mean[k]) / input_.std[k];
        if (column_.dtype == ElementType::f32 && !(std::abs(x) <= std::numeric_limits<float>::max()))
          return bad_number(row, k, "is too large for f32");
        return put(x, to);
      }
      case ElementType::boolean:
        if (x != 0 && x != 1) return bad_number(row, k, "is neither 0 nor 1");
        return put(x, to);
      case ElementType::u8:
        if (x != std::floor(x) || x < 0 || x > 255)
          return bad_number(row, k, "is no whole number from 0 to 255");
        return put(x, to);
      case ElementType::i32:
      case ElementType::i64:
        if (x != std::floor(x)) return bad_number(row, k, "is not a whole number");
        if (std::abs(x) > std::numeric_limits<int32_t>::max()) return bad_number(row, k, "is too large");
        if (column_.classes > 0 || spec_.first != 0) labels_.add(x, row);
        return put(x - static_cast<double>(spec_.first), to);
    }
  }

  void put_category(uint32_t row, unsigned char* to) {
    std::string_view text = table_.field(row, input_.positions[0]);
    if (read_field(text).kind == FieldKind::missing && !known(text)) {
      if (spec_.missing.empty()) return missing(row, 0);
      text = spec_.missing;
    }
    const auto found = std::find(input_.categories.begin(), input_.categories.end(), text);
    if (found == input_.categories.end()) {
      good_ = false;
      if (!unknown_.show()) return;
      Diagnostic& d = diagnostics_.error_at(
          DiagnosticKind::data_unknown_category, table_.location(row),
          fmt::format("{}: '{}' is not among its {} categories", table_.column_name(input_.positions[0]),
                      shorten(text), input_.categories.size()));
      if (const auto near = suggest(text, input_.categories))
        d.suggest(fmt::format("did you mean {}?", *near));
      else if (spec_.auto_categories)
        d.note("they were found in the training part");
      return;
    }
    const auto index = found - input_.categories.begin();
    if (column_.dtype == ElementType::f32) {  // one-hot
      const float one = 1;
      std::memcpy(to + index * 4, &one, 4);
    } else {
      put(static_cast<double>(index), to);
    }
  }

  bool known(std::string_view text) const {
    return std::find(input_.categories.begin(), input_.categories.end(), text) != input_.categories.end();
  }

  void finish() {
    if (missing_.count > 0) {
      Diagnostic& d = diagnostics_.error_at(
          DiagnosticKind::data_missing_value, table_.location(first_missing_row_),
          fmt::format("{} is empty", table_.column_name(input_.positions[first_missing_field_])));
      if (missing_.count > 1) d.note(fmt::format("{} fields of {} are empty", missing_.count, column_.name));
      const bool categorical = spec_.auto_categories || !spec_.categories.empty();
      const bool whole = column_.dtype != ElementType::f32 && column_.dtype != ElementType::f64;
      d.suggest(categorical ? fmt::format("input.{}.missing = \"unknown\" makes it a category", column_.name)
                : whole     ? fmt::format("input.{}.missing = a number, or leave the row out", column_.name)
                            : fmt::format("input.{}.missing = \"mean\", or a number", column_.name));
    }
    const auto more = [&](const Faults& faults, DiagnosticKind kind, const char* what) {
      if (faults.count > kShownErrors)
        diagnostics_.error_at(
            kind, table_.path,
            fmt::format("{} more fields of {} {}", faults.count - kShownErrors, column_.name, what));
    };
    more(not_numbers_, DiagnosticKind::data_not_a_number, "cannot be read");
    more(unknown_, DiagnosticKind::data_unknown_category, "are unknown categories");
    if (!labels_.good()) {
      good_ = false;
      labels_.report(table_.location(labels_.bad_row()), diagnostics_);
    }
  }

  const Table& table_;
  const ModelColumn& column_;
  const InputSpec& spec_;
  const FittedInput& input_;
  Diagnostics& diagnostics_;
  LabelCheck labels_;
  Faults not_numbers_, missing_, unknown_;
  uint32_t first_missing_row_ = 0;
  size_t first_missing_field_ = 0;
  bool good_ = true;
};

// Distinct values of a field in these rows: numbers by size if all are numbers, else by their bytes.
std::vector<std::string> find_categories(const Table& table, std::span<const uint32_t> rows,
                                         int64_t position) {
  std::set<std::string, std::less<>> seen;
  bool numbers = true;
  for (const uint32_t row : rows) {
    const std::string_view text = table.field(row, position);
    const FieldKind kind = read_field(text).kind;
    if (kind == FieldKind::missing) continue;
    numbers = numbers && kind == FieldKind::number;
    if (seen.find(text) == seen.end()) seen.emplace(text);
  }
  std::vector<std::string> out(seen.begin(), seen.end());
  if (numbers)
    std::stable_sort(out.begin(), out.end(), [](const std::string& a, const std::string& b) {
      return read_field(a).number < read_field(b).number;
    });
  return out;
}

}  // namespace

double gap_number(const std::string& text) {
  double value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

void fit_input(const Table& table, std::span<const uint32_t> rows, const InputSpec& spec,
               FittedInput& input) {
  if (spec.auto_categories || !spec.categories.empty()) {
    input.categories =
        spec.auto_categories ? find_categories(table, rows, input.positions[0]) : spec.categories;
    if (!spec.missing.empty() &&
        std::find(input.categories.begin(), input.categories.end(), spec.missing) == input.categories.end())
      input.categories.push_back(spec.missing);
    return;
  }
  const size_t fields = input.positions.size();
  const auto each = [&](size_t k, auto use) {
    for (const uint32_t row : rows) use(read_field(table.field(row, input.positions[k])));
  };
  if (!spec.missing.empty()) {
    input.missing.assign(fields, 0);
    for (size_t k = 0; k < fields; ++k) {
      if (spec.missing != "mean") {
        input.missing[k] = gap_number(spec.missing);
        continue;
      }
      double sum = 0;
      int64_t count = 0;
      each(k, [&](const FieldValue& v) {
        if (v.kind != FieldKind::number) return;
        sum += v.number;
        ++count;
      });
      input.missing[k] = count > 0 ? sum / static_cast<double>(count) : 0;
    }
  }
  if (!spec.standardize) return;
  input.mean.assign(fields, 0);
  input.std.assign(fields, 1);
  for (size_t k = 0; k < fields; ++k) {
    const auto value = [&](const FieldValue& v) {
      return scaled(v.kind == FieldKind::missing && !input.missing.empty() ? input.missing[k] : v.number,
                    spec);
    };
    double sum = 0, squares = 0;
    each(k, [&](const FieldValue& v) { sum += value(v); });
    const double mean = sum / static_cast<double>(rows.size());
    each(k, [&](const FieldValue& v) { squares += (value(v) - mean) * (value(v) - mean); });
    const double std = std::sqrt(squares / static_cast<double>(rows.size()));
    input.mean[k] = mean;
    input.std[k] = std > 0 ? std : 1;  // a constant column becomes zeros
  }
}

Result<ColumnData> fill_column(const Table& table, std::span<const uint32_t> rows, const ModelColumn& column,
                               const InputSpec& spec, const FittedInput& input, Diagnostics& diagnostics) {
  const bool categorical = spec.auto_categories || !spec.categories.empty();
  const auto count = static_cast<int64_t>(input.categories.size());
  const auto fields = static_cast<int64_t>(input.positions.size());
  if (fields != (categorical ? 1 : element_count(column.shape))) {
    diagnostics.error_at(DiagnosticKind::data_columns, table.path,
                         fmt::format("{}: {} does not fit the {} columns it was trained with", column.name,
                                     describe_column(column), fields));
    return Failure{};
  }
  if (categorical) {
    const bool one_hot = column.dtype == ElementType::f32;
    const int64_t room = one_hot ? element_count(column.shape) : column.classes;
    if ((one_hot && room != count) || (!one_hot && room > 0 && count > room)) {
      Diagnostic& d = diagnostics.error_at(DiagnosticKind::data_columns, table.path,
                                           fmt::format("{} has {} categories, the model has room for {}",
                                                       table.column_name(input.positions[0]), count, room));
      if (column.span.valid()) d.label(column.span, "its type is given here");
      d.suggest("an argument of the model may be \"auto\" in [args]");
      return Failure{};
    }
    if (!one_hot && element_count(column.shape) != 1) {
      diagnostics.error_at(DiagnosticKind::data_columns, table.path,
                           fmt::format("{} has categories: it must be i32[batch] or f32[batch, {}], not {}",
                                       column.name, count, describe_column(column)));
      return Failure{};
    }
  }
  return Filler(table, column, spec, input, diagnostics).run(rows);
}

}  // namespace nnc::runtime
