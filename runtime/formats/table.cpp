// The CSV state machine; see table.h. Fields are unescaped in place: the text never grows.
#include "runtime/formats/table.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "fmt/format.h"
#include "runtime/file.h"
#include "runtime/formats/table_guess.h"
#include "runtime/run_file/settings.h"
#include "support/plural.h"

namespace nnc::runtime {
namespace {

constexpr size_t kShownErrors = 5;

struct RawRows {
  std::string text;
  std::vector<uint32_t> ends;
  std::vector<uint32_t> first_field;  // of each row
  std::vector<uint32_t> lines;

  size_t end(size_t row) const { return row + 1 < lines.size() ? first_field[row + 1] : ends.size(); }
  size_t width(size_t row) const { return end(row) - first_field[row]; }
  std::string_view field(size_t index) const {
    const uint32_t begin = index == 0 ? 0 : ends[index - 1];
    return std::string_view(text).substr(begin, ends[index] - begin);
  }
};

// Cuts the text into rows of fields. Fails on an open or badly closed quote.
class Splitter {
 public:
  Splitter(const std::string& path, std::string& text, size_t at, uint32_t line, char separator,
           const DataSpec& spec)
      : path_(path), text_(text), at_(at), line_(line), separator_(separator), spec_(spec) {}

  Result<RawRows> run(Diagnostics& diagnostics) {
    while (at_ < text_.size()) {
      if (is_comment_next()) skip_line();
      if (separator_ == ' ') skip_spaces();
      if (at_ < text_.size() && at_line_end()) {  // a blank line
        take_line_end();
        continue;
      }
      if (at_ >= text_.size()) break;
      rows_.first_field.push_back(static_cast<uint32_t>(rows_.ends.size()));
      rows_.lines.push_back(line_);
      if (!row(diagnostics)) return Failure{};
    }
    text_.resize(write_);
    rows_.text = std::move(text_);
    return std::move(rows_);
  }

 private:
  bool at_line_end() const { return text_[at_] == '\n' || text_[at_] == '\r'; }
  void take_line_end() {
    if (text_[at_] == '\r' && at_ + 1 < text_.size() && text_[at_ + 1] == '\n') ++at_;
    ++at_;
    ++line_;
  }
  bool is_comment_next() const {
    return !spec_.comment.empty() && is_comment(std::string_view(text_).substr(at_), spec_);
  }
  void skip_line() {
    while (at_ < text_.size() && !at_line_end()) ++at_;
  }
  void skip_spaces() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }
  bool at_separator() const { return separator_ == ' ' ? is_space(text_[at_]) : text_[at_] == separator_; }

  // Spaces around a field are no part of it; in quotes they are.
  void skip_margin() {
    while (at_ < text_.size() && is_space(text_[at_]) && !at_separator()) ++at_;
  }

  void plain() {
    const size_t begin = write_;
    while (at_ < text_.size() && !at_line_end() && !at_separator()) text_[write_++] = text_[at_++];
    while (write_ > begin && is_space(text_[write_ - 1])) --write_;
  }

  bool row(Diagnostics& diagnostics) {
    while (true) {
      skip_margin();
      if (at_ >= text_.size() || text_[at_] != '"')
        plain();
      else if (!quoted(diagnostics))
        return false;
      rows_.ends.push_back(static_cast<uint32_t>(write_));
      if (separator_ == ' ') skip_spaces();
      if (at_ >= text_.size()) return true;
      if (at_line_end()) {
        take_line_end();
        return true;
      }
      if (separator_ != ' ') ++at_;
      // A separator as the last character of the file still starts an (empty) field.
      if (at_ >= text_.size()) {
        rows_.ends.push_back(static_cast<uint32_t>(write_));
        return true;
      }
    }
  }

