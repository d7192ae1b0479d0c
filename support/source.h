// Source files and places in them. A Span is a byte range of one file; every token, syntax node and graph node
// carries one or more, so that an error found late still points at the user's words.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "support/id.h"

namespace nnc {

using FileId = Id<struct FileTag>;

// Bytes [begin, end) of a file. A default Span points nowhere.
struct Span {
  FileId file;
  uint32_t begin = 0;
  uint32_t end = 0;

  bool valid() const { return file.valid(); }
  auto operator<=>(const Span&) const = default;
};

// The smallest span that covers both; the valid one if one of them is not.
Span join(Span a, Span b);

// Line and column from 1. The column counts characters (code points), as editors do.
struct LineColumn {
  uint32_t line = 1;
  uint32_t column = 1;
};

// Whose text it is: the user's, or the standard library's.
enum class SourceOrigin : uint8_t { user, library };

// A text with a name, and where its lines start.
class SourceFile {
 public:
  SourceFile(std::string path, std::string text, SourceOrigin origin = SourceOrigin::user);

  const std::string& path() const { return path_; }
  const std::string& text() const { return text_; }
  bool is_library() const { return origin_ == SourceOrigin::library; }
  LineColumn locate(uint32_t offset) const;
  uint32_t line_count() const { return static_cast<uint32_t>(line_starts_.size()); }
  // The line's bytes without its line end; `line` counts from 1.
  std::string_view line(uint32_t line) const;
  // The byte offset at which `line` (from 1) starts.
  uint32_t line_start(uint32_t line) const { return line_starts_[line - 1]; }

 private:
  std::string path_;
  std::string text_;
  SourceOrigin origin_;
  std::vector<uint32_t> line_starts_;
};

// What an editor holds and has not saved yet, by the path (normalized) of the file whose place it takes.
using UnsavedTexts = std::map<std::string, std::string, std::less<>>;

// Owns every source text of one run of nnc.
class Sources {
 public:
  Sources() = default;
  // Whoever reads a file into these sources asks unsaved() first. `unsaved` must outlive them.
  explicit Sources(const UnsavedTexts& unsaved) : unsaved_(&unsaved) {}

  // The text that takes the place of the file at `path`; null where the file itself counts.
  const std::string* unsaved(const std::string& path) const;

  FileId add(std::string path, std::string text, SourceOrigin origin = SourceOrigin::user);
  const SourceFile& operator[](FileId id) const { return files_[id]; }
  size_t size() const { return files_.size(); }
  std::string_view text(Span span) const;
  // Whether it lies in the standard library; false of one that points nowhere.
  bool is_library(Span span) const { return span.valid() && files_[span.file].is_library(); }
  // "digits.nn:5:72"
  std::string describe(Span span) const;

 private:
  IdVector<FileId, SourceFile> files_;
  const UnsavedTexts* unsaved_ = nullptr;
};

// The lines that the spans start on: "digits.nn:5,7 std/layers.nn:6", in the order of the files. Lines of the standard
// library are left out where a file of the user's is named.
std::string describe_lines(const std::vector<Span>& spans, const Sources& sources);

// Columns a terminal needs for `text` (UTF-8): two for wide East Asian characters, none for combining marks.
size_t display_width(std::string_view text);

}  // namespace nnc
