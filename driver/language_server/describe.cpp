// The words about a symbol that several features show, and where a request points.
#include <algorithm>

#include "driver/language_server/features.h"
#include "fmt/format.h"
#include "fmt/ranges.h"
#include "frontend/builtins/builtin.h"
#include "frontend/syntax/doc_comment.h"
#include "support/printable.h"

namespace nnc::language_server {

using frontend::Symbol;
using frontend::SymbolKind;

std::optional<Asked> asked(Server& server, const Json& params) {
  const Document* document = server.document(params);
  if (document == nullptr || document->kind != DocumentKind::model) return std::nullopt;
  Asked out;
  out.document = document;
  out.analysis = &server.analysis(*document);
  out.offset = offset_of(out.analysis->source(), position_in(at(params, "position")), server.encoding());
  out.use = out.analysis->symbols->at(out.offset);
  return out;
}

namespace {

const frontend::Builtin* builtin_named(std::string_view name) {
  const auto table = frontend::builtin_table();
  const auto found = std::ranges::find(table, name, &frontend::Builtin::name);
  return found == table.end() ? nullptr : &*found;
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> out;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find(' ', begin), text.size());
    out.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return out;
}

// The op behind a function that is built in: called by its own name, or as its row in the table says.
const OpDef* op_behind(const frontend::Builtin& builtin) {
  if (builtin.op) return &op_def(*builtin.op);
  const auto all = all_ops();
  const auto found = std::ranges::find_if(
      all, [&](const OpDef* def) { return def->written.starts_with(fmt::format("{}(", builtin.name)); });
  return found == all.end() ? nullptr : *found;
}

std::string_view constant_doc(std::string_view name) {
  if (name == "batch") return "the number of rows in a batch: train.batch in a run file, -D batch=…";
  if (name == "training") return "true in the training step, false in evaluation and prediction";
  return name == "pi" ? "3.14159…" : "infinity";
}

}  // namespace

Kinds kinds_of(frontend::SymbolKind kind) {
  using frontend::SymbolKind;
  constexpr Kinds kClass{5, 7}, kProperty{7, 5}, kField{8, 5}, kFunction{12, 3}, kVariable{13, 6},
      kSize{14, 6}, kConstant{14, 21};
  switch (kind) {
    case SymbolKind::model:
    case SymbolKind::layer:
    case SymbolKind::optimizer:
      return kClass;
    case SymbolKind::function:
    case SymbolKind::goal:
    case SymbolKind::builtin:
      return kFunction;
    case SymbolKind::parameter:
    case SymbolKind::state:
      return kField;
    case SymbolKind::member:
      return kProperty;
    case SymbolKind::size:
      return kSize;
    case SymbolKind::constant:
      return kConstant;
    default:
      return kVariable;
  }
}

std::string declaration_text(const Symbol& symbol, const frontend::Symbols& symbols, const Sources& sources) {
  if (!symbol.span.valid()) {
    const frontend::Builtin* builtin = builtin_named(symbol.name);
    return builtin == nullptr ? symbol.name
                              : fmt::format("{}({})", symbol.name,
                                            fmt::join(argument_texts(symbol, symbols, sources), ", "));
  }
  const SourceFile& file = sources[symbol.span.file];
  if (symbol.kind == SymbolKind::argument || symbol.kind == SymbolKind::column ||
      symbol.kind == SymbolKind::given || symbol.kind == SymbolKind::size) {
    // From the name to the end of its argument.
    std::string_view rest = std::string_view(file.text()).substr(symbol.span.begin);
    int depth = 0;
    size_t end = 0;
    for (; end < rest.size(); ++end) {
      const char c = rest[end];
      if (depth == 0 && (c == ',' || c == ')' || c == ']')) break;
      depth += c == '(' || c == '[' ? 1 : c == ')' || c == ']' ? -1 : 0;
    }
    return on_one_line(rest.substr(0, end));
  }
  std::string line(file.line(file.locate(symbol.span.begin).line));
  if (const size_t comment = line.find(" #"); comment != std::string::npos) line.erase(comment);
  line.erase(0, std::min(line.find_first_not_of(" \t"), line.size()));
  while (!line.empty() && (line.back() == ' ' || line.back() == '{' || line.back() == '=')) line.pop_back();
  return line;
}

std::string doc_text(const Symbol& symbol, const Sources& sources) {
  if (!symbol.span.valid()) {
    if (symbol.kind == SymbolKind::constant) return std::string(constant_doc(symbol.name));
    const frontend::Builtin* builtin = builtin_named(symbol.name);
    const OpDef* op = builtin == nullptr ? nullptr : op_behind(*builtin);
    return op == nullptr ? "" : std::string(op->doc);
  }
  switch (symbol.kind) {
    case SymbolKind::argument:
    case SymbolKind::column:
    case SymbolKind::size:
    case SymbolKind::given:
      return "";
    default:
      return frontend::doc_comment(sources[symbol.span.file], symbol.span.begin);
  }
}

std::vector<std::string> argument_texts(const Symbol& symbol, const frontend::Symbols& symbols,
                                        const Sources& sources) {
  std::vector<std::string> out;
  if (const frontend::Builtin* builtin = symbol.span.valid() ? nullptr : builtin_named(symbol.name))
    return words_of(builtin->parameters);
  for (const frontend::SymbolId id : symbol.arguments)
    out.push_back(declaration_text(symbols[id], symbols, sources));
  return out;
}

}  // namespace nnc::language_server
