// Checks on the text alone.
#pragma once

#include "frontend/ast.h"
#include "support/diagnostic.h"

namespace nnc::frontend {

// Warns of lets that nothing reads.
void lint(const ast::File& file, Diagnostics& diagnostics);

}  // namespace nnc::frontend
