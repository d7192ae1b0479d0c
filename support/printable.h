// Foreign text on its way to a terminal.
#pragma once

#include <string>
#include <string_view>

namespace nnc {

// Control characters as they would be written in a string (\x1b), line ends and tabs only in what is to be `one_line`: names in
// files of others may hold what moves the cursor or renames a window.
std::string printable(std::string_view text, bool one_line = false);

// The same words on one line: runs of spaces and line ends become a space each, none at the beginning.
std::string on_one_line(std::string_view text);

}  // namespace nnc
