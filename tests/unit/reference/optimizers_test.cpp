// 200 steps of every optimizer, of clipping and groups, and of a norm with running statistics, on a small net against PyTorch's: the loss
// of every step, the parameters and the statistics at the end, in double and compiled.
#include <catch2/catch.hpp>
#include <map>

#include "fmt/format.h"
#include "frontend/model.h"
#include "frontend/syntax/parser.h"
#include "passes/pass.h"
#include "reference.h"

namespace nnc::test {
namespace {

struct Training {
  Graph graph;  // with its `grad` nodes
  double lr = 0;
};

// A run's own model and inputs, or those of all the others.
const nlohmann::json& own(const nlohmann::json& one, const nlohmann::json& reference, const char* key) {
  return one.contains(key) ? one.at(key) : reference.at(key);
}

// `one` names the optimizer, and may add clipping and groups.
Training build_training(const nlohmann::json& reference, const nlohmann::json& one) {
  Sources sources;
  Diagnostics diagnostics;
  const FileId file = sources.add("net.nn", own(one, reference, "model").get<std::string>());
  const Result<ast::File> tree = frontend::parse(sources, file, diagnostics);
  if (!tree) FAIL(render_all(diagnostics, sources));
  frontend::BuildOptions options;
  options.batch = reference.at("batch").get<int64_t>();
  options.optimizer = one.at("optimizer").get<std::string>();
  options.clip_norm = one.value("clip_norm", 0.0);
  for (const nlohmann::json& group : one.value("groups", nlohmann::json::array())) {
    frontend::OptimizerGroup& to = options.groups.emplace_back();
    for (const auto& [key, value] : group.items()) {
      if (key == "match") {
        to.match = value.get<std::string>();
      } else if (key == "rank") {
        to.rank = value.get<int64_t>();
      } else {
        to.arguments.push_back({key, value.get<std::string>(), {}, {}});
      }
    }
  }
  Result<frontend::Model> model = frontend::build_model(*tree, sources, options, diagnostics);
  if (!model) FAIL(render_all(diagnostics, sources));
  const Graph* train = model->module.find("train");
  REQUIRE(train != nullptr);
  return {*train, model->default_lr};
}

// Zeros for the optimizer's states beside what the file draws.
TensorMap start_of(const Graph& graph, const nlohmann::json& inputs) {
  TensorMap drawn = drawn_inputs(inputs);
  for (const NodeId id : graph.inputs) {
    const Node& node = graph.nodes[id];
    const auto& attrs = std::get<InputAttrs>(node.attrs);
    if (attrs.role == Role::moment)
      drawn[attrs.name] = {node.types[0], std::vector<double>(static_cast<size_t>(node.types[0].elements()))};
  }
  return inputs_of(graph, drawn);
}

struct Trajectory {
  std::vector<double> losses;
  std::map<std::string, std::vector<double>> final;
};

Trajectory interpret(const Training& training, const nlohmann::json& inputs, size_t steps) {
  Diagnostics diagnostics;
  const Result<Graph> graph = passes::differentiate(training.graph, diagnostics);
  REQUIRE(graph.ok());
  TensorMap values = start_of(*graph, inputs);
  Trajectory trajectory;
  for (size_t step = 1; step <= steps; ++step) {
    if (values.count("t") > 0) values["t"].data = {static_cast<double>(step)};
    if (values.count("lr") > 0) values["lr"].data = {training.lr};
    TensorMap results = evaluate(*graph, values);
    trajectory.losses.push_back(results.at("loss").data[0]);
    for (const Output& output : graph->outputs)
      if (output.replaces)
        values[std::get<InputAttrs>(graph->nodes[*output.replaces].attrs).name] = results.at(output.name);
  }
  for (const auto& [name, tensor] : values) trajectory.final[name] = tensor.data;
  return trajectory;
}

Trajectory run(const Training& training, const nlohmann::json& inputs, size_t steps) {
  Compiled compiled(training.graph);
  for (const auto& [name, tensor] : start_of(training.graph, inputs))
    if (name != "t" && name != "lr" && name != "seed") compiled.set(name, tensor);
  Trajectory trajectory;
  for (size_t step = 1; step <= steps; ++step) {
    compiled.step(training.lr, static_cast<int64_t>(step));
    trajectory.losses.push_back(compiled.read("loss")[0]);
  }
  for (const NodeId id : training.graph.inputs) {
    const auto& attrs = std::get<InputAttrs>(training.graph.nodes[id].attrs);
    if (attrs.role == Role::param || attrs.role == Role::state)
      trajectory.final[attrs.name] = compiled.read(attrs.name);
  }
  return trajectory;
}

void check(const Trajectory& got, const nlohmann::json& want, double tolerance) {
  CHECK(difference(got.losses, want.at("losses").get<std::vector<double>>(), tolerance, 1e-3) == "");
  for (const auto& [name, values] : want.at("final").items()) {
    INFO(name);
    REQUIRE(got.final.count(name) == 1);
    CHECK(difference(got.final.at(name), values.get<std::vector<double>>(), tolerance, 1) == "");
  }
}

}  // namespace

TEST_CASE("200 steps of every optimizer are PyTorch's") {
  const nlohmann::json reference = load_reference("optimizers.json");
  REQUIRE(reference.at("runs").size() >= 23);
  for (const nlohmann::json& one : reference.at("runs")) {
    const std::string optimizer = one.at("optimizer").get<std::string>();
    const size_t steps = one.at("losses").size();
    REQUIRE(steps == 200);
    const Training training = build_training(reference, one);
    {
      INFO(optimizer << ", in double");
      check(interpret(training, own(one, reference, "inputs"), steps), one,
            one.at("tolerance").get<double>());
    }
    INFO(optimizer << ", compiled");
    check(run(training, own(one, reference, "inputs"), steps), one, 1e-5);
  }
}

}  // namespace nnc::test
