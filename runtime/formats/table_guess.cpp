// What a table does not say of itself: what separates its fields, and whether its first line holds names; see table_guess.h.
#include "runtime/formats/table_guess.h"

#include <algorithm>
#include <map>

namespace nnc::runtime {
namespace {

constexpr size_t kSampleLines = 50;
constexpr int64_t kSampleRows = 10000;  // that are looked through for the first line's cells

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

// Whether the text before the line's first tab is a list of numbers with spaces between.
bool begins_with_list(std::string_view line) {
  line = trim(line.substr(0, line.find('\t')));
  size_t numbers = 0;
  while (!line.empty()) {
    const size_t end = std::min(line.find(' '), line.size());
    if (read_field(line.substr(0, end)).kind == FieldKind::text) return false;
    ++numbers;
    line = trim(line.substr(end));
  }
  return numbers >= 3;
}

// "", "0", "1", "2" … or the same without "": what other tools write above columns without names, the first of which may
// number the rows.
bool counts_columns(const Table& table) {
  const int64_t first = trim(table.field(0, 0)).empty() ? 1 : 0;
  if (table.columns < 3 || table.rows < 2) return false;
  for (int64_t c = first; c < table.columns; ++c)
    if (trim(table.field(0, c)) != std::to_string(c - first)) return false;
  return true;
}

// Whether half of the first line's cells, or more, are values of their own columns as well.
bool is_like_those_below(const Table& table) {
  int64_t cells = 0, seen = 0;
  for (int64_t c = 0; c < table.columns; ++c) {
    if (table.field(0, c).empty()) continue;
    ++cells;
    int64_t row = 1;
    const int64_t end = std::min(table.rows, kSampleRows);
    while (row < end && table.field(row, c) != table.field(0, c)) ++row;
    if (row < end) ++seen;
  }
  return seen > 0 && 2 * seen >= cells;
}

}  // namespace

bool is_space(char c) {
  return c == ' ' || c == '\t';
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

const std::vector<std::string>& common_units() {
  static const std::vector<std::string> kUnits = {"$", "€", "£", "¥", "₩", "₹", "%"};
  return kUnits;
}

Notations common_notations(const std::vector<std::string>& units) {
  return {{'.', "", units}, {'.', ",", units}, {',', "", units}, {',', ".", units}};
}

std::string_view common_separators(const DataSpec& spec) {
  return spec.numbers.decimal == ',' ? "\t;| ," : "\t;|, ";
}

char guess_separator(std::string_view text, const DataSpec& spec) {
  std::vector<std::string_view> lines;
  while (!text.empty() && lines.size() < kSampleLines) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (!trim(line).empty() && !is_comment(line, spec)) lines.push_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  char best = ',';
  size_t best_agreement = 0;
  for (const char separator : common_separators(spec)) {
    std::map<size_t, size_t> counts;
    for (const std::string_view line : lines) ++counts[count_separators(line, separator)];
    size_t agreement = 0;
    for (const auto& [gaps, times] : counts)
      if (gaps > 0) agreement = std::max(agreement, times);
    // A tab in a table of spaces is one of them.
    const bool lists = separator == ' ' && best == '\t' && agreement == best_agreement &&
                       std::all_of(lines.begin() + 1, lines.end(), begins_with_list);
    if (agreement > best_agreement || lists) {
      best = separator;
      best_agreement = agreement;
    }
  }
  return best;
}

bool is_comment(std::string_view line, const DataSpec& spec) {
  return !spec.comment.empty() && trim(line).starts_with(spec.comment);
}

bool starts_with_names(const Table& table) {
  if (counts_columns(table)) return true;
  for (int64_t c = 0; c < table.columns; ++c)
    if (read_field(table.field(0, c), table.numbers).kind == FieldKind::number) return false;
  return !is_like_those_below(table);
}

}  // namespace nnc::runtime
