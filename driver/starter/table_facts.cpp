// A table's columns by what they hold; see table_facts.h.
#include "driver/starter/table_facts.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>

#include "runtime/formats/table_guess.h"

namespace nnc::driver {
namespace {

using runtime::FieldKind;
using runtime::FieldValue;

// In a column that is numbers for the most part, all texts of which are known for gaps, they are.
void find_gaps(ColumnFacts& facts, const std::map<std::string, int64_t, std::less<>>& spelled) {
  int64_t count = 0;
  for (const auto& [text, times] : spelled) count += times;
  if (count == 0 || count != facts.texts || facts.numbers < count) return;
  for (const auto& [text, times] : spelled) {
    facts.gaps.insert(text);
    facts.values.erase(text);
  }
  facts.missing += count;
  facts.texts = 0;
  facts.row_count = false;
}

}  // namespace

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

bool is_gap_spelling(std::string_view text) {
  // What pandas knows, and what else people write.
  static constexpr std::array<std::string_view, 22> kKnown = {
      "#n/a", "#n/a n/a", "#na", "-1.#ind", "-1.#qnan", "-nan", "1.#ind", "1.#qnan", "<na>",    "n/a", "na",
      "nan",  "null",     "nil", "none",    "missing",  "n.a.", "?",      "-",       "#value!", "--",  "."};
  return std::find(kKnown.begin(), kKnown.end(), lower(std::string(text))) != kKnown.end();
}

ColumnFacts look_at(const runtime::Table& table, int64_t position) {
  ColumnFacts facts;
  facts.name = table.column_name(position);
  facts.position = position;
  double before = 0;
  std::map<double, std::string_view> spelling;            // of a number: as it comes first
  std::map<std::string, int64_t, std::less<>> gap_marks;  // texts that may stand for gaps
  for (int64_t row = 0; row < table.rows; ++row) {
    const std::string_view text = table.field(row, position);
    const FieldValue value = table.value(row, position);
    if (value.kind == FieldKind::missing) {
      ++facts.missing;
      if (const std::string_view spelled = runtime::trim(text); !spelled.empty()) facts.gaps.emplace(spelled);
      facts.row_count = false;
      continue;
    }
    if (!facts.countless) {
      const bool number = value.kind == FieldKind::number;
      // Numbers that are equal are one value, whatever they are written like.
      const auto same = number ? spelling.try_emplace(value.number, text).first->second : text;
      const auto found = facts.values.find(same);
      if (found != facts.values.end())
        ++found->second;
      else
        facts.values.emplace(same, 1);
      facts.countless = facts.values.size() > kMostClasses;
    }
    if (value.kind == FieldKind::text) {
      ++facts.texts;
      if (is_gap_spelling(text)) ++gap_marks[std::string(text)];
      facts.row_count = false;
      continue;
    }
    ++facts.numbers;
    facts.whole = facts.whole && value.number == std::floor(value.number) && std::abs(value.number) < 1e9;
    facts.row_count = facts.row_count && value.number == std::trunc(value.number) &&
                      (row == 0 || value.number == before + 1);
    before = value.number;
    facts.lowest = std::min(facts.lowest, value.number);
    facts.highest = std::max(facts.highest, value.number);
    facts.moments.add(value.number);
  }
  find_gaps(facts, gap_marks);
  return facts;
}

void take_gaps(ColumnFacts& column, const std::set<std::string>& gaps) {
  if (column.texts == 0) return;
  for (const std::string& gap : gaps) {
    const auto found = column.values.find(gap);
    if (found == column.values.end()) continue;
    column.missing += found->second;
    column.texts -= found->second;
    column.gaps.insert(gap);
    column.values.erase(found);
  }
}

std::pair<std::string, int64_t> ColumnFacts::commonest_text(const runtime::NumberFormat& format) const {
  std::pair<std::string, int64_t> most;
  for (const auto& [text, times] : values)
    if (times > most.second && runtime::read_field(text, format).kind == FieldKind::text)
      most = {text, times};
  return most;
}

std::pair<std::string, std::string> ColumnFacts::alike() const {
  std::map<std::string, std::string> seen;
  for (const auto& [text, times] : values) {
    const auto [same, added] = seen.try_emplace(lower(std::string(runtime::trim(text))), text);
    if (!added) return {same->second, text};
  }
  return {};
}

}  // namespace nnc::driver
