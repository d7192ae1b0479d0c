// Numbers in text. Decimal ones are read as the nearest double: too small a number is zero, too large a number is infinite.
// std::from_chars reports both as the same error.
#pragma once

#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

namespace nnc {

// Nothing unless the whole text is a number; "inf", "nan" and a leading "+" are refused.
inline std::optional<double> read_number(std::string_view text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (stop != end || (error != std::errc() && error != std::errc::result_out_of_range)) return std::nullopt;
  if (text.find_first_of("nN") != std::string_view::npos) return std::nullopt;  // inf, nan
  return error == std::errc() ? value : std::strtod(std::string(text).c_str(), nullptr);
}

// Nothing unless the whole text is an integer of 64 bits; a leading "+" is refused.
inline std::optional<int64_t> read_whole_number(std::string_view text) {
  int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return stop == end && error == std::errc() ? std::optional(value) : std::nullopt;
}

}  // namespace nnc