  bool quoted(Diagnostics& diagnostics) {
    const uint32_t opened = line_;
    ++at_;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '"') {
        if (at_ + 1 < text_.size() && text_[at_ + 1] == '"') {
          text_[write_++] = '"';
          at_ += 2;
          continue;
        }
        ++at_;
        skip_margin();
        if (at_ >= text_.size() || at_line_end() || at_separator()) return true;
        diagnostics
            .error_at(DiagnosticKind::data_format, fmt::format("{}:{}", path_, line_),
                      "text follows a closing quote")
            .suggest("a quote inside a quoted field is doubled: \"\"");
        return false;
      }
      if (c == '\n' || (c == '\r' && (at_ + 1 >= text_.size() || text_[at_ + 1] != '\n'))) ++line_;
      text_[write_++] = c;
      ++at_;
    }
    diagnostics.error_at(DiagnosticKind::data_format, fmt::format("{}:{}", path_, opened),
                         "a quote is opened here and never closed");
    return false;
  }

  const std::string& path_;
  std::string& text_;
  size_t at_;
  size_t write_ = 0;
  uint32_t line_;
  char separator_;
  const DataSpec& spec_;
  RawRows rows_;
};

// Cuts off the empty fields that a trailing separator makes, of the first line or of all others, where the first line has as
// many more or fewer fields than all others.
void cut_trailing_separator(RawRows& rows) {
  const size_t count = rows.lines.size();
  if (count < 2) return;
  const size_t first = rows.width(0), others = rows.width(1);
  for (size_t row = 1; row < count; ++row)
    if (rows.width(row) != others) return;
  if (first != others + 1 && others != first + 1) return;
  const bool of_first = first > others;
  for (size_t row = of_first ? 0 : 1; row < (of_first ? 1 : count); ++row)
    if (!rows.field(rows.end(row) - 1).empty()) return;
  std::vector<uint32_t> ends;
  for (size_t row = 0; row < count; ++row) {
    const size_t begin = rows.first_field[row], end = rows.end(row) - ((row == 0) == of_first ? 1 : 0);
    rows.first_field[row] = static_cast<uint32_t>(ends.size());
    ends.insert(ends.end(), rows.ends.begin() + static_cast<std::ptrdiff_t>(begin),
                rows.ends.begin() + static_cast<std::ptrdiff_t>(end));
  }
  rows.ends = std::move(ends);
}

// How many fields most rows have; reports those that have another number.
Result<int64_t> common_width(const std::string& path, const RawRows& rows, const DataSpec& spec, bool later,
                             Diagnostics& diagnostics) {
  const size_t count = rows.lines.size();
  std::map<size_t, size_t> widths;
  for (size_t row = 0; row < count; ++row) ++widths[rows.width(row)];
  if (widths.size() == 1) return static_cast<int64_t>(widths.begin()->first);
  const auto usual = std::max_element(widths.begin(), widths.end(),
                                      [](const auto& a, const auto& b) { return a.second < b.second; });
  const size_t odd = count - usual->second;
  size_t shown = 0;
  for (size_t row = 0; row < count && shown < kShownErrors; ++row) {
    const size_t width = rows.width(row);
    if (width == usual->first) continue;
    ++shown;
    Diagnostic& d = diagnostics.error_at(
        DiagnosticKind::data_ragged_row, fmt::format("{}:{}", path, rows.lines[row]),
        fmt::format("has {}, {} {}", plural(static_cast<int64_t>(width), "field"),
                    odd == 1 ? "all other lines have" : "most lines have", usual->first));
    if (spec.comment.empty() && rows.field(rows.first_field[row]).starts_with('#'))
      d.suggest(later ? "leave out lines that begin with #"
                      : "data.comment = \"#\" leaves out lines that begin with it");
    else if (row == 0)
      d.suggest(later ? "leave out the lines before the table"
                      : fmt::format("data.skip = {} leaves out the lines before the table", rows.lines[0]));
    if (shown == kShownErrors && odd > shown)
      d.note(fmt::format("and {}", plural(static_cast<int64_t>(odd - shown), "more such line")));
  }
  return Failure{};
}

