// Collecting diagnostics, and the text that users see.
#include "support/diagnostic.h"

#include <algorithm>
#include <charconv>
#include <compare>
#include <optional>

#include "fmt/format.h"
#include "support/printable.h"

namespace nnc {
namespace {

struct KindInfo {
  std::string_view name;
  DiagnosticClass diagnostic_class;
};

constexpr KindInfo kKinds[] = {
#define NNC_DIAGNOSTIC(name, diagnostic_class) {#name, DiagnosticClass::diagnostic_class},
#include "support/diagnostics.def"
};

constexpr uint32_t kTabWidth = 4;

std::string expand_tabs(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '\t')
      out.append(kTabWidth, ' ');
    else
      out.push_back(static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? ' ' : c);
  }
  return out;
}

struct Paint {
  bool color;
  std::string operator()(std::string_view code, std::string_view text) const {
    return color ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
  }
};

// The source line of `span` with the span underlined, and `text` after the underline.
std::string excerpt(Span span, const Sources& sources, std::string_view text, char mark, const Paint& paint) {
  const SourceFile& file = sources[span.file];
  const LineColumn at = file.locate(span.begin);
  const std::string_view line = file.line(at.line);
  const uint32_t start = file.line_start(at.line);
  const size_t from = std::min<size_t>(span.begin - start, line.size());
  const size_t to = std::clamp<size_t>(span.end > start ? span.end - start : from, from, line.size());

  // A very long line is cut around the span, so that a binary file cannot flood the terminal.
  constexpr size_t kWindow = 160;
  size_t window_begin = 0;
  if (line.size() > kWindow && from > kWindow / 2) window_begin = from - kWindow / 2;
  while (window_begin > 0 && (static_cast<unsigned char>(line[window_begin]) & 0xC0) == 0x80) --window_begin;
  size_t window_end = std::min(line.size(), window_begin + kWindow);
  while (window_end < line.size() && (static_cast<unsigned char>(line[window_end]) & 0xC0) == 0x80)
    ++window_end;

  const std::string shown = expand_tabs(line.substr(window_begin, window_end - window_begin));
  const size_t indent = display_width(expand_tabs(line.substr(window_begin, from - window_begin)));
  const size_t width =
      std::max<size_t>(1, display_width(expand_tabs(line.substr(from, std::min(to, window_end) - from))));
  std::string underline(width, mark == '^' ? '~' : mark);
  underline[0] = mark;
  if (mark == '^' && width > 1) underline.assign(width, '^');
  std::string out = fmt::format("{:>4} | {}\n     | {}{}", at.line, shown, std::string(indent, ' '),
                                paint(mark == '^' ? "1;31" : "1;34", underline));
  if (!text.empty()) out += " " + printable(text);
  return out + "\n";
}

// Where a message belongs among others: texts in the order in which they were read, then files that are no text by
// name, line and column ("train.csv:418:7"; what is said of the whole file follows), then what has no place at all.
struct Place {
  int group = 0;
  uint32_t file = 0;
  std::string path;
  uint64_t line = 0, column = 0;
  auto operator<=>(const Place&) const = default;
};

// Takes ":418" off the end.
std::optional<uint64_t> take_number(std::string_view& text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data() + colon + 1, end, number);
  if (error != std::errc() || rest != end) return std::nullopt;
  text = text.substr(0, colon);
  return number;
}

Place place_of(const Diagnostic& d) {
  if (d.span.valid()) return {0, d.span.file.index, {}, d.span.begin, d.span.end};
  if (d.location.empty()) return {2, 0, {}, 0, 0};
  std::string_view path = d.location;
  const std::optional<uint64_t> last = take_number(path);
  const std::optional<uint64_t> before = last ? take_number(path) : std::nullopt;
  return {1, 0, std::string(path), before ? *before : last.value_or(UINT64_MAX), before ? *last : 0};
}

}  // namespace

std::string_view kind_name(DiagnosticKind kind) {
  return kKinds[static_cast<size_t>(kind)].name;
}

DiagnosticClass kind_class(DiagnosticKind kind) {
  return kKinds[static_cast<size_t>(kind)].diagnostic_class;
}

