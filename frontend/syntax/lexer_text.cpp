// What comes before the tokens: is the file text at all, and which characters belong to a name.
#include "fmt/format.h"
#include "frontend/syntax/lexer.h"

namespace nnc::frontend {
namespace {

unsigned char byte_at(std::string_view text, size_t i) {
  return static_cast<unsigned char>(text[i]);
}

// Bytes of the well-formed UTF-8 sequence at `at` (Unicode table 3-7), 0 if there is none.
size_t sequence_length(std::string_view text, size_t at) {
  const unsigned char first = byte_at(text, at);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || at + length > text.size()) return 0;
  const unsigned char second = byte_at(text, at + 1);
  const unsigned char low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
  const unsigned char high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
  if (second < low || second > high) return 0;
  for (size_t i = at + 2; i < at + length; ++i)
    if ((byte_at(text, i) & 0xC0) != 0x80) return 0;
  return length;
}

}  // namespace

bool check_text(const Sources& sources, FileId file, Diagnostics& diagnostics) {
  const std::string_view text = sources[file].text();
  const auto here = [&](size_t at) {
    return Span{file, static_cast<uint32_t>(at), static_cast<uint32_t>(at + 1)};
  };
  if (text.size() > kLargestFile) {
    diagnostics.error_at(
        DiagnosticKind::file_too_large, sources[file].path(),
        fmt::format("this file has {} bytes; a .nn file may have {} (16 MiB)", text.size(), kLargestFile));
    return false;
  }
  for (size_t at = 0; at < text.size();) {
    const size_t length = sequence_length(text, at);
    if (length == 0) {
      diagnostics
          .error(DiagnosticKind::not_text, here(at),
                 fmt::format("not UTF-8 text: byte 0x{:02X} is not valid here", byte_at(text, at)))
          .suggest("save the file as UTF-8");
      return false;
    }
    if (text[at] == '\0') {
      diagnostics.error(DiagnosticKind::not_text, here(at), "a NUL byte: this is not a text file");
      return false;
    }
    at += length;
  }
  return true;
}

}  // namespace nnc::frontend
