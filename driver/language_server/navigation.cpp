// Where something is declared, where it is named, and what a document holds.
#include <algorithm>

#include "driver/language_server/features.h"

namespace nnc::language_server {
namespace {

using frontend::Symbol;
using frontend::SymbolId;
using frontend::SymbolKind;

// The file that an import around the offset brings.
Json imported(Server& server, const Asked& place) {
  for (const ast::Item& item : place.analysis->tree.items) {
    const auto* import = std::get_if<ast::Import>(&item.node);
    if (import == nullptr || place.offset < item.span.begin || place.offset > item.span.end) continue;
    const std::string& own = place.document->path;
    const std::string path = import->path.text.starts_with('/')
                                 ? import->path.text
                                 : own.substr(0, own.rfind('/') + 1) + import->path.text;
    const Sources& sources = place.analysis->session.sources;
    for (uint32_t i = 0; i < sources.size(); ++i)
      if (sources[FileId{i}].path() == path) return server.location(sources, {FileId{i}, 0, 0});
  }
  return {};
}

// The uses of what is named at the place, in the order of the text.
std::vector<const frontend::Use*> uses_of(const Asked& place) {
  std::vector<const frontend::Use*> out;
  if (place.use == nullptr || !place.use->what.valid()) return out;
  for (const frontend::Use& use : place.analysis->symbols->uses())
    if (use.what == place.use->what) out.push_back(&use);
  return out;
}

Json symbol_json(const Analysis& analysis, SymbolId id, Encoding encoding) {
  const frontend::Symbols& symbols = *analysis.symbols;
  const Symbol& symbol = symbols[id];
  const Span whole = join(symbol.span, symbol.whole);
  Json children = Json::array();
  for (const SymbolId member : symbol.members) children.push_back(symbol_json(analysis, member, encoding));
  return {{"name", symbol.name},
          {"kind", kinds_of(symbol.kind).outline},
          {"range", range_of(analysis.source(), whole.begin, whole.end, encoding)},
          {"selectionRange", range_of(analysis.source(), symbol.span.begin, symbol.span.end, encoding)},
          {"children", std::move(children)}};
}

}  // namespace

Answer definition(Server& server, const Json& params) {
  const std::optional<Asked> place = asked(server, params);
  if (!place) return {};
  const Analysis& analysis = *place->analysis;
  const Sources& sources = analysis.session.sources;
  if (place->use == nullptr) return {imported(server, *place)};
  if (place->use->what.valid()) {
    const Symbol& symbol = (*analysis.symbols)[place->use->what];
    return symbol.span.valid() ? Answer{server.location(sources, symbol.span)} : Answer{};
  }
  const frontend::Meaning* meaning = analysis.meaning(place->use->place);
  if (meaning == nullptr || !meaning->definition.valid()) return {};
  return {server.location(sources, meaning->definition)};
}

Answer references(Server& server, const Json& params) {
  const std::optional<Asked> place = asked(server, params);
  if (!place) return {};
  const bool declared = flag_at(at(params, "context"), "includeDeclaration");
  Json all = Json::array();
  for (const frontend::Use* use : uses_of(*place))
    if (declared || use->span != (*place->analysis->symbols)[use->what].span)
      all.push_back(server.location(place->analysis->session.sources, use->span));
  return {std::move(all)};
}

Answer highlights(Server& server, const Json& params) {
  constexpr int kRead = 2, kWrite = 3;
  const std::optional<Asked> place = asked(server, params);
  if (!place) return {};
  Json all = Json::array();
  for (const frontend::Use* use : uses_of(*place))
    all.push_back(
        {{"range", range_of(place->analysis->source(), use->span.begin, use->span.end, server.encoding())},
         {"kind", use->binds ? kWrite : kRead}});
  return {std::move(all)};
}

Answer document_symbols(Server& server, const Json& params) {
  const Document* document = server.document(params);
  if (document == nullptr || document->kind != DocumentKind::model) return {};
  const Analysis& analysis = server.analysis(*document);
  Json all = Json::array();
  for (const SymbolId id : analysis.symbols->top())
    all.push_back(symbol_json(analysis, id, server.encoding()));
  return {std::move(all)};
}

}  // namespace nnc::language_server
