// What a model means: its graphs computed in double and compared with numbers worked out by hand.
#include <cmath>

#include "elaborated.h"

namespace nnc {
namespace {

using test::build;
using test::f32;
using test::tensor;

const std::string kTiny = R"(model tiny(hidden: int = 2) {
  fc1 = linear(2, hidden)
  fc2 = linear(hidden, 2, bias = 0)
  fn forward(x: f32[batch, 2]) -> f32[batch, 2] = x |> fc1 |> relu |> fc2
  loss data(x, label: i32[batch]) = cross_entropy(forward(x), label)
  loss penalty = 0.5 * l2(fc1.weight)
  metric accuracy(x, label) = mean(argmax(forward(x)) == label)
  metric perplexity(x, label) = exp(data(x, label))
  output probability(x) = softmax(forward(x))
}
)";

const TensorMap kWeights = {
    {"fc1.weight", f32({2, 2}, {1, -1, 0.5, 2})},
    {"fc1.bias", f32({2}, {0.25, -0.5})},
    {"fc2.weight", f32({2, 2}, {1, 0, -1, 3})},
};

// z = relu(x W1ᵀ + b1) W2ᵀ
std::vector<double> scores(double x0, double x1) {
  const double h0 = std::max(0.0, x0 - x1 + 0.25), h1 = std::max(0.0, 0.5 * x0 + 2 * x1 - 0.5);
  return {h0, -h0 + 3 * h1};
}

double entropy(const std::vector<double>& z, int label) {
  return std::log(std::exp(z[0]) + std::exp(z[1])) - z[static_cast<size_t>(label)];
}

TEST_CASE("prediction computes what the model says") {
  const auto built = build(kTiny, test::with_batch(2));
  TensorMap inputs = kWeights;
  inputs["x"] = f32({2, 2}, {1, 2, -1, 0.5});
  const TensorMap out = evaluate(built->graph("predict.probability"), inputs);
  const std::vector<double> a = scores(1, 2), b = scores(-1, 0.5);
  const auto& p = out.at("probability").data;
  REQUIRE(p.size() == 4);
  CHECK(p[0] == Approx(std::exp(a[0]) / (std::exp(a[0]) + std::exp(a[1]))));
  CHECK(p[3] == Approx(std::exp(b[1]) / (std::exp(b[0]) + std::exp(b[1]))));
}

TEST_CASE("metrics mean what they would mean over the whole set, over unequal batches") {
  // Five examples as batches of 2, 2 and 1: three programs that share the names of their sums.
  const std::vector<std::vector<double>> x = {{1, 2}, {-1, 0.5}, {3, 0}, {0, 0}, {2, -1}};
  const std::vector<double> label = {1, 0, 0, 1, 1};
  TensorMap sums;
  size_t at = 0;
  for (const int64_t batch : {2, 2, 1}) {
    const auto built = build(kTiny, test::with_batch(batch));
    const Graph& eval = built->graph("eval");
    TensorMap inputs = kWeights;
    DenseTensor xs = f32({batch, 2}, {}), labels = tensor(DType::i32, {batch}, {});
    for (int64_t i = 0; i < batch; ++i, ++at) {
      xs.data.insert(xs.data.end(), x[at].begin(), x[at].end());
      labels.data.push_back(label[at]);
    }
    inputs["x"] = xs;
    inputs["label"] = labels;
    for (const NodeId id : eval.inputs) {
      const auto& attrs = std::get<InputAttrs>(eval.nodes[id].attrs);
      if (attrs.role != Role::sum) continue;
      CHECK(eval.nodes[id].types[0] == TensorType{DType::f64, {}});
      inputs[attrs.name] = sums.count(attrs.name) ? sums[attrs.name] : tensor(DType::f64, {}, {0});
    }
    for (const Output& output : eval.outputs) CHECK(output.replaces.has_value());
    sums = evaluate(eval, inputs);
  }
  const auto built = build(kTiny, test::with_batch(2));
  TensorMap inputs = kWeights;
  for (const auto& [name, value] : sums) inputs[name] = value;
  const TensorMap out = evaluate(built->graph("finish"), inputs);

  double mean = 0, right = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const std::vector<double> z = scores(x[i][0], x[i][1]);
    mean += entropy(z, static_cast<int>(label[i])) / 5;
    right += ((z[1] > z[0]) == (label[i] == 1)) / 5.0;
  }
  const double penalty = 0.5 * (1 + 1 + 0.25 + 4);
  CHECK(out.at("loss.data").data[0] == Approx(mean));
  CHECK(out.at("loss.penalty").data[0] == Approx(penalty));
  CHECK(out.at("loss").data[0] == Approx(mean + penalty));
  CHECK(out.at("accuracy").data[0] == Approx(right));
  CHECK(out.at("perplexity").data[0] == Approx(std::exp(mean)));
}

