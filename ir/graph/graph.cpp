// Look-ups in graphs; everything else about them is data.
#include "ir/graph/graph.h"

#include <algorithm>
#include <iterator>

namespace nnc {

SpanSet join(const SpanSet& a, const SpanSet& b) {
  SpanSet result;
  result.reserve(a.size() + b.size());
  std::ranges::set_union(a, b, std::back_inserter(result));
  return result;
}

bool is_given(const Node& node) {
  if (op_def(node.op).has(kGiven)) return true;
  const auto* constant = std::get_if<ConstantAttrs>(&node.attrs);
  return constant && constant->values.size() > kInlineConstant;
}

void Graph::add_gradient(NodeId of, Value value) {
  const ParameterGradient gradient{of, value};
  if (std::ranges::find(gradients, gradient) == gradients.end()) gradients.push_back(gradient);
}

NodeId Graph::find_input(std::string_view input_name) const {
  for (const NodeId id : inputs)
    if (std::get<InputAttrs>(nodes[id].attrs).name == input_name) return id;
  return {};
}

const Graph* Module::find(std::string_view graph_name) const {
  const auto it = std::ranges::find(graphs, graph_name, &Graph::name);
  return it == graphs.end() ? nullptr : &*it;
}

}  // namespace nnc
