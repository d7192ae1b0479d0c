// One function per kind of flag.
#include "driver/flag_checks.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <iterator>

#include "fmt/format.h"
#include "support/suggest.h"

namespace nnc::driver {
namespace {

// A check's answer: what is wrong and, on a second line, its mend.
std::string with_mend(std::string wrong, const std::string& mend) {
  return mend.empty() ? wrong : wrong + "\n" + mend;
}

}  // namespace

// Checks "none" and "random:SEED".
std::string valid_schedule(const std::string& text) {
  if (text == "none") return {};
  const std::string_view prefix = "random:";
  if (text.starts_with(prefix) && text.size() > prefix.size() && text.size() < prefix.size() + 19 &&
      text.find_first_not_of("0123456789", prefix.size()) == std::string::npos)
    return {};
  return "none or random:SEED is expected, not " + text;
}

std::optional<double> finite(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

// Checks a number above 0, in a few words: the ends of double would be a message of 600 digits.
std::string valid_positive(const std::string& text) {
  const std::optional<double> value = finite(text);
  return value && *value > 0 ? "" : "a number above 0 is expected, not " + text;
}

std::string valid_not_negative(const std::string& text) {
  const std::optional<double> value = finite(text);
  return value && *value >= 0 ? "" : "a number of at least 0 is expected, not " + text;
}

namespace {

// A number and K, M, G or T, with or without iB after it; nothing where the text is no such thing or is less than a byte.
std::optional<uint64_t> parse_size(std::string_view text) {
  if (text.ends_with("iB")) text.remove_suffix(2);
  constexpr std::string_view kUnits = "KMGT";
  const size_t unit = text.empty() ? std::string_view::npos : kUnits.find(text.back());
  if (unit == std::string_view::npos) return std::nullopt;
  text.remove_suffix(1);
  const std::optional<double> count =
      text.empty() || text[0] == '-' ? std::nullopt : finite(std::string(text));
  const double bytes = count.value_or(0) * static_cast<double>(uint64_t{1024} << (10 * unit));
  if (bytes < 1 || bytes >= 0x1p63) return std::nullopt;
  return static_cast<uint64_t>(bytes);
}

}  // namespace

// Checks a size in memory.
std::string valid_size(const std::string& text) {
  return parse_size(text) ? "" : "a size such as 200M or 1.5G is expected, not " + text;
}

uint64_t bytes_of_size(const std::string& text) {
  return parse_size(text).value_or(0);
}

// Checks two ranges, "x0:x1,y0:y1".
std::string valid_window(const std::string& text) {
  double at[4];
  int end = 0;
  const int found = std::sscanf(text.c_str(), "%lf:%lf,%lf:%lf%n", &at[0], &at[1], &at[2], &at[3], &end);
  if (found == 4 && static_cast<size_t>(end) == text.size() && at[0] < at[1] && at[2] < at[3] &&
      std::all_of(std::begin(at), std::end(at), [](double v) { return std::isfinite(v); }))
    return {};
  return "two ranges X0:X1,Y0:Y1 are expected, not " + text;
}

// A run file holds a seed as TOML does: in 64 bits with a sign.
std::string valid_seed(const std::string& text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size() && value >= 0) return {};
  return fmt::format("a whole number from 0 to {} is expected, not {}", INT64_MAX, text);
}

// Checks a whole number, which 1e3 is too, though not as it is to be written.
FlagCheck whole(int64_t low, int64_t high) {
  return [low, high](const std::string& text) -> std::string {
    const char* const last = text.data() + text.size();
    int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), last, value);
    if (error == std::errc() && end == last && value >= low && value <= high) return {};
    double real = 0;
    const auto [stop, bad] = std::from_chars(text.data(), last, real);
    const bool meant = bad == std::errc() && stop == last && real == std::floor(real) &&
                       real >= static_cast<double>(low) && real <= static_cast<double>(high);
    return with_mend(fmt::format("a whole number from {} to {} is expected, not {}", low, high, text),
                     meant ? fmt::format("did you mean {:.0f}?", real) : "");
  };
}

// Checks that it is one of these words.
FlagCheck one_of(std::vector<std::string> words) {
  return [words](const std::string& text) -> std::string {
    if (std::find(words.begin(), words.end(), text) != words.end()) return {};
    const auto near = suggest(text, words);
    return with_mend(fmt::format("one of {} is expected, not {}", fmt::join(words, ", "), text),
                     near ? fmt::format("did you mean {}?", *near) : "");
  };
}

}  // namespace nnc::driver
