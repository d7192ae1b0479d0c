// A step that is too large to be computed op by op in the interpreter: compiled once more with a look at every value, and
// then the values of single ops fetched.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "driver/session.h"
#include "ir/graph/nonfinite.h"
#include "runtime/training/replay.h"

namespace nnc::driver {

// The step's graph as far as bits depend on it: all rewriting done, fused ops written out, no layouts and kernels yet.
Result<Graph> step_before_layout(Session& session, const Graph& train);

// As find_nonfinite() of ir/, but in the arithmetic of the step itself, to the bit. `bundle` is what the step ran in.
// Nothing if these outputs are finite; a failure, with its reason in `diagnostics`, if it could not be computed.
Result<std::optional<NonFinite>> probe_step(Session& session, const Graph& graph, const Bundle& bundle,
                                            const runtime::FailingStep& step,
                                            std::span<const std::string> outputs, Diagnostics& diagnostics);

}  // namespace nnc::driver
