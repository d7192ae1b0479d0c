// See analysis.h.
#include "driver/language_server/analysis.h"

#include "driver/model_check.h"
#include "frontend/syntax/parser.h"

namespace nnc::language_server {

Analysis::Analysis(const Document& document, const UnsavedTexts& unsaved, driver::Console& console,
                   bool checked)
    : session(options, console) {
  session.sources = Sources(unsaved);
  file = session.sources.add(document.path, document.text);
  Diagnostics ignored;  // what is wrong is said by the check below
  if (document.kind == DocumentKind::model) {
    tree = frontend::parse_what_is_good(session.sources, file, ignored);
    (void)frontend::load_library(library, tree, session.sources, {}, ignored).ok();
    symbols.emplace(tree, library, session.sources);
  }
  if (!checked || document.kind == DocumentKind::other) return;
  const auto first = static_cast<uint32_t>(session.sources.size());
  driver::check_model(session, document.path, driver::DataCheck::skip, &meanings);
  for (uint32_t i = first; i < session.sources.size() && !checked_.valid(); ++i)
    if (session.sources[FileId{i}].path() == document.path) checked_ = FileId{i};
  if (symbols) settle();
}

const frontend::Meaning* Analysis::meaning(Span place) const {
  if (!checked_.valid() || place.file != file) return nullptr;
  return meanings.at({checked_, place.begin, place.end});
}

// Names that only a value explains: those of members and arguments of layers that came from elsewhere.
void Analysis::settle() {
  for (const frontend::Use& use : symbols->uses()) {
    if (use.what.valid()) continue;
    const frontend::Meaning* known = meaning(use.place);
    if (known == nullptr || !known->definition.valid()) continue;
    const frontend::SymbolId what =
        symbols->declared_at(session.sources[known->definition.file].path(), known->definition);
    if (what.valid()) symbols->settle(use, what);
  }
}

}  // namespace nnc::language_server
