// Makes the graph of norms from the graph of gradients.
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
  std::vector<Output> weights, slopes;
  for (const Output& output : gradients.outputs) {
    if (output.kind != OutputKind::gradient) continue;
    const std::string& name = gradients.input_name(*output.of);
    weights.push_back(
        {"norm.weight." + name, norm(Value{*output.of, 0}), {}, OutputKind::weight_norm, output.of});
    slopes.push_back({"norm.gradient." + name, norm(output.value), {}, OutputKind::gradient_norm, output.of});
  }
  graph.outputs = std::move(weights);
  graph.outputs.insert(graph.outputs.end(), slopes.begin(), slopes.end());
  return graph;
}

}  // namespace nnc::driver
