// What a column of a table holds, as `nnc init` looks at it: numbers, texts, gaps and how these are spelled.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "runtime/data/moments.h"
#include "runtime/formats/table.h"

namespace nnc::driver {

constexpr size_t kMostKinds =
    20;  // distinct values of a column that is still taken as kinds, or numbers as classes
constexpr size_t kMostClasses = 1000;  // distinct texts that may be classes where they are asked for
constexpr int64_t kRowsPerClass = 2;   // that these have on average at least

struct ColumnFacts {
  std::string name;
  int64_t position = 0;
  int64_t missing = 0, numbers = 0, texts = 0;
  bool whole = true;      // all numbers are
  bool row_count = true;  // counts the rows up by one
  double lowest = std::numeric_limits<double>::infinity(), highest = -lowest;
  runtime::Moments moments;
  std::map<std::string, int64_t, std::less<>>
      values;                  // distinct fields that are no gaps, while they can be classes
  bool countless = false;      // there are more
  std::set<std::string> gaps;  // how its gaps are spelled
  std::string left_out;        // why; empty if it is used

  bool many() const { return countless || values.size() > kMostKinds; }
  bool is_number() const { return texts == 0 && numbers > 0; }
  bool is_text() const { return texts > 0; }
  bool is_kind() const { return texts > 0 && !many(); }
  bool is_constant() const { return !countless && values.size() == 1; }
  // Texts that come again and again.
  bool is_classes() const {
    return texts > 0 && !countless &&
           (!many() || static_cast<int64_t>(values.size()) * kRowsPerClass <= numbers + texts);
  }
  bool is_mixed() const { return texts > 0 && numbers > 0 && many(); }
  // The text that a column has most often among its numbers, and how often.
  std::pair<std::string, int64_t> commonest_text(const runtime::NumberFormat& format) const;
  // Two values that differ in case or spaces only; empty if there are none.
  std::pair<std::string, std::string> alike() const;
};

// Texts such as "n/a", "-" or "#N/A" among numbers are gaps.
ColumnFacts look_at(const runtime::Table& table, int64_t position);

// Makes those values of a column of texts gaps that are spelled as gaps of other columns are.
void take_gaps(ColumnFacts& column, const std::set<std::string>& gaps);

// Whether people write this where a number is missing.
bool is_gap_spelling(std::string_view text);

std::string lower(std::string text);

}  // namespace nnc::driver
