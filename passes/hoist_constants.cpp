// Constants that are data lie in memory, which the body of a scan has not: they become operands.
//   scan h {body = { %0 = constant @0 … }}   →   %0 = constant @0   scan h, %0 {body = { … }}
// Numbers short enough to be written into code stay where they are.
#include "passes/pass.h"
#include "passes/rewrite.h"
#include "passes/scan_parts.h"

namespace nnc::passes {

Graph hoist_constants(const Graph& graph) {
  return rebuild(
      graph, [](Rewriter& rewriter, NodeId id, const Node& node) -> std::optional<std::vector<Value>> {
        if (!std::holds_alternative<ScanAttrs>(node.attrs)) return std::nullopt;
        ScanAttrs scan = std::get<ScanAttrs>(node.attrs);
        scan.body = std::make_shared<const Graph>(
            hoist_constants(*scan.body));  // those of scans within it come to it first
        std::vector<Value> outputs;
        for (const Output& output : scan.body->outputs) outputs.push_back(output.value);
        std::vector<Given> given;
        for (const NodeId inner : node_ids(*scan.body))
          if (const Node& constant = scan.body->nodes[inner];
              constant.op == Op::constant && is_given(constant))
            given.push_back({{inner, 0}, rewriter.builder().copy(constant, {})[0], false});
        NewScan made = rebuilt(scan, rewriter.operands(id), outputs, given);
        return rewriter.builder().make_all(Op::scan, std::move(made.operands), std::move(made.attrs));
      });
}

}  // namespace nnc::passes
