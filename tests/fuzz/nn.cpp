// .nn text: the parser, the warnings, and the formatter, whose text reads back as the same tree.
#include "frontend/syntax/lint.h"
#include "frontend/syntax/parser.h"
#include "target.h"

using namespace nnc;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Sources sources;
  Diagnostics diagnostics;
  const FileId file = sources.add("m.nn", fuzz::text_of(data, size));
  const Result<ast::File> tree = frontend::parse(sources, file, diagnostics);
  if (!fuzz::answered(tree, diagnostics, sources)) return 0;
  frontend::lint(*tree, diagnostics);
  fuzz::answered(tree, diagnostics, sources);
  const std::string meaning = frontend::dump(*tree, sources);
  fuzz::check_round_trip(
      frontend::format(*tree, sources), frontend::parse, [&](const ast::File& again, const Sources& texts) {
        NNC_CHECK(frontend::dump(again, texts) == meaning, "formatting has changed what is said");
        return frontend::format(again, texts);
      });
  return 0;
}
