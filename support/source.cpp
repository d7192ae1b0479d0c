// Lines and columns of byte offsets.
#include "support/source.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace nnc {
namespace {

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

// One code point from `text` at `at`, which moves past it. Bytes that are not UTF-8 count as one character each.
uint32_t next_code_point(std::string_view text, size_t& at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at++);
  int more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : first >= 0xC0 ? 1 : 0;
  uint32_t code = more == 3 ? first & 0x07 : more == 2 ? first & 0x0F : more == 1 ? first & 0x1F : first;
  while (more-- > 0 && at < text.size() && is_continuation(text[at])) code = code << 6 | (byte(at++) & 0x3F);
  return code;
}

// Ranges of East Asian Width W and F (Unicode 15, UAX #11), joined where only unassigned code points lie between.
bool is_wide(uint32_t c) {
  return (c >= 0x1100 && c <= 0x115F) || (c >= 0x2E80 && c <= 0x303E) || (c >= 0x3041 && c <= 0x33FF) ||
         (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0xA000 && c <= 0xA4CF) ||
         (c >= 0xAC00 && c <= 0xD7A3) || (c >= 0xF900 && c <= 0xFAFF) || (c >= 0xFE30 && c <= 0xFE6F) ||
         (c >= 0xFF00 && c <= 0xFF60) || (c >= 0xFFE0 && c <= 0xFFE6) || (c >= 0x1F300 && c <= 0x1F64F) ||
         (c >= 0x1F900 && c <= 0x1F9FF) || (c >= 0x20000 && c <= 0x3FFFD);
}

bool is_combining(uint32_t c) {
  return (c >= 0x0300 && c <= 0x036F) || (c >= 0x20D0 && c <= 0x20FF) || (c >= 0xFE00 && c <= 0xFE0F) ||
         c == 0x200B || c == 0x200D;
}

}  // namespace

Span join(Span a, Span b) {
  if (!a.valid()) return b;
  if (!b.valid() || a.file != b.file) return a;
  return {a.file, std::min(a.begin, b.begin), std::max(a.end, b.end)};
}

SourceFile::SourceFile(std::string path, std::string text, SourceOrigin origin)
    : path_(std::move(path)), text_(std::move(text)), origin_(origin) {
  line_starts_.push_back(0);
  for (size_t i = 0; i < text_.size(); ++i)
    if (text_[i] == '\n') line_starts_.push_back(static_cast<uint32_t>(i + 1));
}

LineColumn SourceFile::locate(uint32_t offset) const {
  offset = std::min<uint32_t>(offset, static_cast<uint32_t>(text_.size()));
  const auto after = std::upper_bound(line_starts_.begin(), line_starts_.end(), offset);
  const auto line = static_cast<uint32_t>(after - line_starts_.begin());
  uint32_t column = 1;
  for (size_t i = line_starts_[line - 1]; i < offset; ++i)
    if (!is_continuation(text_[i])) ++column;
  return {line, column};
}

std::string_view SourceFile::line(uint32_t line) const {
  if (line < 1 || line > line_starts_.size()) return {};
  const size_t begin = line_starts_[line - 1];
  size_t end = line < line_starts_.size() ? line_starts_[line] - 1 : text_.size();
  if (end > begin && text_[end - 1] == '\r') --end;
  return std::string_view(text_).substr(begin, end - begin);
}

FileId Sources::add(std::string path, std::string text, SourceOrigin origin) {
  return files_.push_back(SourceFile(std::move(path), std::move(text), origin));
}

const std::string* Sources::unsaved(const std::string& path) const {
  if (unsaved_ == nullptr) return nullptr;
  const auto found = unsaved_->find(std::filesystem::path(path).lexically_normal().string());
  return found == unsaved_->end() ? nullptr : &found->second;
}

std::string_view Sources::text(Span span) const {
  if (!span.valid()) return {};
  const std::string& text = files_[span.file].text();
  const size_t begin = std::min<size_t>(span.begin, text.size());
  return std::string_view(text).substr(begin, std::min<size_t>(span.end, text.size()) - begin);
}

std::string Sources::describe(Span span) const {
  if (!span.valid()) return "";
  const SourceFile& file = files_[span.file];
  const LineColumn at = file.locate(span.begin);
  return fmt::format("{}:{}:{}", file.path(), at.line, at.column);
}

std::string describe_lines(const std::vector<Span>& spans, const Sources& sources) {
  std::map<FileId, std::set<uint32_t>> lines;
  for (const Span& span : spans)
    if (span.valid()) lines[span.file].insert(sources[span.file].locate(span.begin).line);
  const auto is_library = [&](FileId file) { return sources[file].is_library(); };
  const bool has_own =
      std::any_of(lines.begin(), lines.end(), [&](const auto& entry) { return !is_library(entry.first); });
  std::string out;
  for (const auto& [file, numbers] : lines) {
    if (has_own && is_library(file)) continue;
    out += fmt::format("{}{}:{}", out.empty() ? "" : " ", sources[file].path(), fmt::join(numbers, ","));
  }
  return out;
}

size_t display_width(std::string_view text) {
  size_t width = 0;
  for (size_t at = 0; at < text.size();) {
    const uint32_t c = next_code_point(text, at);
    width += is_combining(c) ? 0 : is_wide(c) ? 2 : 1;
  }
  return width;
}

}  // namespace nnc
