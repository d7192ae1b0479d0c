// What nnc check says, as diagnostics of the protocol.
#include <algorithm>

#include "driver/language_server/features.h"
#include "fmt/format.h"

namespace nnc::language_server {
namespace {

constexpr int kUnnecessary = 1;  // a tag: what it is at may be left out

int severity_of(Severity severity) {
  return severity == Severity::error ? 1 : severity == Severity::warning ? 2 : 3;
}

// The words with everything that is said beside them.
std::string message_of(const Diagnostic& diagnostic) {
  std::string out = diagnostic.message;
  for (const Label& label : diagnostic.labels)
    if (!label.span.valid()) out += "\nnote: " + label.text;
  for (const std::string& note : diagnostic.notes) out += "\nnote: " + note;
  if (!diagnostic.help.empty()) out += "\nhelp: " + diagnostic.help;
  return out;
}

// Where something is said in this document that is wrong in another file: at the import that leads there, or the line with
// the model's name; else at the first line.
Span place_in(const Analysis& analysis, const Diagnostic& diagnostic) {
  const SourceFile& own = analysis.source();
  const auto name_of = [](const std::string& path) { return path.substr(path.rfind('/') + 1); };
  const std::string other =
      diagnostic.span.valid() ? name_of(analysis.session.sources[diagnostic.span.file].path()) : "";
  for (const ast::Item& item : analysis.tree.items)
    if (const auto* import = std::get_if<ast::Import>(&item.node);
        import && name_of(import->path.text) == other)
      return import->path.span;
  for (uint32_t line = 1; line <= own.line_count(); ++line) {
    const std::string_view text = own.line(line);
    if (analysis.symbols || other.empty() || !text.starts_with("model")) continue;
    const uint32_t begin = own.line_start(line);
    return {analysis.file, begin, begin + static_cast<uint32_t>(text.size())};
  }
  return {analysis.file, 0, static_cast<uint32_t>(own.line(1).size())};
}

// A file with layers alone is one to be imported.
bool is_no_mistake(const Analysis& analysis, const Diagnostic& diagnostic) {
  return diagnostic.kind == DiagnosticKind::no_model && !analysis.tree.items.empty();
}

}  // namespace

Json diagnostics(Server& server, const Document& document) {
  const Analysis& analysis = server.analysis(document);
  const Sources& sources = analysis.session.sources;
  std::vector<Json> all;
  for (const Diagnostic& diagnostic : analysis.session.diagnostics.all()) {
    if (is_no_mistake(analysis, diagnostic)) continue;
    const bool is_here = diagnostic.span.valid() && sources[diagnostic.span.file].path() == document.path;
    const Span span = is_here ? diagnostic.span : place_in(analysis, diagnostic);
    Json related = Json::array();
    if (diagnostic.span.valid() && !is_here)
      related.push_back({{"location", server.location(sources, diagnostic.span)}, {"message", "here"}});
    for (const Label& label : diagnostic.labels)
      if (label.span.valid())
        related.push_back({{"location", server.location(sources, label.span)}, {"message", label.text}});
    Json one = {{"range", range_of(analysis.source(), span.begin, span.end, server.encoding())},
                {"severity", severity_of(diagnostic.severity)},
                {"code", kind_name(diagnostic.kind)},
                {"source", "nnc"},
                {"message", message_of(diagnostic)}};
    if (!related.empty()) one["relatedInformation"] = std::move(related);
    if (diagnostic.kind == DiagnosticKind::unused_let) one["tags"] = {kUnnecessary};
    all.push_back(std::move(one));
  }
  std::ranges::stable_sort(all, {}, [](const Json& one) {
    const Position start = position_in(at(at(one, "range"), "start"));
    return std::pair(start.line, start.character);
  });
  Json out = {{"uri", document.uri}, {"diagnostics", std::move(all)}};
  if (document.version.is_number_integer()) out["version"] = document.version;
  return out;
}

}  // namespace nnc::language_server
