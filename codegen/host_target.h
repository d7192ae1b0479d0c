// The processor that nnc runs on.
#pragma once

#include "codegen/compile.h"
#include "codegen/target.h"

namespace nnc::codegen {

// Restricted to `options.isa` and `options.vector_units` where they are given. Fails where FMA and AVX2 are missing,
// or the named instruction set is. How wide the multiply-add units are is measured once and kept in the cache of
// machine code.
Result<Target> host_target(const CodegenOptions& options, Diagnostics& diagnostics);

}  // namespace nnc::codegen
