// Counted words of messages: "1 column", "2 columns".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace nnc {

// Regular plurals: "1 row", "3 classes", "2 categories".
inline std::string plural(int64_t count, std::string_view word) {
  std::string out = std::to_string(count) + " " + std::string(word);
  if (count == 1) return out;
  if (out.ends_with("y")) return out.replace(out.size() - 1, 1, "ies");
  return out + (out.ends_with("s") ? "es" : "s");
}

}  // namespace nnc
