// The texts that the editor has open, places in them as the protocol counts them, and what files are called there.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "driver/language_server/json.h"
#include "support/source.h"

namespace nnc::language_server {

// What the protocol's columns count: bytes, or 16-bit units, of which characters beyond U+FFFF take two.
enum class Encoding { utf8, utf16 };

struct Position {  // from 0
  uint32_t line = 0;
  uint32_t character = 0;
};

// Beyond the end of a line is its end, beyond the last line the end of the text, within a character its beginning.
uint32_t offset_of(const SourceFile& file, Position position, Encoding encoding);
Position position_of(const SourceFile& file, uint32_t offset, Encoding encoding);

Json json_of(Position position);
Json range_of(const SourceFile& file, uint32_t begin, uint32_t end, Encoding encoding);
// { line, character } as it came; 0 for what is missing.
Position position_in(const Json& json);

// "file:///a%20b.nn" is /a b.nn; a document without a file ("untitled:1") is called as it is.
std::string path_of(const std::string& uri);
std::string uri_of(const std::string& path);
std::string normal_path(const std::string& path);  // without . and .. in it

enum class DocumentKind { model, run_file, other };

struct Document {
  std::string uri;
  std::string path;  // normalized; of one without a file, what stands for it
  DocumentKind kind = DocumentKind::other;
  std::string text;
  Json version;  // as the editor numbers it

  SourceFile source() const { return {path, text}; }
};

// One entry of a change: the text between two places replaced, or all of it.
void apply(Document& document, const Json& change, Encoding encoding);

// By the name of its file, or what the editor says it is written in.
DocumentKind kind_of(const std::string& path, const std::string& language);

}  // namespace nnc::language_server
