// See doc_comment.h.
#include "frontend/syntax/doc_comment.h"

#include <algorithm>

namespace nnc::frontend {
namespace {

std::string_view trimmed(std::string_view text) {
  const size_t begin = std::min(text.find_first_not_of(" \t"), text.size());
  return text.substr(begin, text.find_last_not_of(" \t") + 1 - begin);
}

bool is_comment(std::string_view line) {
  return trimmed(line).starts_with('#');
}

// What follows the # that no text in quotes holds; empty where the line has none.
std::string_view comment_in(std::string_view line) {
  bool quoted = false;
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '"') quoted = !quoted;
    if (line[i] == '#' && !quoted) return trimmed(line.substr(i + 1));
  }
  return {};
}

}  // namespace

uint32_t with_comment(const SourceFile& file, uint32_t begin) {
  uint32_t line = file.locate(begin).line;
  while (line > 1 && is_comment(file.line(line - 1))) --line;
  return file.line_start(line);
}

std::string doc_comment(const SourceFile& file, uint32_t begin) {
  const uint32_t own = file.locate(begin).line;
  const uint32_t first = file.locate(with_comment(file, begin)).line;
  if (first == own) return std::string(comment_in(file.line(own)));
  std::string out;
  for (uint32_t line = first; line < own; ++line) {
    if (!out.empty()) out += '\n';
    out += comment_in(file.line(line));
  }
  return out;
}

}  // namespace nnc::frontend
