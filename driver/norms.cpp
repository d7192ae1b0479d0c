#include "driver/norms.h"

#include <numeric>

#include "ir/graph/builder.h"

namespace nnc::driver {

Graph norms_graph(const Graph& gradients) {
  Graph graph = gradients;
  graph.name = "norms";
  graph.outputs.clear();
  Builder builder(graph);
  const auto norm = [&](Value value) {
    std::vector<int64_t> axes(builder.type(value).shape.size());
    std::iota(axes.begin(), axes.end(), 0);
    return builder.reshape(builder.make(Op::sqrt, {builder.sum(builder.mul(value, value), axes)}), {1});
  };
  const std::string_view prefix = "grad.";
  std::vector<Output> weights, slopes;
  for (const Output& output : gradients.outputs) {
    if (!output.name.starts_with(prefix)) continue;
    const std::string name = output.name.substr(prefix.size());
    const NodeId weight = gradients.find_input(name);
    if (weight.valid()) weights.push_back({"norm.weight." + name, norm(Value{weight, 0}), {}});
    slopes.push_back({"norm.gradient." + name, norm(output.value), {}});
  }
  graph.outputs = std::move(weights);
  graph.outputs.insert(graph.outputs.end(), slopes.begin(), slopes.end());
  return graph;
}

}  // namespace nnc::driver
