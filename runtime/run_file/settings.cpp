// TOML text → Setting tree, and --set overrides; see settings.h.
#include "runtime/run_file/settings.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "fmt/format.h"
#include "runtime/run_file/toml_words.h"

// toml++ 3.3 asserts what a text like `[ }` violates, and in release builds turns that into undefined
// behavior. Here a violated assertion is one more syntax error: it ends the parse. Nothing else in nnc
// throws, and this is caught below.
namespace {
struct BrokenToml {};
[[noreturn]] void broken_toml() {
  throw BrokenToml{};
}
}  // namespace
#undef NDEBUG
#define TOML_ASSERT(condition) ((condition) ? void() : broken_toml())
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
// The parser's own header is not ours to mend.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#pragma GCC diagnostic ignored "-Wshadow"
#include "toml++/toml.h"
#pragma GCC diagnostic pop

namespace nnc::runtime {
namespace {

// Where the places that toml++ names are in the text: it counts lines and columns from 1, columns in code points. A line
// is walked once for all that is on it: nnc writes a list of columns, of which there may be thousands, on one.
class Places {
 public:
  Places(const Sources& sources, FileId file) : file_(file), text_(sources[file]) {}

  Span span(const toml::source_region& region) {
    if (!region.begin) return {};
    const uint32_t begin = offset(region.begin);
    // Regions of tables may reach over many lines: their first line is enough to point at.
    const uint32_t line_end = line_ == 0 ? begin : text_.line_start(line_) + columns_.back();
    const bool ends_here = region.end && region.end.line == region.begin.line;
    const uint32_t end = ends_here ? offset(region.end) : region.end ? line_end : begin + 1;
    return {file_, begin, std::max(begin, std::min(std::max(end, begin + 1), line_end))};
  }

 private:
  uint32_t offset(toml::source_position at) {
    if (at.line < 1 || at.line > text_.line_count()) {
      line_ = 0;
      return static_cast<uint32_t>(text_.text().size());
    }
    if (at.line != line_) walk(at.line);
    const size_t column = std::clamp<size_t>(at.column, 1, columns_.size());
    return text_.line_start(line_) + columns_[column - 1];
  }

  void walk(uint32_t line) {
    line_ = line;
    columns_.clear();
    const std::string_view words = text_.line(line);
    for (uint32_t at = 0; at < words.size(); ++at)
      if ((static_cast<unsigned char>(words[at]) & 0xC0) != 0x80) columns_.push_back(at);
    columns_.push_back(static_cast<uint32_t>(words.size()));
  }

  FileId file_;
  const SourceFile& text_;
  uint32_t line_ = 0;              // that was walked last; 0: none
  std::vector<uint32_t> columns_;  // where each column of it begins, and its end
};

Setting convert(const toml::node& node, Places& places, const std::string& origin_name) {
  Setting out;
  out.span = places.span(node.source());
  out.origin = node.source().begin && origin_name != "--set"
                   ? fmt::format("{}:{}", origin_name, node.source().begin.line)
                   : origin_name;
  if (const auto* table = node.as_table()) {
    out.kind = Setting::Kind::table;
    for (const auto& [key, value] : *table) {
      Setting member = convert(value, places, origin_name);
      member.key = std::string(key.str());
      member.key_span = places.span(key.source());
      out.items.push_back(std::move(member));
    }
    std::stable_sort(out.items.begin(), out.items.end(),
                     [](const Setting& a, const Setting& b) { return a.key_span < b.key_span; });
  } else if (const auto* list = node.as_array()) {
    out.kind = Setting::Kind::list;
    for (const toml::node& item : *list) out.items.push_back(convert(item, places, origin_name));
  } else if (const auto* string = node.as_string()) {
    out.kind = Setting::Kind::string;
    out.string = string->get();
  } else if (const auto* integer = node.as_integer()) {
    out.kind = Setting::Kind::integer;
    out.integer = integer->get();
    out.real = static_cast<double>(out.integer);
  } else if (const auto* real = node.as_floating_point()) {
    out.kind = Setting::Kind::real;
    out.real = real->get();
  } else if (const auto* boolean = node.as_boolean()) {
    out.kind = Setting::Kind::boolean;
    out.boolean = boolean->get();
  } else {
    out.kind = Setting::Kind::other;
  }
  return out;
}

// A rough scan of the brackets (strings and comments skipped) that only chooses the words of a message.
struct BracketScan {
  bool within_broken_braces =
      false;  // `until` lies within { } opened on an earlier line, or at the line's end
  size_t wrong_closer = std::string_view::npos;  // the first one that closes nothing, or something else
};
BracketScan scan_brackets(std::string_view text, size_t until) {
  BracketScan scan;
  std::vector<std::pair<char, size_t>> open;  // bracket, line
  size_t line = 0;
  for (size_t i = 0; i < text.size() && i <= until; ++i) {
    const char c = text[i];
    if (c == '\n') ++line;
    if (c == '#') i = std::min(text.find('\n', i), text.size()) - 1;
    if (c == '"' || c == '\'') {
      size_t end = i + 1;
      while (end < text.size() && text[end] != c && text[end] != '\n') end += text[end] == '\\' ? 2 : 1;
      if (end >= text.size()) break;
      i = text[end] == '\n' ? end - 1 : end;
    }
    if (c == '{' || c == '[') open.emplace_back(c, line);
    if (c == '}' || c == ']') {
      if (open.empty() || open.back().first != (c == '}' ? '{' : '[')) {
        if (scan.wrong_closer == std::string_view::npos) scan.wrong_closer = i;
      } else {
        open.pop_back();
      }
    }
  }
  const bool in_braces = !open.empty() && open.back().first == '{';
  scan.within_broken_braces =
      in_braces && (open.back().second < line || (until < text.size() && text[until] == '\n'));
  return scan;
}

// Where a key has more parts, or brackets lie deeper in one another, than any run file's: toml++, and what walks its
// tree, recurse once for each. A string that is never closed ends the search, as it ends the parse.
constexpr size_t kMostParts = 16;
constexpr size_t kMostBrackets = 32;

std::optional<size_t> too_deep(std::string_view text) {
  size_t parts = 1, brackets = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '#') {
      i = std::min(text.find('\n', i), text.size()) - 1;
    } else if (c == '"' || c == '\'') {
      const bool long_string = i + 2 < text.size() && text[i + 1] == c && text[i + 2] == c;
      const size_t quotes = long_string ? 3 : 1;
      const std::string_view closing = text.substr(i, quotes);
      i += quotes;
      while (i < text.size() && text.substr(i, quotes) != closing && (long_string || text[i] != '\n'))
        i += c == '"' && text[i] == '\\' ? 2 : 1;
      if (i >= text.size() || text[i] == '\n') return std::nullopt;
      i += quotes - 1;
      // """ … """"": up to two quotes more belong to the text.
      while (long_string && i + 1 < text.size() && text[i + 1] == c) ++i;
    } else if (c == '.') {
      if (++parts > kMostParts) return i;
    } else if (c == '[' || c == '{') {
      parts = 1;
      if (++brackets > kMostBrackets) return i;
    } else if (c == ']' || c == '}') {
      parts = 1;
      brackets -= brackets > 0 ? 1 : 0;
    } else if (c == '\n' || c == '=' || c == ',') {
      parts = 1;
    }
  }
  return std::nullopt;
}

