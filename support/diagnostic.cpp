#include "support/diagnostic.h"

#include <algorithm>

#include "fmt/format.h"

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
  if (!text.empty()) out += fmt::format(" {}", text);
  return out + "\n";
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
  if (!where.empty()) where += ": ";
  const char* severity = d.severity == Severity::error     ? "error"
                         : d.severity == Severity::warning ? "warning"
                                                           : "note";
  std::string out = fmt::format("{}{}: {} [{}]\n", paint("1", where),
                                paint(d.severity == Severity::error ? "1;31" : "1;35", severity), d.message,
                                kind_name(d.kind));
  if (d.span.valid()) out += excerpt(d.span, sources, "", '^', paint);
  for (const Label& label : d.labels) {
    if (!label.span.valid()) {
      out += fmt::format("  note: {}\n", label.text);
      continue;
    }
    if (!d.span.valid() || label.span.file != d.span.file)
      out += fmt::format("  at {}:\n", sources.describe(label.span));
    out += excerpt(label.span, sources, label.text, '-', paint);
  }
  for (const std::string& note : d.notes) out += fmt::format("  note: {}\n", note);
  if (!d.help.empty()) out += fmt::format("  {} {}\n", paint("1;32", "help:"), d.help);
  return out;
}

std::string render_all(const Diagnostics& diagnostics, const Sources& sources, bool color) {
  std::string out;
  for (const Diagnostic& d : diagnostics.all()) out += render(d, sources, color);
  if (diagnostics.error_count() > Diagnostics::kLimit)
    out += fmt::format("{} more errors are not shown\n", diagnostics.error_count() - Diagnostics::kLimit);
  return out;
}

}  // namespace nnc
