#include "harness.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <random>

#include "ir/graph/verify.h"
#include "passes/pass.h"

namespace nnc::test {
namespace {

template <class T>
T required(std::variant<T, std::string> made) {
  if (const std::string* fault = std::get_if<std::string>(&made)) FAIL(*fault);
  return std::move(std::get<T>(made));
}

}  // namespace

TensorMap random_inputs(const Graph& graph, uint64_t seed, int64_t classes) {
  std::mt19937_64 random(seed);
  TensorMap inputs;
  for (NodeId id : graph.inputs) {
    const Node& node = graph.nodes[id];
    const auto& attrs = std::get<InputAttrs>(node.attrs);
    DenseTensor tensor{node.types[0], {}};
    for (int64_t i = 0; i < node.types[0].elements(); ++i) {
      double value = std::uniform_real_distribution<double>(-1, 1)(random);
      // Second moments are not negative, rates are small, steps count from 1.
      if (is_kept(attrs.role) && attrs.role != Role::param) value = std::abs(value);
      if (attrs.role == Role::scalar) value = attrs.name == "lr" ? 0.01 : 3;
      if (node.types[0].dtype == DType::f32) value = static_cast<float>(value);
      if (is_integer(node.types[0].dtype) && attrs.role != Role::scalar)
        value = static_cast<double>(random() %
                                    static_cast<uint64_t>(attrs.classes > 0 ? attrs.classes : classes));
      if (node.types[0].dtype == DType::boolean) value = random() % 2 == 0 ? 0 : 1;
      tensor.data.push_back(value);
    }
    inputs[attrs.name] = std::move(tensor);
  }
  return inputs;
}

Outputs run_interpreted(const Graph& graph, const TensorMap& inputs, const CodegenOptions& options) {
  return validate::interpret(required(validate::lower_checked(graph, options)), graph, inputs);
}

Outputs run_compiled(const Graph& graph, const TensorMap& inputs, const CodegenOptions& options,
                     int threads) {
  CodegenOptions own = options;
  own.use_cache = false;
  return required(validate::Executable::compile(graph, own)).step(inputs, threads);
}

Graph prepare(const std::string& text) {
  Sources sources;
  Diagnostics diagnostics;
  const FileId file = sources.add("test.nnir", text);
  Result<Graph> graph = parse_graph(sources, file, diagnostics);
  INFO(render_all(diagnostics, sources));
  REQUIRE(graph.ok());
  passes::PipelineOptions options;
  Result<Graph> ready = passes::run_pipeline(*graph, options, diagnostics);
  INFO(render_all(diagnostics, sources));
  REQUIRE(ready.ok());
  return std::move(*ready);
}

}  // namespace nnc::test
