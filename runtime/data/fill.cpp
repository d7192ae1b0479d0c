// The values of a table's fields as arrays, as they were fitted (fit.cpp); see bind.h.
#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>

#include "fmt/format.h"
#include "runtime/data/alphabet.h"
#include "runtime/data/bind.h"
#include "runtime/formats/table_guess.h"
#include "runtime/run_file/settings.h"
#include "support/plural.h"
#include "support/suggest.h"

namespace nnc::runtime {
namespace {

constexpr int64_t kShownErrors = 3;
constexpr const char* kFirstLine = "if the first line is not data, data.skip = 1 skips it";

std::string shorten(std::string_view text) {
  if (text.size() <= 40) return std::string(text);
  size_t end = 37;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return std::string(text.substr(0, end)) + "…";
}

// "data.decimal = \",\" reads it as 1.5", "without data.thousands it is 1.5": what must change in the run file for `format`.
std::string describe_change(std::string_view text, const NumberFormat& is, const NumberFormat& format) {
  std::vector<std::string> set, left_out;
  const auto compare = [&](const char* key, const std::string& was, const std::string& value,
                           const char* standard) {
    if (value == was) return;
    if (value == standard)
      left_out.push_back(key);
    else
      set.push_back(fmt::format("{} = {}", key, quote(value)));
  };
  compare("data.decimal", {is.decimal}, {format.decimal}, ".");
  compare("data.thousands", is.thousands, format.thousands, "");
  if (format.units.size() != is.units.size()) {
    std::vector<std::string> units;
    for (const std::string& unit : format.units) units.push_back(quote(unit));
    set.push_back(fmt::format("data.units = [{}]", fmt::join(units, ", ")));
  }
  const double number = read_field(text, format).number;
  if (set.empty()) return fmt::format("without {} it is {}", fmt::join(left_out, " and "), number);
  return fmt::format("{}{}{} reads it as {}", fmt::join(set, ", "), left_out.empty() ? "" : " without ",
                     fmt::join(left_out, " and "), number);
}

// The keys that would read such a text as a number; empty if there are none.
std::string find_notation(std::string_view text, const NumberFormat& is) {
  std::vector<std::string> units = is.units;
  for (const std::string& unit : common_units())
    if (text.find(unit) != std::string_view::npos &&
        std::find(units.begin(), units.end(), unit) == units.end())
      units.push_back(unit);
  std::string found;
  const auto reads = [&](const NumberFormat& format) {
    if (read_field(text, format).kind != FieldKind::number) return false;
    found += (found.empty() ? "" : "; ") + describe_change(text, is, format);
    return true;
  };
  const Notations common = common_notations(units);
  if (reads(common.plain)) return found;
  reads(common.thousands);
  reads(common.decimal_comma);
  if (found.empty()) reads(common.both);
  return found;
}

// Whether a text in a column of numbers may mark a missing value: punctuation, or a word for it.
bool is_mark(std::string_view text) {
  text = trim(text);
  if (std::none_of(text.begin(), text.end(),
                   [](unsigned char c) { return c >= 0x80 || std::isalnum(c) != 0; }))
    return true;
  std::string word(text);
  std::transform(word.begin(), word.end(), word.begin(), [](unsigned char c) { return std::tolower(c); });
  const auto words = {"na", "n.a.", "none", "nil", "missing", "unknown"};
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::string shorten_list(std::vector<std::string> names) {
  constexpr size_t kMost = 12;
  const bool more = names.size() > kMost;
  if (more) names.resize(kMost);
  return fmt::format("{}{}", fmt::join(names, ", "), more ? ", …" : "");
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
         bool trained, Diagnostics& diagnostics)
      : table_(table),
        column_(column),
        spec_(spec),
        input_(input),
        diagnostics_(diagnostics),
        trained_(trained),
        labels_(column, spec.first),
        alphabet_(input.categories),
        category_of_(input.positions.size()),
        unexpected_(input.positions.size()) {}

  Result<ColumnData> run(std::span<const uint32_t> rows) {
    ColumnData data;
    data.column = column_;
    data.row_elements = element_count(column_.shape);
    data.bytes.resize(rows.size() * static_cast<size_t>(data.row_bytes()));
    unsigned char* to = data.bytes.data();
    for (const uint32_t row : rows) {
      put_row(row, to);
      to += data.row_bytes();
    }
    finish();
    for (size_t k = 0; k < unexpected_.size(); ++k) warn_of_unexpected(k, rows.size());
    if (!good_) return Failure{};
    return data;
  }

 private:
  // The categories of a field, null of one that is a number.
  const std::vector<std::string>* categories_of(size_t k) const {
    if (input_.blocks.empty()) return spec_.categorical() ? &input_.categories : nullptr;
    return input_.blocks[k].empty() ? nullptr : &input_.blocks[k];
  }

  // The text's characters from 1, then zeros.
  void put_text(uint32_t row, unsigned char* to) {
    std::string_view text = table_.field(row, input_.positions[0]);
    if (table_.value(row, input_.positions[0]).kind == FieldKind::missing) {
      if (!spec_.missing_text) return missing(row, 0);
      text = *spec_.missing_text;
    }
    const std::vector<std::string_view> pieces = alphabet_.pieces(text);
    const auto room = static_cast<size_t>(column_.shape[0]);
    if (pieces.size() > room) {
      good_ = false;
      if (!too_long_.show()) return;
      diagnostics_
          .error_at(DiagnosticKind::data_columns, table_.location(row),
                    fmt::format("{}: '{}' has {}, {} has room for {}",
                                table_.column_name(input_.positions[0]), shorten(text),
                                plural(static_cast<int64_t>(pieces.size()),
                                       alphabet_.is_bytes() ? "byte" : "character"),
                                column_.name, room))
          .suggest("a longer axis in the model");
      return;
    }
    for (const std::string_view piece : pieces) {
      const int32_t number = alphabet_.number(piece);
      if (number < 0) {
        good_ = false;
        if (!unknown_.show()) return;
        diagnostics_.error_at(DiagnosticKind::data_unknown_category, table_.location(row),
                              fmt::format("{}: {} is in no text of the training part",
                                          table_.column_name(input_.positions[0]), quoted_piece(piece)));
        return;
      }
      write_element(column_.dtype, to, number + 1);
      to += dtype_size(column_.dtype);
    }
  }

  void put_row(uint32_t row, unsigned char* to) {
    if (!spec_.text.empty()) return put_text(row, to);
    for (size_t k = 0; k < input_.positions.size(); ++k) {
      const std::vector<std::string>* categories = categories_of(k);
      if (categories == nullptr)
        put_number(row, k, to);
      else
        put_category(row, k, *categories, to);
      to += (categories == nullptr ? 1 : categories->size()) * dtype_size(column_.dtype);
    }
  }

  void bad_number(uint32_t row, size_t k, const std::string& what) {
    good_ = false;
    if (!not_numbers_.show()) return;
    const std::string_view text = table_.field(row, input_.positions[k]);
    Diagnostic& d = diagnostics_.error_at(
        DiagnosticKind::data_not_a_number, table_.location(row),
        fmt::format("{}: '{}' {}", table_.column_name(input_.positions[k]), shorten(text), what));
    if (what == "is not a number")
      help_with_text(d, row, k, text);
    else if (row == 0 && !table_.header && !trained_)
      d.suggest(kFirstLine);
  }

  void help_with_text(Diagnostic& d, uint32_t row, size_t k, std::string_view text) {
    const std::string notation = find_notation(text, table_.numbers);
    if (trained_) {  // other keys would make another run
      if (!notation.empty())
        d.suggest(fmt::format("write it as in the training file, with a decimal {}{}",
                              table_.numbers.decimal == ',' ? "comma" : "point",
                              table_.numbers.units.empty() ? " and no unit" : ""));
      else if (is_mark(text) && !input_.missing.empty())
        d.suggest("if it marks a missing value: leave the field empty");
    } else if (!notation.empty()) {
      d.suggest(notation);
    } else if (row == 0 && !table_.header) {
      d.suggest(kFirstLine);
    } else if (is_mark(text)) {
      d.suggest(
          fmt::format("if it marks a missing value: data.missing_values = [{}]", missing_values(trim(text))));
    } else if (input_.positions.size() == 1) {
      d.suggest(fmt::format("input.{}.categories = \"auto\" numbers its values", column_.name));
    } else {
      d.suggest(
          fmt::format("data.ignore = [{}] leaves the column out", table_.column_ref(input_.positions[k])));
    }
  }

  // The spellings of gaps that the run file gives, and one more.
  std::string missing_values(std::string_view more) const {
    std::string out;
    if (table_.numbers.missing_values)
      for (const std::string& text : *table_.numbers.missing_values) out += quote(text) + ", ";
    return out + quote(more);
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
      case DType::f32:
      case DType::f64: {
        x = scaled(x, spec_);
        if (!input_.mean.empty()) x = (x - input_.mean[k]) / input_.std[k];
        if (column_.dtype == DType::f32 && !(std::abs(x) <= std::numeric_limits<float>::max()))
          return bad_number(row, k, "is too large for f32");
        if (!std::isfinite(x)) return bad_number(row, k, "is too large for f64");
        return write_element(column_.dtype, to, x);
      }
      case DType::boolean:
        if (x != 0 && x != 1) return bad_number(row, k, "is neither 0 nor 1");
        return write_element(column_.dtype, to, x);
      case DType::u8:
        if (x != std::floor(x) || x < 0 || x > 255)
          return bad_number(row, k, "is not a whole number from 0 to 255");
        return write_element(column_.dtype, to, x);
      case DType::i32:
      case DType::i64:
        if (x != std::floor(x)) return bad_number(row, k, "is not a whole number");
        if (std::abs(x) > std::numeric_limits<int32_t>::max()) return bad_number(row, k, "is too large");
        if (column_.classes > 0 || spec_.first != 0) labels_.add(x, row);
        return write_element(column_.dtype, to, x - static_cast<double>(spec_.first));
    }
  }

