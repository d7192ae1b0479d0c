// What an editor can ask about a document, one function for each request; in the file that is called like it. They answer
// null where there is nothing to say.
#pragma once

#include "driver/language_server/server.h"

namespace nnc::language_server {

// textDocument/publishDiagnostics: what nnc check says of the document.
Json diagnostics(Server& server, const Document& document);

Answer hover(Server& server, const Json& params);
Answer definition(Server& server, const Json& params);
Answer references(Server& server, const Json& params);
Answer highlights(Server& server, const Json& params);
Answer document_symbols(Server& server, const Json& params);
Answer completion(Server& server, const Json& params);
Answer signature_help(Server& server, const Json& params);
Answer prepare_rename(Server& server, const Json& params);
Answer rename(Server& server, const Json& params);
Answer formatting(Server& server, const Json& params);

// ---- what several of them need (describe.cpp)

// A document and the place in it that a request is about.
struct Asked {
  const Document* document = nullptr;
  Analysis* analysis = nullptr;
  uint32_t offset = 0;
  const frontend::Use* use = nullptr;  // of the name there; null if there is none
};
// Nothing if the document is not open, or no model.
std::optional<Asked> asked(Server& server, const Json& params);

// What kind of thing a symbol is, as the protocol numbers it: in an outline (SymbolKind), among completions (CompletionItemKind).
struct Kinds {
  int outline;
  int completion;
};
Kinds kinds_of(frontend::SymbolKind kind);

// How it is declared, on one line: "fn relu(x) = maximum(x, 0)". Of what is built in how it is called.
std::string declaration_text(const frontend::Symbol& symbol, const frontend::Symbols& symbols,
                             const Sources& sources);
// What the comment at its declaration says; of what is built in the op table.
std::string doc_text(const frontend::Symbol& symbol, const Sources& sources);
// Of what can be called, its arguments as they are written: "gamma = 2".
std::vector<std::string> argument_texts(const frontend::Symbol& symbol, const frontend::Symbols& symbols,
                                        const Sources& sources);

}  // namespace nnc::language_server
