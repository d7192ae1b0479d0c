// Why a run came to values that are not finite: the failing step is found by replaying (runtime/training/replay.h), and computed
// once more op by op (ir/graph/nonfinite.h), to name step, sample, op, element, operands and the words of the model.
#pragma once

#include "driver/session.h"
#include "ir/graph/eval.h"
#include "runtime/training/replay.h"

namespace nnc::driver {

// Reports it as an error in `diagnostics`. `loaded` is the model as the failing phase trains it. A step that is too large
// to be computed op by op is named without its op, and why is said.
void explain_not_finite(Session& session, const LoadedModel& loaded, const Bundle& bundle,
                        const runtime::FailingStep& step, Diagnostics& diagnostics);

// The same of an exploration's graph: `variables` are its parameters and states before the step, of which `step` has the
// number, the rate, the count and the seed.
void explain_not_finite(Session& session, const Graph& graph, const TensorMap& variables,
                        const runtime::FailingStep& step, Diagnostics& diagnostics);

}  // namespace nnc::driver
