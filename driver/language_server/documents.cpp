// See documents.h.
#include "driver/language_server/documents.h"

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "fmt/format.h"

namespace nnc::language_server {
namespace {

constexpr std::string_view kFile = "file://";

// Bytes of the character at `at`. What is no UTF-8 is one byte.
size_t character_size(std::string_view text, size_t at) {
  const auto first = static_cast<unsigned char>(text[at]);
  const size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC0 ? 2 : 1;
  for (size_t i = 1; i < size; ++i)
    if (at + i >= text.size() || (static_cast<unsigned char>(text[at + i]) & 0xC0) != 0x80) return 1;
  return size;
}

uint32_t units(size_t bytes, Encoding encoding) {
  if (encoding == Encoding::utf8) return static_cast<uint32_t>(bytes);
  return bytes == 4 ? 2 : 1;
}

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const int letter = std::tolower(static_cast<unsigned char>(c));
  return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

std::string decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? digit(text[i + 1]) : -1;
    const int low = high >= 0 ? digit(text[i + 2]) : -1;
    if (low >= 0) {
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

uint32_t offset_of(const SourceFile& file, Position position, Encoding encoding) {
  if (position.line >= file.line_count()) return static_cast<uint32_t>(file.text().size());
  const std::string_view line = file.line(position.line + 1);
  size_t at = 0;
  for (uint32_t column = 0; at < line.size();) {
    const size_t size = character_size(line, at);
    column += units(size, encoding);
    if (column > position.character) break;
    at += size;
  }
  return file.line_start(position.line + 1) + static_cast<uint32_t>(at);
}

Position position_of(const SourceFile& file, uint32_t offset, Encoding encoding) {
  const uint32_t line = file.locate(offset).line;
  const uint32_t start = file.line_start(line);
  const std::string_view text = file.line(line);
  Position out{line - 1, 0};
  for (size_t at = 0; at < text.size() && start + at < offset;) {
    const size_t size = character_size(text, at);
    out.character += units(size, encoding);
    at += size;
  }
  return out;
}

Json json_of(Position position) {
  return {{"line", position.line}, {"character", position.character}};
}

Json range_of(const SourceFile& file, uint32_t begin, uint32_t end, Encoding encoding) {
  return {{"start", json_of(position_of(file, begin, encoding))},
          {"end", json_of(position_of(file, std::max(begin, end), encoding))}};
}

Position position_in(const Json& json) {
  return {count_at(json, "line").value_or(0), count_at(json, "character").value_or(0)};
}

std::string path_of(const std::string& uri) {
  if (!uri.starts_with(kFile)) return uri;
  const size_t path = uri.find('/', kFile.size());  // after the name of a machine, which is empty
  if (path == std::string::npos) return uri;
  return normal_path(decoded(std::string_view(uri).substr(path)));
}

std::string normal_path(const std::string& path) {
  return std::filesystem::path(path).lexically_normal().string();
}

std::string uri_of(const std::string& path) {
  if (!path.starts_with('/')) return path;
  std::string out(kFile);
  for (const char c : path) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 ||
                       std::string_view("/-._~").find(c) != std::string_view::npos;
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

void apply(Document& document, const Json& change, Encoding encoding) {
  const Json& text = at(change, "text");
  if (!text.is_string()) return;
  const Json& range = at(change, "range");
  if (!range.is_object()) {
    document.text = text.get<std::string>();
    return;
  }
  const SourceFile file = document.source();
  const uint32_t begin = offset_of(file, position_in(at(range, "start")), encoding);
  const uint32_t end = std::max(begin, offset_of(file, position_in(at(range, "end")), encoding));
  document.text.replace(begin, end - begin, text.get<std::string>());
}

DocumentKind kind_of(const std::string& path, const std::string& language) {
  if (language == "nn" || path.ends_with(".nn")) return DocumentKind::model;
  return path.ends_with(".toml") ? DocumentKind::run_file : DocumentKind::other;
}

}  // namespace nnc::language_server
