// The CSV state machine and what it guesses; see table.h. Fields are unescaped in place: the text never
// grows.
#include "runtime/table.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>

#include "fmt/format.h"
#include "runtime/file.h"

namespace nnc::runtime {
namespace {

constexpr size_t kSampleLines = 50;
constexpr size_t kShownErrors = 5;

bool is_space(char c) {
  return c == ' ' || c == '\t';
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

// Separators outside quotes in one line; for ' ', the gaps between words.
size_t count_separators(std::string_view line, char separator) {
  if (separator == ' ') line = trim(line);
  size_t count = 0;
  bool quoted = false, in_gap = false;
  for (const char c : line) {
    if (c == '"') quoted = !quoted;
    const bool hit = !quoted && (separator == ' ' ? is_space(c) : c == separator);
    if (hit && !(separator == ' ' && in_gap)) ++count;
    in_gap = hit;
  }
  return count;
}

// The separator that cuts the first lines into equally many fields (more than one). One that does so for
// every line wins in the order tab, semicolon, comma, space: who has semicolons may have decimal commas, not
// the other way round.
char guess_separator(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty() && lines.size() < kSampleLines) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (!trim(line).empty()) lines.push_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  char best = ',';
  size_t best_agreement = 0;
  for (const char separator : {'\t', ';', ',', ' '}) {
    std::map<size_t, size_t> counts;
    for (const std::string_view line : lines) ++counts[count_separators(line, separator)];
    size_t agreement = 0;
    for (const auto& [separators, times] : counts)
      if (separators > 0) agreement = std::max(agreement, times);
    if (agreement > best_agreement) {
      best = separator;
      best_agreement = agreement;
    }
  }
  return best;
}

struct RawRows {
  std::string text;
  std::vector<uint32_t> ends;
  std::vector<uint32_t> first_field;  // of each row
  std::vector<uint32_t> lines;
};

// Cuts the text into rows of fields. Fails on an open or badly closed quote.
class Splitter {
 public:
  Splitter(const std::string& path, std::string& text, size_t at, uint32_t line, char separator)
      : path_(path), text_(text), at_(at), line_(line), separator_(separator) {}

  Result<RawRows> run(Diagnostics& diagnostics) {
    while (at_ < text_.size()) {
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
  void skip_spaces() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }
  bool at_separator() const { return separator_ == ' ' ? is_space(text_[at_]) : text_[at_] == separator_; }

  bool row(Diagnostics& diagnostics) {
    while (true) {
      if (at_ < text_.size() && text_[at_] == '"') {
        if (!quoted(diagnostics)) return false;
      } else {
        while (at_ < text_.size() && !at_line_end() && !at_separator()) text_[write_++] = text_[at_++];
      }
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
  RawRows rows_;
};

std::string_view raw_field(const RawRows& rows, size_t index) {
  const uint32_t begin = index == 0 ? 0 : rows.ends[index - 1];
  return std::string_view(rows.text).substr(begin, rows.ends[index] - begin);
}

// How many fields most rows have; reports those that have another number.
Result<int64_t> common_width(const std::string& path, const RawRows& rows, Diagnostics& diagnostics) {
  const size_t count = rows.lines.size();
  const auto width = [&](size_t row) {
    return (row + 1 < count ? rows.first_field[row + 1] : rows.ends.size()) - rows.first_field[row];
  };
  std::map<size_t, size_t> widths;
  for (size_t row = 0; row < count; ++row) ++widths[width(row)];
  if (widths.size() == 1) return static_cast<int64_t>(widths.begin()->first);
  const auto usual = std::max_element(widths.begin(), widths.end(),
                                      [](const auto& a, const auto& b) { return a.second < b.second; });
  const size_t odd = count - usual->second;
  size_t shown = 0;
  for (size_t row = 0; row < count && shown < kShownErrors; ++row) {
    if (width(row) == usual->first) continue;
    ++shown;
    Diagnostic& d = diagnostics.error_at(
        DiagnosticKind::data_ragged_row, fmt::format("{}:{}", path, rows.lines[row]),
        fmt::format("has {} field{}, {} {}", width(row), width(row) == 1 ? "" : "s",
                    odd == 1 ? "all other lines have" : "most lines have", usual->first));
    if (row == 0)
      d.suggest(fmt::format("data.skip = {} leaves out what stands before the table", rows.lines[0]));
    if (shown == kShownErrors && odd > shown) d.note(fmt::format("and {} more such lines", odd - shown));
  }
  return Failure{};
}

}  // namespace

std::string Table::column_name(int64_t column) const {
  if (!names.empty()) return names[static_cast<size_t>(column)];
  return fmt::format("column {}", column);
}

std::string Table::location(int64_t row) const {
  return fmt::format("{}:{}", path, lines[static_cast<size_t>(row)]);
}

FieldValue read_field(std::string_view field) {
  field = trim(field);
  static constexpr std::array<std::string_view, 8> kMissing = {"",    "NA",   "N/A",  "NaN",
                                                               "nan", "null", "NULL", "?"};
  if (field.size() <= 4 && std::find(kMissing.begin(), kMissing.end(), field) != kMissing.end())
    return {FieldKind::missing, 0};
  std::string_view digits = field;
  if (digits.front() == '+' && digits.size() > 1 && digits[1] != '-') digits.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error == std::errc() && end == digits.data() + digits.size() && std::isfinite(value))
    return {FieldKind::number, value};
  if (field == "true" || field == "True" || field == "TRUE") return {FieldKind::number, 1};
  if (field == "false" || field == "False" || field == "FALSE") return {FieldKind::number, 0};
  return {FieldKind::text, 0};
}

Result<Table> parse_table(const std::string& path, std::string text, const DataSpec& spec,
                          Diagnostics& diagnostics) {
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
      spec.separator != 0 ? spec.separator : guess_separator(std::string_view(text).substr(at));
  Result<RawRows> rows = Splitter(path, text, at, line, separator).run(diagnostics);
  if (!rows) return Failure{};
  if (rows->lines.empty()) {
    diagnostics.error_at(
        DiagnosticKind::data_empty, path,
        spec.skip > 0 ? fmt::format("is empty after the first {} lines", spec.skip) : "is empty");
    return Failure{};
  }
  const Result<int64_t> width = common_width(path, *rows, diagnostics);
  if (!width) return Failure{};

  Table table;
  table.path = path;
  table.columns = *width;
  const auto columns = static_cast<size_t>(*width);
  // A first line without a single number is taken for names.
  table.header = spec.header.value_or([&] {
    for (size_t i = 0; i < columns; ++i)
      if (read_field(raw_field(*rows, i)).kind == FieldKind::number) return false;
    return true;
  }());
  if (table.header)
    for (size_t i = 0; i < columns; ++i) table.names.emplace_back(trim(raw_field(*rows, i)));
  if (!spec.columns.empty()) {
    if (spec.columns.size() != columns) {
      diagnostics.error_at(
          DiagnosticKind::data_columns, path,
          fmt::format("has {} columns, data.columns names {}", columns, spec.columns.size()));
      return Failure{};
    }
    table.names = spec.columns;
  }
  table.text = std::move(rows->text);
  table.ends = std::move(rows->ends);
  table.lines = std::move(rows->lines);
  table.rows = static_cast<int64_t>(table.lines.size());
  if (table.header) {
    const uint32_t cut = table.ends[columns - 1];
    table.text.erase(0, cut);
    table.ends.erase(table.ends.begin(), table.ends.begin() + *width);
    for (uint32_t& end : table.ends) end -= cut;
    table.lines.erase(table.lines.begin());
    --table.rows;
  }
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