  void put_category(uint32_t row, size_t k, const std::vector<std::string>& categories, unsigned char* to) {
    const std::string_view text = table_.field(row, input_.positions[k]);
    int64_t index = find_category(text, k, categories);
    if (index < 0 && table_.value(row, input_.positions[k]).kind == FieldKind::missing) {
      if (spec_.missing.empty()) return missing(row, k);
      index = find_category(gap_category(spec_, !input_.blocks.empty()), k, categories);
    }
    if (index < 0 && !spec_.unknown.empty()) {
      if (unexpected_[k].count++ == 0) unexpected_[k].first = table_.field(row, input_.positions[k]);
      if (spec_.unknown == "ignore" && column_.dtype == DType::f32) return;  // zeros
      index = find_category(spec_.unknown, k, categories);
    }
    if (index < 0) return unknown(row, k, categories);
    if (column_.dtype == DType::f32) {  // one-hot
      const float one = 1;
      std::memcpy(to + index * 4, &one, 4);
    } else {
      write_element(column_.dtype, to, static_cast<double>(index));
    }
  }

  // The category of this name, else the one of an equal number; -1 if there is none. Each text is searched for once.
  int64_t find_category(std::string_view text, size_t k, const std::vector<std::string>& all) {
    auto& known = category_of_[k];
    if (const auto place = known.find(text); place != known.end()) return place->second;
    auto found = std::find(all.begin(), all.end(), text);
    if (found == all.end())
      found = std::find_if(all.begin(), all.end(), [&](const std::string& name) {
        return is_same_value(name, text, table_.numbers);
      });
    return known[std::string(text)] = found == all.end() ? -1 : found - all.begin();
  }

