// Decimal numbers as text, read to the nearest double: what is too small to tell from zero is zero, what is too large is
// infinite. std::from_chars calls both an error and does not say which.
#pragma once

#include <charconv>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

namespace nnc {

// Nothing if the text is not a number through and through; "inf" and "nan" are none, nor is a leading "+".
inline std::optional<double> read_number(std::string_view text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (stop != end || (error != std::errc() && error != std::errc::result_out_of_range)) return std::nullopt;
  if (text.find_first_of("nN") != std::string_view::npos)
    return std::nullopt;  // inf, nan: no number has the letter
  return error == std::errc() ? value : std::strtod(std::string(text).c_str(), nullptr);
}

}  // namespace nnc
