// Reading JSON that others wrote: a value that is missing, or of another kind than it should be, is simply not there.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "nlohmann/json.hpp"

namespace nnc::language_server {

using Json = nlohmann::json;

// null where `json` is no object or has no such key.
inline const Json& at(const Json& json, const char* key) {
  static const Json kNull;
  if (!json.is_object()) return kNull;
  const auto found = json.find(key);
  return found == json.end() ? kNull : *found;
}

inline std::string text_at(const Json& json, const char* key) {
  const Json& value = at(json, key);
  return value.is_string() ? value.get<std::string>() : std::string();
}

// A number of lines, characters, bytes. What is larger than 32 bits is the largest of them.
inline std::optional<uint32_t> count_at(const Json& json, const char* key) {
  const Json& value = at(json, key);
  if (!value.is_number_unsigned()) return std::nullopt;
  return static_cast<uint32_t>(std::min<uint64_t>(value.get<uint64_t>(), UINT32_MAX));
}

inline bool flag_at(const Json& json, const char* key) {
  const Json& value = at(json, key);
  return value.is_boolean() && value.get<bool>();
}

}  // namespace nnc::language_server
