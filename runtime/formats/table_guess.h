// What is guessed of a table where the run file does not say it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/formats/table.h"

namespace nnc::runtime {

// A space or a tab; a field without those around it.
bool is_space(char c);
std::string_view trim(std::string_view text);

// Units that are common beside the numbers of a table: currency signs, "%".
const std::vector<std::string>& common_units();

// How numbers are commonly written beside these units: plainly; with commas between thousands; with a decimal comma; with
// that, and points between thousands. The second and the third may both read a text, as different numbers.
struct Notations {
  NumberFormat plain, thousands, decimal_comma, both;
};
Notations common_notations(const std::vector<std::string>& units);

// The separators that are guessed, the likeliest first: a table with semicolons may have decimal commas, not the other way
// around.
std::string_view common_separators(const DataSpec& spec);

// The separator that cuts the first lines into equally many fields (more than one); of several, the likeliest.
char guess_separator(std::string_view text, const DataSpec& spec);

// Whether the line is left out as data.comment says.
bool is_comment(std::string_view line, const DataSpec& spec);

// Whether the first row of a table, read as data so far, holds the names of its columns: it counts the columns, or no cell of
// it is a number and most are no values of their columns.
bool starts_with_names(const Table& table);

}  // namespace nnc::runtime
