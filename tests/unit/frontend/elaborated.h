// Builds models from text, for the tests of elaboration.
#pragma once

#include <catch2/catch.hpp>
#include <memory>
#include <optional>

#include "frontend/model.h"
#include "frontend/syntax/parser.h"
#include "ir/graph/eval.h"
#include "ir/graph/verify.h"

namespace nnc::test {

// A built model, or what was said about it.
struct Built {
  Sources sources;
  Diagnostics diagnostics;
  std::optional<frontend::Model> model;
  std::string said;

  const Graph& graph(std::string_view name) const {
    const Graph* found = model ? model->module.find(name) : nullptr;
    if (found == nullptr) FAIL("no graph " << name << ": " << said);
    return *found;
  }
};

inline std::unique_ptr<Built> build(const std::string& text, const frontend::BuildOptions& options = {}) {
  auto built = std::make_unique<Built>();
  const FileId id = built->sources.add("test.nn", text);
  Result<ast::File> tree = frontend::parse(built->sources, id, built->diagnostics);
  if (tree) {
    Result<frontend::Model> model = frontend::build_model(*tree, built->sources, options, built->diagnostics);
    if (model) {
      for (const Graph& graph : model->module.graphs) {
        for (const std::string& broken : verify(graph)) FAIL_CHECK(graph.name << ": " << broken);
      }
      built->model = std::move(*model);
    }
  }
  built->said = render_all(built->diagnostics, built->sources);
  return built;
}

inline frontend::BuildOptions with_batch(int64_t batch) {
  frontend::BuildOptions options;
  options.batch = batch;
  return options;
}

inline frontend::BuildOptions with_optimizer(const std::string& optimizer) {
  frontend::BuildOptions options;
  options.optimizer = optimizer;
  return options;
}

inline size_t count(const Graph& graph, Op op) {
  size_t n = 0;
  for (const Node& node : graph.nodes) n += node.op == op;
  return n;
}

inline std::vector<std::string> input_names(const Graph& graph) {
  std::vector<std::string> names;
  for (const NodeId id : graph.inputs) names.push_back(std::get<InputAttrs>(graph.nodes[id].attrs).name);
  return names;
}

inline std::vector<std::string> output_names(const Graph& graph) {
  std::vector<std::string> names;
  for (const Output& output : graph.outputs) names.push_back(output.name);
  return names;
}

inline DenseTensor tensor(DType dtype, Shape shape, std::vector<double> data) {
  return {{dtype, std::move(shape)}, std::move(data)};
}
inline DenseTensor f32(Shape shape, std::vector<double> data) {
  return tensor(DType::f32, std::move(shape), std::move(data));
}

}  // namespace nnc::test
