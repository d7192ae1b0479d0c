// Values of a table's fields: what is fitted on the training part, and the arrays; see bind.h.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <set>

#include "fmt/format.h"
#include "runtime/bind.h"
#include "runtime/moments.h"
#include "support/number_text.h"
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

// The keys that would read such a text as a number, empty if none would: it may be a decimal comma, or stand between
// thousands, or both.
std::string find_notation(std::string_view text) {
  const std::vector<std::string> units = {"$", "€", "£", "¥", "₩", "₹", "%"};
  std::string found;
  const auto reads = [&](const NumberFormat& format, std::string keys) {
    if (read_field(text, format).kind != FieldKind::number) return;
    for (const std::string& unit : units)
      if (text.find(unit) != std::string_view::npos)
        keys += fmt::format("{}data.units = [\"{}\"]", keys.empty() ? "" : ", ", unit);
    found +=
        (found.empty() ? "" : "; ") + fmt::format("{} reads it as {}", keys, read_field(text, format).number);
  };
  if (read_field(text, {'.', "", units}).kind == FieldKind::number) {
    reads({'.', "", units}, "");
    return found;
  }
  reads({'.', ",", units}, "data.thousands = \",\"");
  reads({',', "", units}, "data.decimal = \",\"");
  if (found.empty()) reads({',', ".", units}, "data.decimal = \",\", data.thousands = \".\"");
  return found;
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
    const bool no_number = what == "is not a number";
    if (const std::string notation = no_number ? find_notation(text) : ""; !notation.empty())
      d.suggest(notation);
    else if (row == 0 && !table_.header)
      d.suggest("if the first line is no data, data.skip = 1 leaves it out");
    else if (!no_number)
      return;
    else if (input_.positions.size() == 1)
      d.suggest(fmt::format("input.{}.categories = \"auto\" numbers its values", column_.name));
    else
      d.suggest(
          fmt::format("data.ignore = [{}] leaves the column out", table_.column_ref(input_.positions[k])));
  }

  void missing(uint32_t row, size_t k) {
    good_ = false;
    if (missing_.count++ == 0) {
      first_missing_row_ = row;
      first_missing_field_ = k;
    }
  }

  void put_number(uint32_t row, size_t k, unsigned char* to) {
    FieldValue value = table_.value(row, input_.positions[k]);
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
        if (!std::isfinite(x)) return bad_number(row, k, "is too large for f64");
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
    int64_t index = find_category(text);
    if (index < 0 && read_field(text).kind == FieldKind::missing) {
      if (spec_.missing.empty()) return missing(row, 0);
      text = spec_.missing;
      index = find_category(text);
    }
    if (index < 0) {
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
    if (column_.dtype == ElementType::f32) {  // one-hot
      const float one = 1;
      std::memcpy(to + index * 4, &one, 4);
    } else {
      put(static_cast<double>(index), to);
    }
  }

  // The category of this name, else the one of an equal number; -1 if there is none. Every text is looked for once.
  int64_t find_category(std::string_view text) {
    const auto known = category_of_.find(text);
    if (known != category_of_.end()) return known->second;
    const auto& all = input_.categories;
    auto found = std::find(all.begin(), all.end(), text);
    if (found == all.end())
      found = std::find_if(all.begin(), all.end(), [&](const std::string& name) {
        return is_same_value(name, text, table_.numbers);
      });
    return category_of_[std::string(text)] = found == all.end() ? -1 : found - all.begin();
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
  std::map<std::string, int64_t, std::less<>> category_of_;
  uint32_t first_missing_row_ = 0;
  size_t first_missing_field_ = 0;
  bool good_ = true;
};

// Distinct values of a field in these rows, as merge_equal() leaves them.
std::vector<std::string> find_categories(const Table& table, std::span<const uint32_t> rows,
                                         int64_t position) {
  std::set<std::string, std::less<>> seen;
  for (const uint32_t row : rows) {
    const std::string_view text = table.field(row, position);
    if (seen.find(text) == seen.end() && read_field(text).kind != FieldKind::missing) seen.emplace(text);
  }
  return merge_equal({seen.begin(), seen.end()}, table.numbers);
}

}  // namespace

std::vector<std::string> merge_equal(const std::vector<std::string>& names, const NumberFormat& format) {
  std::vector<std::string> texts;
  std::map<double, std::string> numbers;  // the shortest of those that say the same, of these the first
  for (const std::string& name : names) {
    const FieldValue value = read_field(name, format);
    if (value.kind != FieldKind::number) {
      texts.push_back(name);
      continue;
    }
    const auto [known, added] = numbers.try_emplace(value.number, name);
    if (!added && std::pair(name.size(), name) < std::pair(known->second.size(), known->second))
      known->second = name;
  }
  for (const auto& [number, name] : numbers) texts.push_back(name);
  if (texts.size() > numbers.size()) std::sort(texts.begin(), texts.end());
  return texts;
}

double gap_number(const std::string& text) {
  return read_number(text).value_or(0);
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
    for (const uint32_t row : rows) use(table.value(row, input.positions[k]));
  };
  if (!spec.missing.empty()) {
    input.missing.assign(fields, 0);
    for (size_t k = 0; k < fields; ++k) {
      if (spec.missing != "mean") {
        input.missing[k] = gap_number(spec.missing);
        continue;
      }
      Moments moments;
      each(k, [&](const FieldValue& v) {
        if (v.kind == FieldKind::number) moments.add(v.number);
      });
      input.missing[k] = moments.mean();
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
    Moments moments;
    each(k, [&](const FieldValue& v) { moments.add(value(v)); });
    each(k, [&](const FieldValue& v) { moments.add_square(value(v)); });
    input.mean[k] = moments.mean();
    input.std[k] = moments.std();
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