  void unknown(uint32_t row, size_t k, const std::vector<std::string>& categories) {
    good_ = false;
    if (!unknown_.show()) return;
    const std::string_view text = table_.field(row, input_.positions[k]);
    const size_t count = categories.size();
    Diagnostic& d = diagnostics_.error_at(
        DiagnosticKind::data_unknown_category, table_.location(row),
        fmt::format("{}: '{}' is not {}", table_.column_name(input_.positions[k]), shorten(text),
                    count == 1 ? "its only category" : fmt::format("among its {} categories", count)));
    if (spec_.categories.empty()) d.note("they were found in the training part");
    if (const auto near = suggest(text, categories))
      d.suggest(fmt::format("did you mean {}?", *near));
    else if (column_.dtype == DType::f32)
      d.suggest(way_out(fmt::format("input.{}.unknown = \"ignore\"", column_.name),
                        " turns it into zeros, or the name of a category"));
    else
      d.suggest(way_out(fmt::format("input.{}.unknown = \"other\"", column_.name),
                        " puts unknown values into a category of their own"));
  }

  // Some unknown values are what input.NAME.unknown is for; many say that this is another kind of column.
  void warn_of_unexpected(size_t k, size_t rows) {
    constexpr int64_t kShare = 10;  // one row of so many
    if (unexpected_[k].count == 0 || kShare * unexpected_[k].count < static_cast<int64_t>(rows)) return;
    const std::vector<std::string>& categories = *categories_of(k);
    diagnostics_
        .warning_at(DiagnosticKind::data_unknown_category, table_.path,
                    fmt::format("{}: {} of {} values are not among its {}, the first is '{}'",
                                table_.column_name(input_.positions[k]), unexpected_[k].count, rows,
                                plural(static_cast<int64_t>(categories.size()), "category"),
                                shorten(unexpected_[k].first)))
        .note(fmt::format("the categories are {}", shorten_list(categories)));
  }