TEST_CASE("the training graphs have the promised inputs and outputs") {
  const auto built = build(kTiny, test::with_optimizer("adam(lr = 0.01)"));
  const std::vector<std::string> parameters = {"fc1.weight", "fc1.bias", "fc2.weight"};
  const Graph& gradients = built->graph("gradients");
  CHECK(test::output_names(gradients) == std::vector<std::string>{"loss", "loss.data", "loss.penalty",
                                                                  "grad.fc1.weight", "grad.fc1.bias",
                                                                  "grad.fc2.weight"});
  std::vector<std::string> of;
  for (const Output& output : gradients.outputs)
    if (output.kind == OutputKind::gradient) of.push_back(gradients.input_name(*output.of));
  CHECK(of == parameters);
  const Graph& train = built->graph("train");
  CHECK(test::count(train, Op::grad) == 1);
  CHECK(test::input_names(train) == std::vector<std::string>{"x", "label", "fc1.weight", "fc1.bias",
                                                             "fc2.weight", "optimizer.m.fc1.weight",
                                                             "optimizer.v.fc1.weight", "optimizer.m.fc1.bias",
                                                             "optimizer.v.fc1.bias", "optimizer.m.fc2.weight",
                                                             "optimizer.v.fc2.weight", "lr", "t"});
  size_t replaced = 0;
  for (const Output& output : train.outputs) replaced += output.replaces.has_value();
  CHECK(replaced == 9);
  CHECK(train.outputs[0].kind == OutputKind::loss);
  CHECK(train.outputs[1].kind == OutputKind::part);
  CHECK(train.batch == 32);
  CHECK(built->graph("init").batch == 0);
  for (const NodeId id : train.inputs) {
    const auto& attrs = std::get<InputAttrs>(train.nodes[id].attrs);
    CHECK((attrs.role == Role::moment) == attrs.name.starts_with("optimizer."));
  }
  for (const Output& output : built->graph("finish").outputs)
    CHECK((output.kind == OutputKind::metric) == (output.name == "accuracy" || output.name == "perplexity"));
  CHECK(built->model->default_lr == 0.01);
  CHECK(built->model->losses == std::vector<std::string>{"data", "penalty"});
  CHECK(built->model->metrics == std::vector<std::string>{"accuracy", "perplexity"});
  CHECK(built->model->outputs == std::vector<std::string>{"probability"});
  CHECK(built->model->bound.at("hidden") == "2");
  REQUIRE(built->model->columns.size() == 2);
  CHECK(built->model->columns[0].type == TensorType{DType::f32, {32, 2}});
  CHECK(built->model->columns[1].classes == 2);
  CHECK(built->model->columns[1].batched);
  std::vector<std::string> init = parameters;
  for (const std::string& p : parameters) init.insert(init.end(), {"optimizer.m." + p, "optimizer.v." + p});
  CHECK(test::output_names(built->graph("init")) == init);
}

TEST_CASE("arguments of the model are bound as text") {
  frontend::BuildOptions options;
  options.arguments["hidden"] = "3 * 5";
  const auto built = build(kTiny, options);
  REQUIRE(built->model);
  CHECK(built->model->parameters[0].type.shape == Shape{15, 2});
  options.arguments["hiden"] = "1";
  CHECK(build(kTiny, options)->said.find("did you mean hidden?") != std::string::npos);
}

TEST_CASE("a function of the model runs once a step for the same arguments") {
  const std::string source = R"(model m {
  fc = linear(4, 4)
  fn forward(x: f32[batch, 4]) = dropout(fc(x), 0.5)
  loss a(x) = mean(forward(x))
  loss b(x) = mean(forward(x)^2)
  loss c(x) = mean(forward(2 * x))
}
)";
  const auto built = build(source);
  CHECK(test::count(built->graph("gradients"), Op::random) == 2);
  std::vector<std::string> streams;
  for (const Node& node : built->graph("gradients").nodes) {
    if (node.op == Op::random) streams.push_back(std::get<RandomAttrs>(node.attrs).stream);
  }
  REQUIRE(streams.size() == 2);
  CHECK(streams[0] != streams[1]);
  CHECK(test::count(built->graph("predict.forward"), Op::random) == 0);  // training is false there
}

TEST_CASE("what cannot be combined from batches is an error that names the metric") {
  const auto metric = [](const std::string& body) {
    return build(
               "model m {\n  fc = linear(2, 2)\n  loss(x: f32[batch, 2]) = mean(fc(x))\n  metric odd(x) = " +
               body + "\n}\n")
        ->said;
  };
  CHECK(metric("mean(x)") == "");
  CHECK(metric("sum(x) / (2 * batch)") == "");
  CHECK(metric("mean(sum(x^2, axis = -1)) - mean(x)^2") == "");
  CHECK(metric("var(x)").find("two passes") != std::string::npos);
  CHECK(metric("max(x)").find("[metric_not_exact]") != std::string::npos);
  CHECK(metric("x[0, 0]").find("metric odd depends on single examples") != std::string::npos);
  // Multiples of the batch are multiples of the whole set; anything else made of its size is not.
  for (const char* multiple :
       {"batch", "batch * 3", "batch / 4", "batch + batch", "3 * batch - batch", "0.5 * batch / 2"})
    CHECK(metric("sum(x) / (" + std::string(multiple) + ")") == "");
  for (const char* other :
       {"batch - 1", "1 + batch", "batch * batch", "2 / batch", "batch / batch", "batch^2", "batch // 2"})
    CHECK(metric("sum(x) / (" + std::string(other) + ")").find("[metric_not_exact]") != std::string::npos);
}

TEST_CASE("a metric divides by the size of the set, not of the batch") {
  const auto built = build("model m {\n  loss(x: f32[batch]) = sum(x) / batch\n}\n", test::with_batch(2));
  const TensorMap sums = evaluate(built->graph("eval"), {{"x", f32({2}, {1, 2})},
                                                         {"sum.0", tensor(DType::f64, {}, {7})},
                                                         {"sum.1", tensor(DType::f64, {}, {3})}});
  CHECK(evaluate(built->graph("finish"), sums).at("loss").data[0] == Approx(2));
}

}  // namespace
}  // namespace nnc
