// Which lines of a stage are shown, and how: those of a name, a kernel or a place in the source; with the words that they come
// from; in color.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "driver/inspect/stages.h"
#include "nlohmann/json_fwd.hpp"

namespace nnc::driver {

// A line of a file of the user's.
struct Place {
  FileId file;
  uint32_t line = 0;  // from 1
};

// What is asked for; without anything all lines are.
struct Filter {
  std::string name;    // a pattern: lines that define or read a value called so, with or without `%`
  std::string kernel;  // a pattern
  std::optional<Place> place;

  bool empty() const { return name.empty() && kernel.empty() && !place; }
};

// As the flags say: --name, --kernel, --where. Errors: no such file or line.
Result<Filter> filter_of(Session& session);

// The numbers of the lines that pass, ascending.
std::vector<size_t> matching(const StageText& stage, const Filter& filter, const Sources& sources);

// The words that a line comes from, those of the standard library only where there are no others: "digits.nn:6 fc1(image)";
// "" for a line that comes from nowhere.
std::string source_words(const SpanSet& spans, const Sources& sources);

// The lines with these numbers; a gap between kernels is one empty line. `sourced`: with their words as comments, each of which
// holds until the next.
std::string text_of(const StageText& stage, const std::vector<size_t>& lines, const Sources& sources,
                    bool sourced, bool color);

// Each line with its kernel and the places it comes from.
nlohmann::ordered_json json_of(const StageText& stage, const std::vector<size_t>& lines,
                               const Sources& sources);

// One line with names, comments and words of the language set apart by the colors of a terminal.
std::string colored(std::string_view line);

}  // namespace nnc::driver
