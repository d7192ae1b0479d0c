// What a bundle allocates, and whether the system has it.
#pragma once

#include "codegen/program.h"
#include "support/diagnostic.h"
#include "support/result.h"

namespace nnc {

std::string bytes_text(uint64_t bytes);  // "9.4 KiB"

// Of all entries: what lies beside their code, whichever runs.
uint64_t constant_bytes(const Bundle& bundle);

// The largest amount that any entry of the bundle needs at once.
uint64_t peak_bytes(const Bundle& bundle);

// Whether the bundle's peak and `more` fit into what the system says is available; reports both numbers if not. Asking
// first, because a system that overcommits would give the memory and end the process later.
Status check_memory(const Bundle& bundle, uint64_t more, Diagnostics& diagnostics);

}  // namespace nnc
