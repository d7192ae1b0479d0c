// Layers: where a weight is, it is named; how it starts; what is shared.
#include "elaborated.h"

namespace nnc {
namespace {

using test::build;

std::vector<std::string> names_of(const std::string& members) {
  const auto built = build("model m {\n" + members + "\n}\n");
  if (!built->model) return {built->said};
  std::vector<std::string> names;
  for (const frontend::ParameterInfo& parameter : built->model->parameters) names.push_back(parameter.name);
  return names;
}
using Names = std::vector<std::string>;

TEST_CASE("where an instance ends up names its weights") {
  CHECK(names_of("fc = linear(2, 3)") == Names{"fc.weight", "fc.bias"});
  CHECK(names_of("net = [linear(2, 3, bias = 0), relu, [linear(3, 1)]]") ==
        Names{"net.0.weight", "net.2.0.weight", "net.2.0.bias"});
  CHECK(names_of("fc = [linear(2, 2, bias = 0) for k in 0..2]") == Names{"fc.0.weight", "fc.1.weight"});
  CHECK(names_of("net = [linear(2, 2, bias = 0)] as \"\"") == Names{"weight"});
  CHECK(names_of("fc = linear(2, 2, bias = 0) as \"head\"") == Names{"head.weight"});
  CHECK(names_of("param w: f32[3] = [1, 2, 3]") == Names{"w"});
  CHECK(names_of("a, b = [linear(1, 1, bias = 0), linear(1, 1, bias = 0)]") == Names{"a.weight", "b.weight"});
}

TEST_CASE("a layer that takes layers names them after its argument") {
  const std::string residual =
      "layer residual(body, shortcut = []) { fn forward(x) = body(x) + shortcut(x) }\n";
  const auto built = build(residual +
                           "model m {\n net = [residual([linear(4, 4, bias = 0), gelu])]\n"
                           " loss(x: f32[batch, 4]) = mean(net(x))\n}\n");
  REQUIRE(built->model);
  CHECK(built->model->parameters[0].name == "net.0.body.0.weight");
}

TEST_CASE("recurrent layers have PyTorch's names") {
  CHECK(names_of("rnn = lstm(3, 5, layers = 2)") ==
        Names{"rnn.weight_ih_l0", "rnn.weight_hh_l0", "rnn.bias_ih_l0", "rnn.bias_hh_l0", "rnn.weight_ih_l1",
              "rnn.weight_hh_l1", "rnn.bias_ih_l1", "rnn.bias_hh_l1"});
  CHECK(names_of("lstm = lstm(3, 5)")[0] ==
        "lstm.weight_ih_l0");  // its earlier meaning to the right of the =
}

TEST_CASE("a shared parameter is saved once, under its owner's name") {
  CHECK(names_of("head = linear(4, 9, weight = tok.weight)\n tok = linear(4, 9, bias = 0)") ==
        Names{"head.bias", "tok.weight"});
  const auto built =
      build("model m {\n a = linear(2, 2, bias = 0)\n loss(x: f32[batch, 2]) = mean(a(a(x)))\n}\n");
  REQUIRE(built->model);
  CHECK(built->model->parameters.size() == 1);
}

TEST_CASE("two equal saved names are an error") {
  CHECK(names_of("a = linear(1, 1) as \"x\"\n b = linear(1, 1) as \"x\"")[0].find("[duplicate_saved_name]") !=
        std::string::npos);
}

TEST_CASE("parameters start as their layer or its maker says") {
  const auto built = build(
      "model m {\n fc = linear(4, 2, weight ~ normal(1, 2), bias ~ 3)\n"
      " param k: f32[2] = [5, 6]\n x: f32[3] ~ bernoulli(0.25)\n}\n");
  const Graph& init = built->graph("init");
  CHECK(test::output_names(init) == Names{"fc.weight", "fc.bias", "k", "x"});
  const auto& weight = std::get<RandomAttrs>(init.node(init.outputs[0].value).attrs);
  CHECK(weight.distribution == Distribution::normal);
  CHECK(weight.a == 1);
  CHECK(weight.b == 2);
  CHECK(weight.stream == "fc.weight");
  CHECK(std::get<ConstantAttrs>(init.node(init.outputs[1].value).attrs).values == std::vector<double>{3});
  CHECK(std::get<ConstantAttrs>(init.node(init.outputs[2].value).attrs).values == std::vector<double>{5, 6});
  CHECK(built->model->parameters.size() == 3);  // x is drawn, not learned
}

TEST_CASE("uniform starts within 1/sqrt(in)") {
  const auto built = build("model m {\n fc = linear(16, 2)\n}\n");
  const Graph& init = built->graph("init");
  const auto& weight = std::get<RandomAttrs>(init.node(init.outputs[0].value).attrs);
  CHECK(weight.a == -0.25);
  CHECK(weight.b == 0.25);
}

}  // namespace
}  // namespace nnc
