// nnc inspect of a model, a graph or kernels: the text of a stage, or of all, as far as it is asked for.
#pragma once

#include "driver/inspect/stages.h"

namespace nnc::driver {

// Shows the stage that the flags name. What --where, --diff, --each-pass and -o ask for takes its place. Gives the exit code.
int show_stages(Session& session, Stages& stages);

// The graph with only the gradients of these parameters as outputs, as the graph `gradients` has them. Errors: no such parameter.
Result<Graph> gradient_graph(Session& session, const Module& module,
                             const std::vector<std::string>& parameters);

}  // namespace nnc::driver
