// Data files that are not UTF-8: found, named with the first wrong byte, and converted when the user says
// from what.
#include <iconv.h>

#include <algorithm>
#include <array>
#include <optional>

#include "fmt/format.h"
#include "runtime/file.h"
#include "runtime/formats/encoding.h"

namespace nnc::runtime {
namespace {

bool starts_with(const std::vector<unsigned char>& bytes, std::initializer_list<unsigned char> mark) {
  return bytes.size() >= mark.size() && std::equal(mark.begin(), mark.end(), bytes.begin());
}

// What Windows-1252 has at 0x80 … 0x9F, where Latin-1 has control characters that no table holds.
constexpr std::array<uint16_t, 32> kWindows1252 = {
    0x20AC, 0x81,   0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x8D,   0x017D, 0x8F,   0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D,   0x017E, 0x0178};

std::string from_latin1(const std::vector<unsigned char>& bytes) {
  std::string out;
  out.reserve(bytes.size() + bytes.size() / 8);
  for (const unsigned char byte : bytes) {
    const unsigned c = byte >= 0x80 && byte < 0xA0 ? kWindows1252[byte - 0x80] : byte;
    if (c < 0x80) {
      out.push_back(static_cast<char>(c));
      continue;
    }
    if (c >= 0x800) out.push_back(static_cast<char>(0xE0 | c >> 12));
    out.push_back(static_cast<char>(c >= 0x800 ? 0x80 | (c >> 6 & 0x3F) : 0xC0 | c >> 6));
    out.push_back(static_cast<char>(0x80 | (c & 0x3F)));
  }
  return out;
}

// Whether the bytes beyond ASCII are Korean words: pairs, most of them in the rows of the common syllables. Almost any text in
// Latin-1 can be read as CP949 too, as "°C" can, but pairs its letters with what follows them.
bool looks_korean(const std::vector<unsigned char>& bytes) {
  size_t pairs = 0, syllables = 0;
  for (size_t i = 0; i + 1 < bytes.size(); ++i) {
    if (bytes[i] < 0x80) continue;
    ++pairs;
    if (bytes[i] >= 0xB0 && bytes[i] <= 0xC8 && bytes[i + 1] >= 0xA1) ++syllables;
    ++i;
  }
  return pairs > 0 && 4 * syllables >= 3 * pairs;
}

// Nothing if the bytes are not CP949. `available` turns false when this system has no table for it.
std::optional<std::string> from_cp949(std::vector<unsigned char>& bytes, bool& available) {
  const iconv_t converter = iconv_open("UTF-8", "CP949");
  available = converter != iconv_t(-1);
  if (!available) return std::nullopt;
  std::string out(bytes.size() * 2 + 16, '\0');  // two bytes become at most three
  char* from = reinterpret_cast<char*>(bytes.data());
  char* to = out.data();
  size_t from_left = bytes.size(), to_left = out.size();
  const size_t result = iconv(converter, &from, &from_left, &to, &to_left);
  iconv_close(converter);
  if (result == size_t(-1) || from_left != 0) return std::nullopt;
  out.resize(out.size() - to_left);
  return out;
}

}  // namespace

std::string likely_encoding(const std::vector<unsigned char>& bytes) {
  bool available = true;
  std::vector<unsigned char> copy = bytes;
  return looks_korean(bytes) && from_cp949(copy, available) ? "cp949" : "latin1";
}

size_t find_invalid_utf8(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  for (size_t i = 0; i < text.size();) {
    const unsigned char first = byte(i);
    if (first < 0x80) {
      ++i;
      continue;
    }
    const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || i + length > text.size()) return i;
    for (size_t k = 1; k < length; ++k)
      if ((byte(i + k) & 0xC0) != 0x80) return i;
    const unsigned char second = byte(i + 1);  // overlong forms, surrogates, beyond U+10FFFF
    if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
        (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F))
      return i;
    i += length;
  }
  return std::string_view::npos;
}

Result<std::string> decode_text(const std::string& path, std::vector<unsigned char> bytes,
                                const std::string& encoding, Diagnostics& diagnostics, bool later) {
  if (starts_with(bytes, {0xFF, 0xFE}) || starts_with(bytes, {0xFE, 0xFF})) {
    diagnostics.error_at(DiagnosticKind::data_encoding, path, "is UTF-16, which is not supported")
        .suggest("save it as UTF-8");
    return Failure{};
  }
  if (starts_with(bytes, {0xEF, 0xBB, 0xBF})) bytes.erase(bytes.begin(), bytes.begin() + 3);
  const auto zero = std::find(bytes.begin(), bytes.end(), 0);
  if (zero != bytes.end()) {
    diagnostics.error_at(DiagnosticKind::data_format, path,
                         fmt::format("is not text: byte {} is zero", zero - bytes.begin()));
    return Failure{};
  }
  bool available = true;
  if (encoding == "latin1") return from_latin1(bytes);
  if (encoding == "cp949") {
    if (std::optional<std::string> text = from_cp949(bytes, available)) return *std::move(text);
    diagnostics.error_at(DiagnosticKind::data_encoding, path,
                         available ? "is not valid CP949, the encoding that data.encoding names"
                                   : "this system cannot convert CP949");
    return Failure{};
  }
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const size_t wrong = find_invalid_utf8(text);
  if (wrong == std::string_view::npos) return std::string(text);

  const size_t line_start = wrong == 0 ? 0 : text.rfind('\n', wrong - 1) + 1;  // npos + 1 is 0
  const auto line = std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(wrong), '\n') + 1;
  const auto column = 1 + std::count_if(text.begin() + static_cast<std::ptrdiff_t>(line_start),
                                        text.begin() + static_cast<std::ptrdiff_t>(wrong), [](char c) {
                                          return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
                                        });
  std::string message = fmt::format("not UTF-8 (byte 0x{:02X} at column {})", bytes[wrong], column);
  const std::string where = fmt::format("{}:{}", path, line);
  const bool korean = likely_encoding(bytes) == "cp949";
  diagnostics.error_at(DiagnosticKind::data_encoding, where, message + (korean ? "; it is valid CP949" : ""))
      .suggest(later
                   ? "save it as UTF-8"
                   : fmt::format("save it as UTF-8, or data.encoding = \"{}\"", korean ? "cp949" : "latin1"));
  return Failure{};
}

}  // namespace nnc::runtime
