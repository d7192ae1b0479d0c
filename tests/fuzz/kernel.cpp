// Kernel text (.nnk): parser, verifier and printer.
#include "ir/kernel/kernel.h"
#include "ir/kernel/text.h"
#include "target.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return nnc::fuzz::check_text(
      data, size, nnc::kernel::parse_program,
      [](const nnc::kernel::Program& program) { return nnc::kernel::print(program); });
}
