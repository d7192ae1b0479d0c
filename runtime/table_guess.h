// What is guessed of a table where the run file does not say it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/table.h"

namespace nnc::runtime {

// A space or a tab; a field without those around it.
bool is_space(char c);
std::string_view trim(std::string_view text);

// Units that are common beside the numbers of a table: currency signs, "%".
const std::vector<std::string>& common_units();

// The separator that cuts the first lines into equally many fields (more than one): tab, semicolon, bar, comma or
// space, in this order where several do. Who has semicolons may have decimal commas, not the other way around.
char guess_separator(std::string_view text, const DataSpec& spec);

// Whether the line is left out as data.comment says.
bool is_comment(std::string_view line, const DataSpec& spec);

// Whether the first row of a table, read as data so far, holds the names of its columns: it counts the columns, or no cell of
// it is a number and most are no values of their columns.
bool starts_with_names(const Table& table);

}  // namespace nnc::runtime
