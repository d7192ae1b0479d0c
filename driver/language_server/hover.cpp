// What stands under the pointer: how it is declared, what it came to be when the model was built, what it costs, and what its
// comment says.
#include "driver/language_server/features.h"
#include "driver/report.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace nnc::language_server {
namespace {

using frontend::Meaning;

// "f32[batch, 64]" or, where it is several things, each of them.
std::string values_text(const std::vector<std::string>& values, bool more) {
  return fmt::format("{}{}", fmt::join(values, " | "), more ? " | …" : "");
}

void add_line(std::string& text, const std::string& line) {
  if (!text.empty()) text += '\n';
  text += line;
}

}  // namespace

Answer hover(Server& server, const Json& params) {
  const std::optional<Asked> place = asked(server, params);
  if (!place || place->use == nullptr) return {};
  const frontend::Use& use = *place->use;
  const Analysis& analysis = *place->analysis;
  const frontend::Symbols& symbols = *analysis.symbols;
  const Sources& sources = analysis.session.sources;
  const std::string name(sources.text(use.span));
  const Meaning* here = analysis.meaning(use.place);
  const frontend::Symbol* symbol = use.what.valid() ? &symbols[use.what] : nullptr;
  const Meaning* declared = symbol != nullptr ? analysis.meaning(symbol->span) : nullptr;
  const Meaning* value = here != nullptr && !here->values.empty() ? here : declared;

  std::string code, text;
  if (symbol != nullptr) add_line(code, declaration_text(*symbol, symbols, sources));
  if (value != nullptr && !value->values.empty())
    add_line(code, fmt::format("{}: {}", name, values_text(value->values, value->more)));
  if (here != nullptr && !here->results.empty())
    add_line(code, fmt::format("{}(…) → {}", name, values_text(here->results, here->more)));
  if (code.empty()) return {};
  text = fmt::format("```nn\n{}\n```", code);
  if (const double flops = value == nullptr ? 0 : analysis.meanings.flops(*value); flops > 0)
    text += fmt::format("\n\n{}{}FLOP of products in a forward pass", driver::flops_text(flops),
                        flops < 1000 ? " " : "");
  if (symbol != nullptr)
    if (const std::string doc = doc_text(*symbol, sources); !doc.empty()) text += "\n\n" + doc;
  if (symbol != nullptr && symbol->span.valid() && sources.is_library(symbol->span))
    text += fmt::format("\n\n*{}*", sources[symbol->span.file].path());
  return {{{"contents", {{"kind", "markdown"}, {"value", text}}},
           {"range", range_of(analysis.source(), use.span.begin, use.span.end, server.encoding())}}};
}

}  // namespace nnc::language_server