  // What a key of the run file would do; where the run is trained already, that is another run.
  std::string way_out(const std::string& key, const std::string& does) const {
    return trained_ ? "a run trained with " + key + does : key + does;
  }

  void report_gaps() {
    const int64_t position = input_.positions[first_missing_field_];
    const std::string_view text = trim(table_.field(first_missing_row_, position));
    Diagnostic& d = diagnostics_.error_at(
        DiagnosticKind::data_missing_value, table_.location(first_missing_row_),
        table_.column_name(position) + (text.empty() ? " is empty" : fmt::format(" is missing: {}", text)));
    if (missing_.count > 1) d.note(fmt::format("{} fields of {} are missing", missing_.count, column_.name));
    const std::string key = fmt::format("input.{}.missing = ", column_.name);
    // What a model is to predict is one value a row, and must be there.
    const bool one = input_.positions.size() == 1 && column_.shape.empty();
    const std::string first = one ? "leave the row out if it is to be predicted; else " : "";
    if (!spec_.text.empty())
      d.suggest(way_out(key + "\"\"", " takes it as an empty text, with nothing but zeros"));
    else if (categories_of(first_missing_field_) != nullptr)
      d.suggest(first + way_out(key + "\"unknown\"", " makes it a category"));
    else if (column_.dtype != DType::f32 && column_.dtype != DType::f64)
      d.suggest(trained_ ? "leave the row out" : "leave the row out, or " + key + "NUMBER");
    else
      d.suggest(first + way_out(key + "\"mean\", or a number", trained_ ? ", takes it" : ""));
  }

  void finish() {
    if (missing_.count > 0) report_gaps();
    const auto more = [&](const Faults& faults, DiagnosticKind kind, const char* one, const char* several) {
      const int64_t count = faults.count - kShownErrors;
      if (count > 0)
        diagnostics_.error_at(kind, table_.path,
                              fmt::format("{} of {} {}", plural(count, "more field"), column_.name,
                                          count == 1 ? one : several));
    };
    more(not_numbers_, DiagnosticKind::data_not_a_number, "cannot be read", "cannot be read");
    more(unknown_, DiagnosticKind::data_unknown_category, "is an unknown category", "are unknown categories");
    more(too_long_, DiagnosticKind::data_columns, "is too long", "are too long");
    if (!labels_.good()) {
      good_ = false;
      labels_.report(table_.location(labels_.bad_row()), trained_, true, diagnostics_);
    }
  }

