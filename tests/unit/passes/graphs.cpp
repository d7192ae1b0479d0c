// Reading, drawing and comparing; see graphs.h.
#include "graphs.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include <catch2/catch.hpp>

#include "ir/graph/verify.h"
#include "passes/pass.h"

namespace nnc::passes::test {
namespace {

const std::filesystem::path kFolder = std::filesystem::path(NNC_SOURCE_DIR) / "tests" / "passes" / "Inputs";

}  // namespace

std::vector<std::string> graph_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (entry.path().extension() == ".nnir") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

Graph parse(std::string_view text) {
  Sources sources;
  Diagnostics diagnostics;
  FileId file = sources.add("test.nnir", std::string(text));
  Result<Graph> graph = parse_graph(sources, file, diagnostics);
  INFO(text);
  INFO(render_all(diagnostics, sources));
  REQUIRE(graph.ok());
  return std::move(*graph);
}

Graph load(const std::string& name) {
  std::ifstream file(kFolder / (name + ".nnir"));
  std::stringstream text;
  text << file.rdbuf();
  return parse(text.str());
}

Graph parse_body(std::string_view signature, std::string_view body) {
  return parse("graph @g(" + std::string(signature) + ") {\n" + std::string(body) + "\n}\n");
}

Graph derived(const Graph& graph) {
  Diagnostics diagnostics;
  Result<Graph> result = differentiate(graph, diagnostics);
  for (const Diagnostic& d : diagnostics.all()) UNSCOPED_INFO(d.message);
  REQUIRE(result.ok());
  return std::move(*result);
}

TensorMap random_inputs(const Graph& graph, uint32_t seed) {
  std::mt19937 random(seed);
  TensorMap inputs;
  for (NodeId id : graph.inputs) {
    const Node& node = graph.nodes[id];
    const auto& attrs = std::get<InputAttrs>(node.attrs);
    DenseTensor tensor{node.types[0], {}};
    tensor.data.resize(static_cast<size_t>(node.types[0].elements()));
    bool state = is_kept(attrs.role) && attrs.role != Role::param;
    std::uniform_real_distribution<double> reals(state ? 0.1 : -1.5, state ? 1 : 1.5);
    // Labels that nobody checks may lie outside the classes.
    const bool is_checked = attrs.classes > 0;
    std::uniform_int_distribution<int> labels(is_checked ? 0 : -2,
                                              is_checked ? static_cast<int>(attrs.classes) - 1 : 6);
    for (double& x : tensor.data) {
      switch (node.types[0].dtype) {
        case DType::f32:
          x = reals(random);
          break;
        case DType::f64:
          x = 0.05;
          break;
        case DType::i64:
          x = 3;
          break;
        default:
          x = labels(random);
          break;
      }
      if (node.types[0].dtype == DType::boolean) x = x > 0 ? 1 : 0;
    }
    inputs.emplace(attrs.name, std::move(tensor));
  }
  return inputs;
}

std::string checked_text(const Graph& graph) {
  std::vector<std::string> faults = verify(graph);
  std::string text = print(graph);
  INFO(text);
  for (const std::string& fault : faults) UNSCOPED_INFO(fault);
  REQUIRE(faults.empty());
  REQUIRE(print(parse(text)) == text);
  return text;
}

void check_equivalent(const Graph& before, const Graph& after, double tolerance) {
  for (uint32_t seed : {1u, 2u, 3u}) {
    TensorMap inputs = random_inputs(before, seed);
    TensorMap expected = evaluate(before, inputs);
    TensorMap found = evaluate(after, inputs);
    REQUIRE(found.size() == expected.size());
    for (const auto& [name, tensor] : expected) {
      REQUIRE(found.contains(name));
      const DenseTensor& other = found.find(name)->second;
      REQUIRE(other.type == tensor.type);
      REQUIRE(other.data.size() == tensor.data.size());
      for (size_t i = 0; i < tensor.data.size(); ++i) {
        INFO("output " << name << "[" << i << "], seed " << seed << "\nbefore\n"
                       << print(before) << "after\n"
                       << print(after));
        REQUIRE(std::isfinite(tensor.data[i]));
        REQUIRE(std::fabs(other.data[i] - tensor.data[i]) <=
                tolerance * std::max(1.0, std::fabs(tensor.data[i])));
      }
    }
  }
}

size_t count(const Graph& graph, Op op) {
  return static_cast<size_t>(
      std::count_if(graph.nodes.begin(), graph.nodes.end(), [&](const Node& n) { return n.op == op; }));
}

}  // namespace nnc::passes::test
