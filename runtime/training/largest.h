// Which of the scores of a row is the largest: the class that is predicted, if there is one.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "support/diagnostic.h"

namespace nnc::runtime {

// The place of the largest value, the first of equals. None if one is NaN, or if the largest is not finite: such scores
// say nothing. -inf beside others is a score that cannot be the largest.
template <class Range, class Value = std::identity>
std::optional<size_t> place_of_largest(const Range& range, Value value = {}) {
  const auto largest = std::ranges::max_element(range, {}, value);
  const bool any_nan = std::ranges::any_of(
      range, [](auto v) { return std::isnan(v); }, value);
  if (largest == range.end() || any_nan || !std::isfinite(std::invoke(value, *largest))) return std::nullopt;
  return static_cast<size_t>(largest - range.begin());
}

// Rows of an output that hold no prediction.
struct NotFinite {
  int64_t rows = 0;
  int64_t first = 0;  // of them, if there are any

  void add(int64_t row) {
    if (rows++ == 0) first = row;
  }
  // Warns if there are any, of so many rows.
  void warn(const std::string& output, int64_t of, bool classes, Diagnostics& diagnostics) const;
};

}  // namespace nnc::runtime
