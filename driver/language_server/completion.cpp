// What could stand at the cursor. A name is put there that means nothing, so that the text around it can be read even where the
// statement is not finished.
#include <algorithm>
#include <cctype>

#include "driver/language_server/features.h"
#include "fmt/format.h"
#include "frontend/elaborate/type_match.h"
#include "frontend/syntax/lexer.h"

namespace nnc::language_server {
namespace {

using frontend::Symbol;
using frontend::SymbolId;
using frontend::SymbolKind;

constexpr std::string_view kStandIn = "nnc_cursor";

// Kinds of completions as the protocol numbers them.
constexpr int kField = 5, kVariable = 6, kKeyword = 14, kType = 25;

// Words with a meaning in their place, beside the reserved ones.
constexpr std::string_view kWords[] = {"model",  "layer", "optimizer", "fn",     "loss",   "metric",
                                       "output", "param", "state",     "import", "update", "propose",
                                       "in",     "along", "reversed",  "as"};

bool in_name(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

struct Items {
  Json all = Json::array();

  // `nearness`: what is nearer comes first.
  void add(const std::string& label, int kind, char nearness, const std::string& detail = "",
           const std::string& doc = "") {
    Json item = {{"label", label}, {"kind", kind}, {"sortText", fmt::format("{}{}", nearness, label)}};
    if (!detail.empty()) item["detail"] = detail;
    if (!doc.empty()) item["documentation"] = {{"kind", "markdown"}, {"value", doc}};
    all.push_back(std::move(item));
  }
  void add(const Symbol& symbol, const Analysis& analysis, const Analysis* built) {
    const Sources& sources = analysis.session.sources;
    const bool is_library = !symbol.span.valid() || sources.is_library(symbol.span);
    const char nearness = is_library ? '4' : symbol.scope.valid() ? '1' : '2';
    std::string detail = declaration_text(symbol, *analysis.symbols, sources);
    if (const std::string value = last_value(symbol, built); !value.empty()) detail = value;
    add(symbol.name, kinds_of(symbol.kind).completion, nearness, detail, doc_text(symbol, sources));
  }

  // What the name came to be when the text was checked last; empty if that is not known.
  static std::string last_value(const Symbol& symbol, const Analysis* built) {
    if (built == nullptr || !built->symbols || !symbol.arguments.empty()) return "";
    for (const frontend::Use& use : built->symbols->uses()) {
      if (!use.binds || !use.what.valid()) continue;
      const Symbol& known = (*built->symbols)[use.what];
      if (known.name != symbol.name || known.kind != symbol.kind) continue;
      const frontend::Meaning* meaning = built->meaning(use.place);
      if (meaning != nullptr && !meaning->values.empty())
        return fmt::format("{}: {}", symbol.name, meaning->values.front());
    }
    return "";
  }
};

// The members of the layer that stands before the dot.
void add_members(Items& items, const Analysis& analysis, SymbolId layer, const Analysis* built) {
  const frontend::Symbols& symbols = *analysis.symbols;
  if (!layer.valid()) return items.add("T", kField, '1', "the last two axes swapped");
  for (const SymbolId id : symbols[layer].members) items.add(symbols[id], analysis, built);
  for (const SymbolId id : symbols[layer].arguments) items.add(symbols[id], analysis, built);
}

void add_types(Items& items) {
  for (const char* name : {"f32", "i32", "bool"}) items.add(name, kType, '1');
  for (const frontend::NumberType& type : frontend::number_types())
    items.add(std::string(type.word), kType, '2');
}

void add_arguments(Items& items, const Analysis& analysis, uint32_t cursor) {
  const auto call = analysis.symbols->call_at(cursor);
  if (!call) return;
  const frontend::Symbols& symbols = *analysis.symbols;
  for (const SymbolId id : symbols[call->callee].arguments)
    items.add(symbols[id].name + " = ", kVariable, '0',
              declaration_text(symbols[id], symbols, analysis.session.sources));
}

// The text with a name at the cursor that stands for what is being typed, and what closes the brackets that are open there and not closed in the line: who
// types f(a, has not come to the ) yet.
std::string with_stand_in(const std::string& text, size_t cursor) {
  std::string closers;
  int inner = 0;  // brackets that open behind the cursor
  for (size_t i = cursor > 0 ? text.rfind('\n', cursor - 1) + 1 : 0; i < text.size(); ++i) {
    const char c = text[i];
    if (i >= cursor && c == '\n') break;
    const bool opens = c == '(' || c == '[', closes = c == ')' || c == ']';
    if (i >= cursor && (opens || inner > 0)) {
      inner += opens ? 1 : closes ? -1 : 0;
    } else if (opens) {
      closers.insert(closers.begin(), c == '(' ? ')' : ']');
    } else if (closes && closers.starts_with(c)) {
      closers.erase(closers.begin());
    }
  }
  return text.substr(0, cursor) + std::string(kStandIn) + closers + text.substr(cursor);
}

// What stands before the cursor's word, blanks left out.
char before_word(const std::string& text, size_t word) {
  while (word > 0 && (text[word - 1] == ' ' || text[word - 1] == '\t')) --word;
  return word > 0 ? text[word - 1] : '\n';
}

bool in_brackets(const std::string& text, size_t at) {
  int depth = 0;
  while (at-- > 0 && text[at] != '\n') {
    if (text[at] == ']') --depth;
    if (text[at] == '[' && ++depth > 0) return true;
  }
  return false;
}

Json in_model(Server& server, const Document& document, uint32_t cursor) {
  const std::string& text = document.text;
  size_t word = cursor;
  while (word > 0 && in_name(text[word - 1])) --word;
  const char before = before_word(text, word);
  Items items;
  const size_t line = text.rfind('\n', word > 0 ? word - 1 : 0);
  const std::string_view typed = std::string_view(text).substr(line == std::string::npos ? 0 : line,
                                                               word - (line == std::string::npos ? 0 : line));
  if (typed.find('#') != std::string_view::npos) return items.all;  // in a comment
  if ((before == ':' && !in_brackets(text, word)) ||
      (before == '>' && typed.find("->") != std::string_view::npos)) {
    add_types(items);
    return items.all;
  }
  const auto analysis = server.analysis_of(document, with_stand_in(text, cursor), false);
  const Analysis* built = server.last_built(document);
  if (before == '.' && !(word >= 2 && text[word - 2] == '.')) {
    add_members(items, *analysis, analysis->symbols->object_at(cursor), built);
    return items.all;
  }
  add_arguments(items, *analysis, static_cast<uint32_t>(word));
  for (const SymbolId id : analysis->symbols->visible(cursor))
    if ((*analysis->symbols)[id].name.find(kStandIn) == std::string::npos)
      items.add((*analysis->symbols)[id], *analysis, built);
  for (const std::string_view one : kWords) items.add(std::string(one), kKeyword, '5');
#define NNC_RESERVED(name, text) items.add(text, kKeyword, '5');
#include "frontend/syntax/token.def"
  return items.all;
}

// In a run file, the optimizers where one is named: optimizer = "ad…
Json in_run_file(Server& server, const Document& document, uint32_t cursor) {
  Items items;
  const size_t newline = document.text.rfind('\n', cursor > 0 ? cursor - 1 : 0);
  const size_t begin = newline == std::string::npos || newline >= cursor ? 0 : newline + 1;
  const std::string_view typed = std::string_view(document.text).substr(begin, cursor - begin);
  const size_t quote = typed.rfind('"');
  const size_t key = typed.rfind("optimizer");
  const bool is_optimizer =
      quote != std::string_view::npos && key != std::string_view::npos && key < quote &&
      typed.substr(key + 9, quote - key - 9).find_first_not_of(" =\"") == std::string_view::npos &&
      std::ranges::count(typed, '"') % 2 == 1;
  if (!is_optimizer || !std::ranges::all_of(typed.substr(quote + 1), in_name)) return items.all;
  Document empty = document;
  empty.kind = DocumentKind::model;
  const auto library = server.analysis_of(empty, "", false);
  for (const SymbolId id : library->symbols->visible(0))
    if ((*library->symbols)[id].kind == SymbolKind::optimizer)
      items.add((*library->symbols)[id], *library, nullptr);
  return items.all;
}

}  // namespace

Answer completion(Server& server, const Json& params) {
  const Document* document = server.document(params);
  if (document == nullptr || document->kind == DocumentKind::other) return {};
  const uint32_t cursor =
      offset_of(document->source(), position_in(at(params, "position")), server.encoding());
  return {document->kind == DocumentKind::model ? in_model(server, *document, cursor)
                                                : in_run_file(server, *document, cursor)};
}

Answer signature_help(Server& server, const Json& params) {
  const Document* document = server.document(params);
  if (document == nullptr || document->kind != DocumentKind::model) return {};
  const uint32_t cursor =
      offset_of(document->source(), position_in(at(params, "position")), server.encoding());
  auto analysis = server.analysis_of(*document, with_stand_in(document->text, cursor), false);
  auto call = analysis->symbols->call_at(cursor);
  if (!call) {  // a call that began on a line before, and has no end yet
    const std::string& text = document->text;
    analysis = server.analysis_of(
        *document, fmt::format("{}{}){}", text.substr(0, cursor), kStandIn, text.substr(cursor)), false);
    call = analysis->symbols->call_at(cursor);
  }
  if (!call) return {};
  const frontend::Symbols& symbols = *analysis->symbols;
  const Symbol& callee = symbols[call->callee];
  const Sources& sources = analysis->session.sources;
  const std::vector<std::string> arguments = argument_texts(callee, symbols, sources);
  std::string label = callee.name + "(";
  Json parameters = Json::array();
  size_t active = call->position;
  for (size_t i = 0; i < arguments.size(); ++i) {
    label += (i > 0 ? ", " : "") + arguments[i];
    parameters.push_back({{"label", arguments[i]}});
    if (!call->name.empty() && arguments[i].starts_with(call->name)) active = i;
  }
  label += ")";
  Json signature = {{"label", label}, {"parameters", parameters}};
  if (const std::string doc = doc_text(callee, sources); !doc.empty())
    signature["documentation"] = {{"kind", "markdown"}, {"value", doc}};
  return {{{"signatures", Json::array({signature})}, {"activeSignature", 0}, {"activeParameter", active}}};
}

}  // namespace nnc::language_server
