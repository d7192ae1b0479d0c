// What nnc explain says beside the formulas: the values of one batch, whether the formulas are true, and all of it as JSON.
#pragma once

#include <optional>
#include <string>

#include "driver/session.h"
#include "explain/explanation.h"
#include "ir/graph/eval.h"

namespace nnc::driver {

// An equation for each value: its range, its mean, how many zeros it has, and its first numbers.
void show_values_of(Console& console, const explain::Explanation& explanation, const TensorMap& values);

// The formulas as text, LaTeX and MathML each, with the type of what they give and the lines they come from.
void show_explanation_json(Session& session, const explain::Explanation& explanation);

// The outputs of the graph (not differentiated) at these inputs, by machine code.
Result<TensorMap> compiled_outputs(Session& session, const Graph& graph, const TensorMap& inputs);

}  // namespace nnc::driver