Result<Setting> parse_toml(const std::string& text, const std::string& origin, const std::string& path,
                           const Sources& sources, FileId file, Diagnostics& diagnostics) {
  if (const std::optional<size_t> deep = too_deep(text)) {
    const auto at = static_cast<uint32_t>(*deep);
    diagnostics.error(
        DiagnosticKind::run_file_syntax, {file, at, at + 1},
        fmt::format("nested deeper than any key of a run file: at most {} parts joined by dots, {} brackets",
                    kMostParts, kMostBrackets));
    return Failure{};
  }
  const toml::parse_result result = toml::parse(std::string_view(text), path);
  Places places(sources, file);
  if (result) return convert(result.table(), places, origin);
  const Span span = places.span(result.error().source());
  const TomlFault fault =
      describe_toml_fault(result.error().description(), text, span.valid() ? span.begin : text.size());
  const Span at = span.valid() && fault.end <= text.size()
                      ? Span{file, static_cast<uint32_t>(fault.begin), static_cast<uint32_t>(fault.end)}
                      : span;
  Diagnostic& d = diagnostics.error(DiagnosticKind::run_file_syntax, at, fault.message);
  if (span.valid() && scan_brackets(text, span.begin).within_broken_braces)
    d.suggest("TOML allows no line break inside { }: write it on one line, or as a [table]");
  else
    d.suggest(fault.mend);
  return Failure{};
}

}  // namespace

const Setting* Setting::member(std::string_view name) const {
  for (const Setting& item : items)
    if (item.key == name) return &item;
  return nullptr;
}

std::string quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      out += fmt::format("\\u{:04X}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string Setting::text() const {
  switch (kind) {
    case Kind::string:
      return quote(string);
    case Kind::integer:
      return std::to_string(integer);
    case Kind::real:
      return fmt::format("{}", real);
    case Kind::boolean:
      return boolean ? "true" : "false";
    case Kind::list: {
      std::string out = "[";
      for (size_t i = 0; i < items.size(); ++i) out += (i > 0 ? ", " : "") + items[i].text();
      return out + "]";
    }
    case Kind::table: {
      std::string out = "{";
      for (size_t i = 0; i < items.size(); ++i)
        out += fmt::format("{} {} = {}", i > 0 ? "," : "", items[i].key, items[i].text());
      return out + " }";
    }
    case Kind::other:
      break;
  }
  return "?";
}

const char* describe_kind(Setting::Kind kind) {
  switch (kind) {
    case Setting::Kind::table:
      return "a table";
    case Setting::Kind::list:
      return "a list";
    case Setting::Kind::string:
      return "a string";
    case Setting::Kind::integer:
      return "a whole number";
    case Setting::Kind::real:
      return "a number";
    case Setting::Kind::boolean:
      return "true or false";
    case Setting::Kind::other:
      return "a date or time";
  }
  return "?";
}

