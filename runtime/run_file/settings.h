// A run file's text as a tree of settings with the place of every key and value. The one file that includes
// the TOML parser is settings.cpp; config.cpp gives the tree its meaning.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "support/diagnostic.h"
#include "support/result.h"
#include "support/source.h"

namespace nnc::runtime {

struct Setting {
  enum class Kind { table, list, string, integer, real, boolean, other };
  Kind kind = Kind::table;
  std::string key;
  std::string string;
  int64_t integer = 0;
  double real = 0;
  bool boolean = false;
  std::vector<Setting> items;  // of a list, or the members of a table in the order of the text
  Span key_span, span;         // `span` covers the value
  std::string origin;          // "digits.toml:4", "--set"

  const Setting* member(std::string_view name) const;
  // The value in TOML syntax.
  std::string text() const;
};

// "a string", "a whole number", …
const char* describe_kind(Setting::Kind kind);
// A string in TOML quotes.
std::string quote(std::string_view text);

Result<Setting> parse_settings(const std::string& path, std::string text, Sources& sources,
                               Diagnostics& diagnostics);

// One value in TOML syntax; nothing if it is none. Its places mean nothing.
std::optional<Setting> parse_value(const std::string& value);

// Applies "key.path=value". The value is TOML; what does not parse as TOML is a string.
Status apply_override(Setting& root, const std::string& assignment, Sources& sources,
                      Diagnostics& diagnostics);

}  // namespace nnc::runtime
