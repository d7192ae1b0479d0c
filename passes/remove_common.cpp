// Common subexpressions: the graph is rebuilt with interning on, so that a node equal to an earlier one (op,
// attributes, operands) becomes that one. Draws are equal only when they share stream, seed and step, and
// then they are the same numbers. Constants keep their places apart only as far as their bits differ.
#include "passes/pass.h"
#include "passes/rewrite.h"

namespace nnc::passes {

Graph remove_common(const Graph& graph) {
  return rebuild(
      graph, [](Rewriter&, NodeId, const Node&) { return std::nullopt; }, Builder::Interning::on);
}

}  // namespace nnc::passes
