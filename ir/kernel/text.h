// Reading kernel IR text.
#pragma once

#include "ir/kernel/kernel.h"
#include "support/diagnostic.h"
#include "support/result.h"

namespace nnc::kernel {

// Reads what print() writes; the result is verified. Errors are reported with their place in the text. A text of
// kernels alone is a program without name, slots and items.
Result<Kernel> parse_kernel(const Sources& sources, FileId file, Diagnostics& diagnostics);
Result<Program> parse_program(const Sources& sources, FileId file, Diagnostics& diagnostics);

}  // namespace nnc::kernel