Diagnostic& Diagnostics::add(Diagnostic diagnostic) {
  const auto repeat = std::find_if(all_.begin(), all_.end(), [&](const Diagnostic& d) {
    return d.kind == diagnostic.kind && d.span == diagnostic.span && d.location == diagnostic.location &&
           d.message == diagnostic.message;
  });
  const bool is_error = diagnostic.severity == Severity::error;
  if (repeat != all_.end() || (is_error && errors_ >= kLimit)) {
    if (is_error && repeat == all_.end()) ++errors_;
    dropped_ = std::move(diagnostic);
    return dropped_;
  }
  if (is_error) ++errors_;
  all_.push_back(std::move(diagnostic));
  return all_.back();
}

void Diagnostics::append(const Diagnostics& others) {
  for (const Diagnostic& diagnostic : others.all_) add(diagnostic);
}

Diagnostic& Diagnostics::error(DiagnosticKind kind, Span span, std::string message) {
  Diagnostic diagnostic{kind, Severity::error, span, {}, std::move(message), {}, {}, {}};
  return add(std::move(diagnostic));
}

Diagnostic& Diagnostics::warning(DiagnosticKind kind, Span span, std::string message) {
  Diagnostic diagnostic{kind, Severity::warning, span, {}, std::move(message), {}, {}, {}};
  return add(std::move(diagnostic));
}

Diagnostic& Diagnostics::error_at(DiagnosticKind kind, std::string location, std::string message) {
  Diagnostic diagnostic{kind, Severity::error, {}, std::move(location), std::move(message), {}, {}, {}};
  return add(std::move(diagnostic));
}

Diagnostic& Diagnostics::warning_at(DiagnosticKind kind, std::string location, std::string message) {
  Diagnostic diagnostic{kind, Severity::warning, {}, std::move(location), std::move(message), {}, {}, {}};
  return add(std::move(diagnostic));
}

int Diagnostics::exit_code() const {
  for (const Diagnostic& d : all_) {
    if (d.severity != Severity::error) continue;
    switch (kind_class(d.kind)) {
      case DiagnosticClass::usage:
        return 2;
      case DiagnosticClass::source:
        return 3;
      case DiagnosticClass::data:
        return 4;
      case DiagnosticClass::checkpoint:
        return 6;
      case DiagnosticClass::run:
        return 1;
    }
  }
  return 0;
}

std::string render(const Diagnostic& d, const Sources& sources, bool color) {
  const Paint paint{color};
  std::string where = d.span.valid() ? sources.describe(d.span) : d.location;
  if (!where.empty()) where = printable(where) + ": ";
  const char* severity = d.severity == Severity::error     ? "error"
                         : d.severity == Severity::warning ? "warning"
                                                           : "note";
  std::string out = fmt::format("{}{}: {} [{}]\n", paint("1", where),
                                paint(d.severity == Severity::error ? "1;31" : "1;35", severity),
                                printable(d.message), kind_name(d.kind));
  if (d.span.valid()) out += excerpt(d.span, sources, "", '^', paint);
  for (const Label& label : d.labels) {
    if (!label.span.valid()) {
      out += fmt::format("  note: {}\n", printable(label.text));
      continue;
    }
    if (!d.span.valid() || label.span.file != d.span.file)
      out += fmt::format("  at {}:\n", printable(sources.describe(label.span)));
    out += excerpt(label.span, sources, label.text, '-', paint);
  }
  for (const std::string& note : d.notes) out += fmt::format("  note: {}\n", printable(note));
  if (!d.help.empty()) out += fmt::format("  {} {}\n", paint("1;32", "help:"), printable(d.help));
  return out;
}

std::string render_all(const Diagnostics& diagnostics, const Sources& sources, bool color) {
  std::string out;
  std::vector<std::pair<Place, const Diagnostic*>> sorted;
  for (const Diagnostic& d : diagnostics.all()) sorted.emplace_back(place_of(d), &d);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& [place, d] : sorted) out += render(*d, sources, color);
  if (diagnostics.error_count() > Diagnostics::kLimit)
    out += fmt::format("{} more errors are not shown\n", diagnostics.error_count() - Diagnostics::kLimit);
  return out;
}

}  // namespace nnc
