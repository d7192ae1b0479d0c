// Kernel text (.nnk): parser, verifier and printer.
#include "ir/kernel/kernel.h"
#include "ir/kernel/text.h"
#include "target.h"

using namespace nnc;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Sources sources;
  Diagnostics diagnostics;
  const FileId file = sources.add("k.nnk", fuzz::text_of(data, size));
  const Result<kernel::Program> program = kernel::parse_program(sources, file, diagnostics);
  if (!fuzz::answered(program, diagnostics, sources)) return 0;
  fuzz::check_round_trip(kernel::print(*program), kernel::parse_program,
                         [](const kernel::Program& again, const Sources&) { return kernel::print(again); });
  return 0;
}