// Makes the first row the names.
void take_names(Table& table) {
  for (int64_t c = 0; c < table.columns; ++c) table.names.emplace_back(trim(table.field(0, c)));
  const uint32_t cut = table.ends[static_cast<size_t>(table.columns) - 1];
  table.text.erase(0, cut);
  table.ends.erase(table.ends.begin(), table.ends.begin() + table.columns);
  for (uint32_t& end : table.ends) end -= cut;
  table.lines.erase(table.lines.begin());
  --table.rows;
}

}  // namespace

std::string Table::column_name(int64_t column) const {
  const auto i = static_cast<size_t>(column);
  return i < names.size() && !names[i].empty() ? names[i] : fmt::format("column {}", column);
}

std::string Table::column_ref(int64_t column) const {
  const auto i = static_cast<size_t>(column);
  return i < unique.size() && unique[i] ? quote(names[i]) : std::to_string(column);
}

std::string Table::location(int64_t row) const {
  return fmt::format("{}:{}", path, lines[static_cast<size_t>(row)]);
}

Result<Table> parse_table(const std::string& path, std::string text, const DataSpec& spec,
                          Diagnostics& diagnostics, bool later) {
  if (text.size() > kTableLimit) {
    diagnostics.error_at(DiagnosticKind::data_format, path,
                         fmt::format("is larger than {} bytes, the most that can be read", kTableLimit));
    return Failure{};
  }
  size_t at = 0;
  uint32_t line = 1;
  for (int64_t i = 0; i < spec.skip && at < text.size(); ++i, ++line)
    at = std::min(text.find('\n', at), text.size() - 1) + 1;

  const char separator =
      spec.separator != 0 ? spec.separator : guess_separator(std::string_view(text).substr(at), spec);
  Result<RawRows> rows = Splitter(path, text, at, line, separator, spec).run(diagnostics);
  if (!rows) return Failure{};
  if (rows->lines.empty()) {
    diagnostics.error_at(
        DiagnosticKind::data_empty, path,
        spec.skip > 0 ? fmt::format("is empty after the first {}", plural(spec.skip, "line")) : "is empty");
    return Failure{};
  }
  cut_trailing_separator(*rows);
  const Result<int64_t> width = common_width(path, *rows, spec, later, diagnostics);
  if (!width) return Failure{};

  Table table;
  table.path = path;
  table.numbers = spec.numbers;
  table.columns = *width;
  table.text = std::move(rows->text);
  table.ends = std::move(rows->ends);
  table.lines = std::move(rows->lines);
  table.rows = static_cast<int64_t>(table.lines.size());
  table.header = spec.header ? *spec.header : starts_with_names(table);
  if (table.header) take_names(table);
  if (!spec.columns.empty()) {
    if (spec.columns.size() != static_cast<size_t>(table.columns)) {
      diagnostics.error_at(
          DiagnosticKind::data_columns, path,
          fmt::format("has {}, data.columns names {}", plural(table.columns, "column"), spec.columns.size()));
      return Failure{};
    }
    table.names = spec.columns;
  }
  std::unordered_map<std::string_view, size_t> times;
  for (const std::string& name : table.names) ++times[name];
  for (const std::string& name : table.names) table.unique.push_back(!name.empty() && times[name] == 1);
  if (table.rows == 0) {
    diagnostics.error_at(DiagnosticKind::data_empty, path, "has a header and no rows");
    return Failure{};
  }
  return table;
}

Result<Table> read_table(const std::string& path, const DataSpec& spec, Diagnostics& diagnostics) {
  Result<std::vector<unsigned char>> bytes =
      read_file(path, true, kTableLimit, DiagnosticKind::data_unreadable, diagnostics);
  if (!bytes) return Failure{};
  Result<std::string> text = decode_text(path, *std::move(bytes), spec.encoding, diagnostics);
  if (!text) return Failure{};
  return parse_table(path, *std::move(text), spec, diagnostics);
}

}  // namespace nnc::runtime
