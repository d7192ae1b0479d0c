// Fused ops are written out again, as the last step before kernels are formed: `linear` and `softmax_xent`
// have told the reader and the simplifier what they are; grouping then computes their parts in one kernel.
//   %4, %5 = softmax_xent %3, label   →   %4 = reduce_max %3 {axes=[1]} …
// What depends on constants only among the parts is computed at once. Leaves everything else alone.
#include "passes/pass.h"
#include "passes/rewrite.h"

namespace nnc::passes {

Graph expand_fused(const Graph& graph) {
  return fold_constants(rebuild(
      graph,
      [](Rewriter& rewriter, NodeId id, const Node& node) -> std::optional<std::vector<Value>> {
        const auto* rule = std::get_if<ExpandRule>(&op_def(node.op).lower);
        if (!rule) return std::nullopt;
        return rule->expand(rewriter.builder(), node, rewriter.operands(id));
      },
      Builder::Interning::on));
}

}  // namespace nnc::passes
