// A scan → one kernel: its body in a loop over the steps.
#pragma once

#include "codegen/lower/lower.h"

namespace nnc::codegen {

// `context`: a group of one scan. States and what the body keeps lie in locals, the rows that do not meet (ir/kernel/loop_domain.h)
// innermost; each task takes some of them through all steps, so no step waits for another thread.
LoweredGroup lower_loop(const GroupContext& context);

}  // namespace nnc::codegen
