// What the TOML parser found wrong, in nnc's words and with the likely mend: its own speak of the grammar.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace nnc::runtime {

struct TomlFault {
  std::string message, mend;
  size_t begin = 0, end = 0;  // of the text, to underline
};
// `description` is the parser's, of what it met at byte `at` of the text.
TomlFault describe_toml_fault(std::string_view description, std::string_view text, size_t at);

}  // namespace nnc::runtime