  const Table& table_;
  const ModelColumn& column_;
  const InputSpec& spec_;
  const FittedInput& input_;
  Diagnostics& diagnostics_;
  const bool trained_;
  LabelCheck labels_;
  const Alphabet alphabet_;  // of a text
  Faults not_numbers_, missing_, unknown_, too_long_;
  std::vector<std::map<std::string, int64_t, std::less<>>> category_of_;  // per field
  struct Unexpected {
    int64_t count = 0;
    std::string first;
  };
  std::vector<Unexpected> unexpected_;  // per field: values that input.NAME.unknown stands in for
  uint32_t first_missing_row_ = 0;
  size_t first_missing_field_ = 0;
  bool good_ = true;
};

}  // namespace

Result<ColumnData> fill_column(const Table& table, std::span<const uint32_t> rows, const ModelColumn& column,
                               const InputSpec& spec, const FittedInput& input, bool trained,
                               Diagnostics& diagnostics) {
  const bool categorical = spec.categorical() && input.blocks.empty();
  const auto count = static_cast<int64_t>(input.categories.size());
  const auto fields = static_cast<int64_t>(input.positions.size());
  if (!spec.text.empty()) {
    const int64_t numbers = Alphabet(input.categories).size() + 1;  // with the one that fills up
    if (column.dtype == DType::i32 && column.shape.size() == 1 && fields == 1 &&
        (column.classes == 0 || column.classes >= numbers))
      return Filler(table, column, spec, input, trained, diagnostics).run(rows);
    const bool fits = column.dtype == DType::i32 && column.shape.size() == 1;
    Diagnostic& d = diagnostics.error_at(
        DiagnosticKind::data_columns, table.path,
        fits ? fmt::format(
                   "{}: its text needs {} numbers with the 0 that fills it up, the model has room for {}",
                   column.name, numbers, column.classes)
             : fmt::format("{} is a text: it must be i32[batch, length], not {}", column.name,
                           describe_column(column)));
    if (column.span.valid()) d.label(column.span, "its type is given here");
    if (fits) d.suggest("an argument of the model may be \"auto\" in [args]");
    return Failure{};
  }
  if (!input.blocks.empty()) {
    if (input.width() == element_count(column.shape))
      return Filler(table, column, spec, input, trained, diagnostics).run(rows);
    const auto with_categories =
        std::count_if(input.blocks.begin(), input.blocks.end(), [](const auto& b) { return !b.empty(); });
    Diagnostic& d = diagnostics.error_at(
        DiagnosticKind::data_columns, table.path,
        fmt::format("{} takes {} a row, but is given {}: {} of its {} {} categories", column.name,
                    plural(element_count(column.shape), "number"), input.width(), with_categories,
                    plural(fields, "column"), with_categories == 1 ? "holds" : "hold"));
    if (column.span.valid()) d.label(column.span, "its type is given here");
    d.note(fmt::format("they are {}", shorten_list(input.names())));
    d.suggest("an argument of the model may be \"auto\" in [args]");
    return Failure{};
  }
  if (fields != (categorical ? 1 : element_count(column.shape))) {
    diagnostics.error_at(DiagnosticKind::data_columns, table.path,
                         fmt::format("{}: {} does not fit the {} it was trained with", column.name,
                                     describe_column(column), plural(fields, "column")));
    return Failure{};
  }
  if (categorical) {
    const bool one_hot = column.dtype == DType::f32;
    const int64_t room = one_hot ? element_count(column.shape) : column.classes;
    if ((one_hot && room != count) || (!one_hot && room > 0 && count > room)) {
      Diagnostic& d = diagnostics.error_at(
          DiagnosticKind::data_columns, table.path,
          fmt::format("{} has {}, the model has room for {}", table.column_name(input.positions[0]),
                      plural(count, "category"), room));
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
  return Filler(table, column, spec, input, trained, diagnostics).run(rows);
}

}  // namespace nnc::runtime
