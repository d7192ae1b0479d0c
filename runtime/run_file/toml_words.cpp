// See toml_words.h.
#include "runtime/run_file/toml_words.h"

#include <algorithm>
#include <array>
#include <utility>

#include "fmt/format.h"
#include "runtime/run_file/settings.h"

namespace nnc::runtime {
namespace {

// Part of a description, and what is said instead.
struct Words {
  std::string_view found, message, mend;
};
constexpr Words kWords[] = {
    {"expected value, saw", "a value is expected here", ""},
    {"expected '=', saw", "= is expected between a key and its value", "key = value"},
    {"decimal digit", "a number has digits on both sides of its point and after its e", "0.5, 1.0, 1e3"},
    {"leading zeroes", "a number does not begin with 0", ""},
    {"control characters other than TAB", "the text is not closed before the line ends",
     "a quote at its end"},
    {"end-of-file", "the file ends before a bracket or a quote is closed", ""},
    {"expected ']', saw", "the ] after the table's name is missing", "[train]"},
    {"unknown escape sequence", "no such escape",
     "a backslash is written \\\\, or the text in single quotes"},
    {"dangling comma", "a table in { } does not end in a comma", "leave the last comma out"},
    {"expected a comment or whitespace", "the line should end after a value", "the next key on its own line"},
    {"not representable in 64 bits", "the number is too large for a whole number",
     "at most 9223372036854775807"},
    {"expected keys, tables", "a line begins with a key or a [table]", ""},
    {"bare key starting", "a key is expected here", ""},
    {"expected key or closing", "a key or } is expected here", ""},
};

bool begins_no_value(std::string_view description) {
  constexpr std::array<std::string_view, 5> kFound = {"could not determine value type", "expected 'nan'",
                                                      "expected 'inf'", "expected 'true'",
                                                      "expected 'false'"};
  return std::any_of(kFound.begin(), kFound.end(), [&](std::string_view found) {
    return description.find(found) != std::string_view::npos;
  });
}

// A word, or a call, where a value should be.
TomlFault no_value(std::string_view text, size_t at) {
  const size_t line = text.rfind('\n', at == 0 ? 0 : at - 1);
  const size_t before = text.find_last_of("=[,", at == 0 ? 0 : at - 1);
  size_t begin =
      before == std::string_view::npos || (line != std::string_view::npos && before < line) ? at : before + 1;
  begin = std::min(text.find_first_not_of(" \t", begin), text.size());
  size_t end = std::min(text.find_first_of("\n#,]}", begin), text.size());
  // A call goes on to where its bracket closes, past commas.
  if (text.find('(', begin) < end)
    end =
        std::min({text.find('\n', begin), std::min(text.find(')', begin), text.size() - 1) + 1, text.size()});
  while (end > begin && (text[end - 1] == ' ' || text[end - 1] == '\r' || text[end - 1] == '\t')) --end;
  const std::string word(text.substr(begin, end - begin));
  TomlFault fault{fmt::format("{} is no value: text stands in quotes", word), quote(word), begin,
                  std::max(end, begin + 1)};
  if (word == "True" || word == "yes" || word == "on") fault.mend = "true";
  if (word == "False" || word == "no" || word == "off") fault.mend = "false";
  if (word == "None" || word == "null" || word == "nil") fault.mend = "leave the key out";
  return fault;
}

}  // namespace

TomlFault describe_toml_fault(std::string_view description, std::string_view text, size_t at) {
  if (begins_no_value(description) && at < text.size()) return no_value(text, at);
  TomlFault fault{"", "", at, at + 1};
  if (description.find("cannot redefine") != std::string_view::npos) {
    fault.message = "this key or table is there already: each stands once";
    return fault;
  }
  for (const Words& words : kWords) {
    if (description.find(words.found) == std::string_view::npos) continue;
    fault.message = words.message;
    fault.mend = words.mend;
    if (at < text.size() && (static_cast<unsigned char>(text[at]) & 0x80) != 0)
      fault.mend = "TOML requires quotes around a key that is not plain ASCII";
    return fault;
  }
  // "Error while parsing date: what is wrong": the second half is what the user needs.
  if (const size_t colon = description.find(": ");
      description.starts_with("Error while") && colon < description.size())
    description.remove_prefix(colon + 2);
  fault.message = fmt::format("this is not valid TOML: {}", description);
  return fault;
}

}  // namespace nnc::runtime
