// Graph text (.nnir): parser, verifier and printer.
#include "ir/graph/verify.h"
#include "target.h"

using namespace nnc;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Sources sources;
  Diagnostics diagnostics;
  const FileId file = sources.add("g.nnir", fuzz::text_of(data, size));
  const Result<Module> module = parse_module(sources, file, diagnostics);
  if (!fuzz::answered(module, diagnostics, sources)) return 0;
  fuzz::check_round_trip(print(*module), parse_module,
                         [](const Module& again, const Sources&) { return print(again); });
  return 0;
}
