// The processor that nnc runs on.
#pragma once

#include "codegen/compile.h"
#include "codegen/target.h"

namespace nnc::codegen {

// Restricted to `options.isa` and `options.vector_units` where they are given. Fails where the processor lacks AVX2 with
// FMA, or the instruction set or vectors asked for. The width of the multiply-add units is measured once and kept in the
// cache of machine code.
Result<Target> host_target(const CodegenOptions& options, Diagnostics& diagnostics);

}  // namespace nnc::codegen