Result<Setting> parse_settings(const std::string& path, std::string text, Sources& sources,
                               Diagnostics& diagnostics) {
  const FileId file = sources.add(path, std::move(text));
  const std::string kept = sources[file].text();
  const size_t slash = path.rfind('/');
  try {
    return parse_toml(kept, slash == std::string::npos ? path : path.substr(slash + 1), path, sources, file,
                      diagnostics);
  } catch (const BrokenToml&) {
    const size_t closer = scan_brackets(kept, kept.size()).wrong_closer;
    if (closer == std::string::npos) {
      diagnostics.error_at(DiagnosticKind::run_file_syntax, path, "is not valid TOML");
    } else {
      const auto at = static_cast<uint32_t>(closer);
      diagnostics.error(DiagnosticKind::run_file_syntax, {file, at, at + 1},
                        "this bracket closes nothing that is open");
    }
    return Failure{};
  }
}

std::optional<Setting> parse_value(const std::string& value) {
  if (value.find('\n') != std::string::npos || too_deep(value)) return std::nullopt;
  try {
    const toml::parse_result parsed = toml::parse(std::string_view("v = " + value));
    if (!parsed || parsed.table().size() != 1) return std::nullopt;
    Sources none;
    Places places(none, none.add("--set", "v = " + value));
    return convert(*parsed.table().get("v"), places, "--set");
  } catch (const BrokenToml&) {
  }
  return std::nullopt;
}

namespace {

std::string trim(const std::string& text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string::npos) return "";
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// Places inside the value were those of the helper text that it was parsed in; the whole value is near enough.
void mark_override(Setting& setting, Span value) {
  setting.span = value;
  if (!setting.key.empty()) setting.key_span = value;
  setting.origin = "--set";
  for (Setting& item : setting.items) mark_override(item, value);
}

// What one part of a key names: an item of a list, by position, or of a table, where it is made if it is not there. Null
// if there is no such position, or `parent` is neither.
Setting* item_of(Setting& parent, const std::string& part, Span key_span) {
  if (parent.kind == Setting::Kind::list) {
    size_t index = 0;
    const char* end = part.data() + part.size();
    const auto [stop, error] = std::from_chars(part.data(), end, index);
    return error == std::errc() && stop == end && index < parent.items.size() ? &parent.items[index]
                                                                              : nullptr;
  }
  if (parent.kind != Setting::Kind::table) return nullptr;
  for (Setting& item : parent.items)
    if (item.key == part) return &item;
  Setting& made = parent.items.emplace_back();
  made.key = part;
  made.key_span = made.span = key_span;
  made.origin = "--set";
  return &made;
}

}  // namespace

Status apply_override(Setting& root, const std::string& assignment, Sources& sources,
                      Diagnostics& diagnostics) {
  const size_t equals = assignment.find('=');
  const auto fail = [&](std::string message) {
    diagnostics.error_at(DiagnosticKind::run_file_syntax, "--set " + assignment, std::move(message))
        .suggest("--set train.batch=64");
    return Failure{};
  };
  if (equals == std::string::npos || equals == 0) return fail("is not of the form key=value");
  const std::string key = trim(assignment.substr(0, equals));
  const std::string value = trim(assignment.substr(equals + 1));

  if (std::count(key.begin(), key.end(), '.') >= static_cast<std::ptrdiff_t>(kMostParts))
    return fail(fmt::format("has more than {} parts in its key", kMostParts));

  const FileId file = sources.add("--set", assignment);
  const auto value_begin = static_cast<uint32_t>(assignment.find(value, equals + 1));
  const Span key_span{file, 0, static_cast<uint32_t>(equals)};
  Setting setting;
  std::optional<Setting> parsed = parse_value(value);
  // A date is text to most keys; to an argument of the model it would be a subtraction.
  if (parsed && (parsed->kind != Setting::Kind::other || key.starts_with("args."))) {
    setting = *std::move(parsed);
  } else {
    setting.kind = Setting::Kind::string;
    setting.string = value;
  }
  mark_override(setting, {file, value_begin, static_cast<uint32_t>(value_begin + value.size())});

  Setting* at = &root;
  for (size_t begin = 0; begin <= key.size();) {
    const size_t end = std::min(key.find('.', begin), key.size());
    const std::string part = key.substr(begin, end - begin);
    if (part.empty()) return fail("has an empty part in its key");
    begin = end + 1;
    Setting* next = item_of(*at, part, key_span);
    if (next == nullptr && at->kind == Setting::Kind::list)
      return fail(
          fmt::format("'{}' is not an index of a list of {} (indices start at 0)", part, at->items.size()));
    if (next == nullptr)
      return fail(
          fmt::format("'{}' is not a table, so it has no '{}'", key.substr(0, end - part.size() - 1), part));
    at = next;
  }
  setting.key = at->key;
  setting.key_span = key_span;
  *at = std::move(setting);
  return Done{};
}

}  // namespace nnc::runtime
