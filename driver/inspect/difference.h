// What one text of a graph has and another has not. As values keep their names from stage to stage, lines that differ are values
// that are gone, new, or computed otherwise.
#pragma once

#include <string>

#include "driver/inspect/stages.h"
#include "driver/inspect/view.h"

namespace nnc::driver {

struct Difference {
  std::string text;    // the lines, "- " before those of the first, "+ " before those of the second
  size_t gone = 0;     // values that the second has not …
  size_t made = 0;     // … that the first has not …
  size_t changed = 0;  // … that both have and that are computed otherwise
  bool empty() const { return text.empty(); }
};

// Of the lines that pass the filter.
Difference difference(const StageText& before, const StageText& after, const Filter& filter,
                      const Sources& sources, bool sourced, bool color);

std::string summary(const Difference& difference);  // "3 values gone, 1 new, 2 computed otherwise"

}  // namespace nnc::driver
