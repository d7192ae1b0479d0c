// What is known of one state of a document: what is wrong with it, which names mean which things, and what these came to be
// when the model was built.
#pragma once

#include <optional>
#include <string>

#include "driver/language_server/documents.h"
#include "driver/session.h"
#include "frontend/elaborate/meanings.h"
#include "frontend/library.h"
#include "frontend/symbols/symbols.h"

namespace nnc::language_server {

struct Analysis {
  // `unsaved` holds the document's text, and must outlive the analysis. Without `checked` the text is only read: nothing is
  // built, and nothing reported.
  Analysis(const Document& document, const UnsavedTexts& unsaved, driver::Console& console, bool checked);
  Analysis(const Analysis&) = delete;
  Analysis& operator=(const Analysis&) = delete;

  const SourceFile& source() const { return session.sources[file]; }
  // What the words came to mean; null where that is not known.
  const frontend::Meaning* meaning(Span place) const;

  driver::Options options;
  driver::Session session;  // its diagnostics are those of nnc check
  FileId file;
  ast::File tree;  // of a model: what is good of it
  frontend::Library library;
  std::optional<frontend::Symbols> symbols;  // of a model
  frontend::Meanings meanings;

 private:
  void settle();

  FileId checked_;  // the same text as it was read to be checked
};

}  // namespace nnc::language_server
