// Renaming: every place in the file that names the thing, or a reason why not.
#include <algorithm>
#include <map>

#include "driver/language_server/features.h"
#include "fmt/format.h"
#include "frontend/syntax/lexer.h"

namespace nnc::language_server {
namespace {

using frontend::Symbol;
using frontend::SymbolId;
using frontend::SymbolKind;
using frontend::Use;

// Why the name may not become another one; empty if it may.
std::string fixed(const Asked& place) {
  if (place.use == nullptr) return "there is no name here";
  const Sources& sources = place.analysis->session.sources;
  const std::string name(sources.text(place.use->span));
  if (!place.use->what.valid())
    return fmt::format("what {} means here is not known while the file has mistakes", name);
  const Symbol& symbol = (*place.analysis->symbols)[place.use->what];
  const bool is_own = symbol.span.valid() && symbol.span.file == place.analysis->file;
  if (!symbol.span.valid()) return fmt::format("{} is part of the language", name);
  if (!is_own) return fmt::format("{} is declared in {}", name, sources[symbol.span.file].path());
  if (symbol.kind == SymbolKind::given) return fmt::format("a rule asks for {} by this name", name);
  if (symbol.kind == SymbolKind::goal &&
      sources.text(symbol.span) == sources.text(symbol.whole).substr(0, name.size()))
    return fmt::format("this {} has no name of its own: {} NAME = …", name, name);
  if (symbol.kind == SymbolKind::function && name == "forward" && symbol.owner.valid())
    return "forward is what calling a model or a layer runs";
  const bool in_optimizer =
      symbol.owner.valid() && (*place.analysis->symbols)[symbol.owner].kind == SymbolKind::optimizer;
  if (name == "lr" && in_optimizer) return "a schedule finds the learning rate as lr";
  return "";
}

// Why `text` can name nothing; empty if it can.
std::string no_name(const std::string& text) {
  Sources sources;
  Diagnostics diagnostics;
  const FileId file = sources.add("name", text);
  const Result<frontend::Lexed> lexed = frontend::lex(sources, file, diagnostics);
  const bool is_whole = lexed && !diagnostics.has_errors() && !lexed->tokens.empty() &&
                        lexed->tokens[0].begin == 0 && lexed->tokens[0].end == text.size();
  if (is_whole && frontend::is_reserved(lexed->tokens[0].kind))
    return fmt::format("{} is a reserved word", text);
  if (!is_whole || lexed->tokens[0].kind != frontend::TokenKind::name || text == "_")
    return fmt::format("\"{}\" is no name: letters, digits and _, and no digit first", text);
  if (text == "loss" || text == "metric" || text == "output") return fmt::format("{} begins a member", text);
  return "";
}

std::vector<Span> places_of(const Analysis& analysis, SymbolId what) {
  std::vector<Span> out;
  for (const Use& use : analysis.symbols->uses())
    if (use.what == what && (out.empty() || out.back() != use.span)) out.push_back(use.span);
  return out;
}

std::string renamed(const std::string& text, const std::vector<Span>& places, const std::string& name) {
  std::string out;
  size_t at = 0;
  for (const Span& place : places) {
    out += text.substr(at, place.begin - at) + name;
    at = place.end;
  }
  return out + text.substr(at);
}

// The first use, by number, that means another thing in the other text than in the one; nothing if there is none.
std::optional<size_t> first_difference(const Analysis& one, const Analysis& other) {
  const std::vector<Use>& a = one.symbols->uses();
  const std::vector<Use>& b = other.symbols->uses();
  std::map<SymbolId, SymbolId> there, back;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    if (a[i].what.valid() != b[i].what.valid()) return i;
    if (there.try_emplace(a[i].what, b[i].what).first->second != b[i].what) return i;
    if (back.try_emplace(b[i].what, a[i].what).first->second != a[i].what) return i;
  }
  if (a.size() == b.size()) return std::nullopt;
  return std::min(a.size(), b.size()) - (a.empty() || b.empty() ? 0 : 1);
}

// The first error that the second text has and the first has not.
const Diagnostic* new_error(const Analysis& before, const Analysis& after) {
  if (after.session.diagnostics.error_count() <= before.session.diagnostics.error_count()) return nullptr;
  for (const Diagnostic& diagnostic : after.session.diagnostics.all()) {
    const auto is_same = [&](const Diagnostic& other) {
      return other.kind == diagnostic.kind && other.message == diagnostic.message;
    };
    if (diagnostic.severity == Severity::error &&
        std::ranges::none_of(before.session.diagnostics.all(), is_same))
      return &diagnostic;
  }
  return nullptr;
}

// Why the other name would change what the text means; empty if it does not.
std::string conflict(Server& server, const Asked& place, const std::vector<Span>& places,
                     const std::string& name) {
  const Analysis& before = *place.analysis;
  for (const Use& use : before.symbols->uses()) {
    // A member of a layer that only a value tells: it may be this one.
    if (use.what.valid() ||
        before.session.sources.text(use.span) != before.session.sources.text(place.use->span))
      continue;
    return fmt::format("line {} may name it too, and what it means there is not known",
                       before.source().locate(use.span.begin).line);
  }
  const auto after = server.analysis_of(*place.document, renamed(place.document->text, places, name), true);
  if (const std::optional<size_t> use = first_difference(before, *after)) {
    const Span where = before.symbols->uses()[*use].span;
    return fmt::format("{} is taken: line {} would mean something else", name,
                       before.source().locate(where.begin).line);
  }
  if (const Diagnostic* error = new_error(before, *after))
    return fmt::format("{} cannot be taken: {}", name, error->message);
  return "";
}

}  // namespace

Answer prepare_rename(Server& server, const Json& params) {
  const std::optional<Asked> place = asked(server, params);
  if (!place || place->use == nullptr) return {};
  if (std::string why = fixed(*place); !why.empty()) return Answer::refused(std::move(why));
  const Span span = place->use->span;
  return {{{"range", range_of(place->analysis->source(), span.begin, span.end, server.encoding())},
           {"placeholder", place->analysis->session.sources.text(span)}}};
}

Answer rename(Server& server, const Json& params) {
  const std::optional<Asked> place = asked(server, params);
  if (!place) return {};
  const std::string name = text_at(params, "newName");
  if (std::string why = fixed(*place); !why.empty()) return Answer::refused(std::move(why));
  if (std::string why = no_name(name); !why.empty()) return Answer::refused(std::move(why));
  const std::vector<Span> places = places_of(*place->analysis, place->use->what);
  if (std::string why = conflict(server, *place, places, name); !why.empty())
    return Answer::refused(std::move(why));
  Json edits = Json::array();
  for (const Span& span : places)
    edits.push_back({{"range", range_of(place->analysis->source(), span.begin, span.end, server.encoding())},
                     {"newText", name}});
  const Symbol& symbol = (*place->analysis->symbols)[place->use->what];
  if (symbol.kind == SymbolKind::column)
    server.tell(fmt::format("{} is a data column: run files have to say input.{} now", symbol.name, name));
  return {{{"changes", {{place->document->uri, std::move(edits)}}}}};
}

}  // namespace nnc::language_server
