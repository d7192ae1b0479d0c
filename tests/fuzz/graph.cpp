// Graph text (.nnir): parser, verifier and printer.
#include "ir/graph/verify.h"
#include "target.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return nnc::fuzz::check_text(data, size, nnc::parse_module,
                               [](const nnc::Module& module) { return nnc::print(module); });
}
