// Every differentiable op, layer and loss: values, gradients and second derivatives against PyTorch's, in
// double and compiled.
#include <catch2/catch.hpp>
#include <set>

#include "fmt/format.h"
#include "frontend/model.h"
#include "frontend/syntax/parser.h"
#include "ir/graph/verify.h"
#include "passes/pass.h"
#include "reference.h"

namespace nnc::test {
namespace {

Graph build_case(const nlohmann::json& reference) {
  Sources sources;
  Diagnostics diagnostics;
  if (reference.contains("graph")) {
    const FileId file = sources.add("case.nnir", reference.at("graph").get<std::string>());
    Result<Graph> graph = parse_graph(sources, file, diagnostics);
    if (!graph) FAIL(render_all(diagnostics, sources));
    return std::move(*graph);
  }
  const FileId file = sources.add("case.nn", reference.at("text").get<std::string>());
  const Result<ast::File> tree = frontend::parse(sources, file, diagnostics);
  if (!tree) FAIL(render_all(diagnostics, sources));
  Result<frontend::Exploration> built = frontend::build_exploration(*tree, sources, {}, diagnostics);
  if (!built) FAIL(render_all(diagnostics, sources));
  return std::move(built->graph);
}

Graph differentiated(const Graph& graph) {
  Diagnostics diagnostics;
  Result<Graph> result = passes::differentiate(graph, diagnostics);
  REQUIRE(result.ok());
  return std::move(*result);
}

}  // namespace

TEST_CASE("values, gradients and second derivatives are PyTorch's, in double") {
  const nlohmann::json reference = load_reference("ops.json");
  REQUIRE(reference.at("cases").size() > 120);
  for (const nlohmann::json& one : reference.at("cases")) {
    INFO(one.at("name") << "\n" << one.value("text", one.value("graph", "")));
    const Graph graph = differentiated(build_case(one));
    const TensorMap results = evaluate(graph, inputs_of(graph, drawn_inputs(one.at("inputs"))));
    for (const auto& [name, want] : one.at("values").items()) {
      INFO(name);
      REQUIRE(results.count(name) == 1);
      CHECK(difference(results.at(name).data, want.get<std::vector<double>>(),
                       one.at("tolerance").get<double>(), 1e-3) == "");
    }
  }
}

TEST_CASE("values, gradients and second derivatives are PyTorch's, compiled") {
  const nlohmann::json reference = load_reference("ops.json");
  for (const nlohmann::json& one : reference.at("cases")) {
    INFO(one.at("name") << "\n" << one.value("text", one.value("graph", "")));
    const Graph graph = build_case(one);
    Compiled compiled(graph);
    for (const auto& [name, tensor] : drawn_inputs(one.at("inputs"))) compiled.set(name, tensor);
    compiled.step(0, 1);
    for (const auto& [name, want] : one.at("values").items()) {
      INFO(name);
      CHECK(difference(compiled.read(name), want.get<std::vector<double>>(), 1e-5, 1) == "");
    }
  }
}

// An op that is new needs no case: the op table's own test takes its derivatives by differences. These have one.
TEST_CASE("the reference covers the ops it is meant to") {
  std::set<std::string> covered;
  const nlohmann::json reference = load_reference("ops.json");
  for (const nlohmann::json& one : reference.at("cases")) {
    const Graph graph = build_case(one);
    for (const Node& node : graph.nodes) covered.insert(std::string(op_def(node.op).name));
  }
  for (const char* name :
       {"erfinv",   "neg",     "exp",     "log",     "sqrt",       "tanh",       "erf",        "sigmoid",
        "softplus", "abs",     "sign",    "cast",    "add",        "sub",        "mul",        "div",
        "floordiv", "pow",     "maximum", "minimum", "where",      "fma",        "broadcast",  "reshape",
        "permute",  "slice",   "pad",     "concat",  "reduce_sum", "reduce_max", "reduce_min", "argmax",
        "pick",     "one_hot", "matmul",  "grad",    "detach",     "linear"}) {
    INFO(name);
    CHECK(find_op(name).has_value());
    CHECK(covered.count(name) == 1);
  }
}

TEST_CASE("the reference has second derivatives through the smooth ops it is meant to") {
  std::set<std::string> covered;
  const nlohmann::json reference = load_reference("ops.json");
  for (const nlohmann::json& one : reference.at("cases")) {
    if (!one.at("name").get<std::string>().ends_with(", second derivative")) continue;
    for (const Node& node : build_case(one).nodes) covered.insert(std::string(op_def(node.op).name));
  }
  for (const char* name :
       {"erfinv", "pick",    "slice",    "pad",        "concat", "add",       "sub",     "mul",
        "div",    "pow",     "fma",      "neg",        "exp",    "log",       "sqrt",    "tanh",
        "erf",    "sigmoid", "softplus", "reduce_sum", "matmul", "broadcast", "reshape", "permute"}) {
    INFO(name);
    REQUIRE(find_op(name).has_value());
    CHECK(op_def(*find_op(name)).has(kSmooth));
    CHECK(covered.count(name) == 1);
  }
}

}  // namespace nnc::test
