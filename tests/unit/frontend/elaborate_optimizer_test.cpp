// Optimizers: which states are kept, what varies at run time, what an update computes.
#include <cmath>

#include "elaborated.h"

namespace nnc {
namespace {

using test::build;
using test::f32;
using test::tensor;
using test::with_optimizer;
using Names = std::vector<std::string>;

const std::string kModel = "model m {\n  param w: f32[2] = [1, 2]\n  loss = sum(w^2)\n}\n";

TEST_CASE("a state that the chosen branches never touch is not stored") {
  CHECK(test::input_names(build(kModel, with_optimizer("sgd"))->graph("train")) == Names{"w", "lr"});
  CHECK(test::input_names(build(kModel, with_optimizer("sgd(momentum = 0.9)"))->graph("train")) ==
        Names{"w", "optimizer.m.w", "lr"});
}

TEST_CASE("the rate has the optimizer's default or what the call says") {
  CHECK(build(kModel, with_optimizer("adam"))->model->default_lr == 1e-3);
  CHECK(build(kModel, with_optimizer("adam(0.5)"))->model->default_lr == 0.5);
  CHECK(build(kModel, with_optimizer("adam(beta1 = 0.5, lr = 0.25)"))->model->default_lr == 0.25);
}

TEST_CASE("an update of one's own computes what it says, in double up to the tensor") {
  // No gradient is asked for, so the graph can be computed as it stands.
  const std::string source = kModel + R"(
optimizer shrink(lr = 0.5, rate = 2 * lr) {
  state n = 4
  update(p, t) {
    n <- n + t
    if rank(p) == 1 { p <- p - rate * p / t }
    p <- p + n
  }
}
)";
  const auto built = build(source, with_optimizer("shrink"));
  const Graph& train = built->graph("train");
  CHECK(test::count(train, Op::grad) == 0);
  const TensorMap out = evaluate(train, {{"w", f32({2}, {1, 2})},
                                         {"optimizer.n.w", f32({2}, {4, 4})},
                                         {"lr", tensor(DType::f64, {}, {0.25})},
                                         {"t", tensor(DType::i64, {}, {2})}});
  CHECK(out.at("loss").data[0] == Approx(5));
  CHECK(out.at("optimizer.n.w").data == std::vector<double>{6, 6});
  CHECK(out.at("w").data[0] == Approx(1 - 0.5 * 1 / 2 + 6));
  CHECK(out.at("w").data[1] == Approx(2 - 0.5 * 2 / 2 + 6));
  CHECK(evaluate(built->graph("init"), {{"seed", tensor(DType::i64, {}, {0})}}).at("optimizer.n.w").data ==
        std::vector<double>{4, 4});
}

TEST_CASE("adam's bias correction stays in double") {
  const auto built = build(kModel, with_optimizer("adam"));
  const Graph& train = built->graph("train");
  size_t powers = 0;
  for (const Node& node : train.nodes) {
    if (node.op != Op::pow) continue;
    if (node.types[0].shape.empty()) {
      CHECK(node.types[0].dtype == DType::f64);
      ++powers;
    }
  }
  CHECK(powers == 2);
}

TEST_CASE("what an optimizer cannot be is said") {
  CHECK(build(kModel, with_optimizer("adan"))->said.find("did you mean adam?") != std::string::npos);
  CHECK(build(kModel + "optimizer o { propose(p, g) { p <- p - g } }\n", with_optimizer("o"))
            ->said.find("there is no g") != std::string::npos);
  CHECK(build(kModel + "optimizer o { update(p) { p <- p }\n propose(p) { p <- p } }\n", with_optimizer("o"))
            ->said.find("has two rules") != std::string::npos);
  CHECK(build("model m {\n  param w: f32[2] = 1\n  loss = sum(redraw(w)^2)\n}\n")
            ->said.find("belongs in an optimizer's propose") != std::string::npos);
  CHECK(build(kModel + "optimizer o { propose(p) { p <- redraw(p + 1) } }\n", with_optimizer("o"))
            ->said.find("redraw takes the parameter itself, not p + 1") != std::string::npos);
  CHECK(build(kModel, with_optimizer("sgd(momentun = 1)"))->said.find("did you mean momentum?") !=
        std::string::npos);
  const std::string assigns = "optimizer o(lr = 1) { update(p, g) { p = p - lr * g\n p <- p } }\n";
  CHECK(build(kModel + assigns, with_optimizer("o"))->said.find("p <- … changes it") != std::string::npos);
}

TEST_CASE("every standard optimizer that follows the gradient elaborates") {
  for (const char* name : {"sgd(momentum = 0.9, nesterov = true, weight_decay = 0.1)", "momentum", "nesterov",
                           "adadelta", "adagrad", "rmsprop", "adam", "adamw(decay_rank = 2)"}) {
    INFO(name);
    CHECK(build(kModel, with_optimizer(name))->said == "");
  }
}

// One evaluation of a training graph whose parameters and states are these.
TensorMap at(const Graph& train, TensorMap values, double t) {
  for (const NodeId id : train.inputs) {
    const auto& attrs = std::get<InputAttrs>(train.nodes[id].attrs);
    if (attrs.name == "lr") values["lr"] = tensor(DType::f64, {}, {0.5});
    if (attrs.name == "t") values["t"] = tensor(DType::i64, {}, {t});
    if (attrs.name == "seed") values["seed"] = tensor(DType::i64, {}, {7});
  }
  return evaluate(train, values);
}

TEST_CASE("a proposal stays where it lowers the loss, its states with it, and asks for no gradient") {
  const std::string step = kModel + R"(
optimizer o(lr = 0.5) {
  state n = 0
  propose(p, t) {
    n <- n + 1
    p <- if rank(p) == 1 { p + t - 1.5 } else { p }
  }
}
)";
  const auto built = build(step, with_optimizer("o"));
  const Graph& train = built->graph("train");
  CHECK(test::count(train, Op::grad) == 0);
  const TensorMap start = {{"w", f32({2}, {1, 2})}, {"optimizer.n.w", f32({2}, {3, 3})}};
  const TensorMap lower = at(train, start, 1);  // [0.5, 1.5]: 2.5 < 5
  CHECK(lower.at("loss").data[0] == 5);         // of the parameters that the step met
  CHECK(lower.at("w").data == std::vector<double>{0.5, 1.5});
  CHECK(lower.at("optimizer.n.w").data == std::vector<double>{4, 4});
  const TensorMap higher = at(train, start, 2);  // [1.5, 2.5]: 8.5
  CHECK(higher.at("w").data == std::vector<double>{1, 2});
  CHECK(higher.at("optimizer.n.w").data == std::vector<double>{3, 3});
}

TEST_CASE("all parameters are proposed and kept together, under the same draws") {
  // b's proposal alone would lower the loss, w's raises it more; the noise is drawn once for both sides.
  const std::string source = R"(
model m {
  param w: f32[2] = 1
  param b: f32[] = 1
  loss = { noise: f32[2] ~ uniform(0, 1); sum((w + 100 * noise)^2) + b }
}
optimizer o { propose(p, t) { p <- if rank(p) == 1 { p + t - 2 } else { p - 1 } } }
)";
  const auto built = build(source, with_optimizer("o"));
  const Graph& train = built->graph("train");
  CHECK(test::count(train, Op::random) == 1);
  const TensorMap start = {{"w", f32({2}, {1, 1})}, {"b", f32({}, {1})}};
  const TensorMap worse = at(train, start, 3);
  CHECK(worse.at("w").data == std::vector<double>{1, 1});
  CHECK(worse.at("b").data == std::vector<double>{1});
  const TensorMap better = at(train, start, 1);
  CHECK(better.at("w").data == std::vector<double>{0, 0});
  CHECK(better.at("b").data == std::vector<double>{0});
}

TEST_CASE("a proposal whose loss is not a number is not kept") {
  const auto built = build(
      "model m {\n  param w: f32[] = 1\n  loss = log(w)\n}\noptimizer o { propose(p) { p <- p - 2 } }\n",
      with_optimizer("o"));
  CHECK(at(built->graph("train"), {{"w", f32({}, {1})}}, 1).at("w").data == std::vector<double>{1});
}

TEST_CASE("redraw draws from the initializer, anew at each step; a start that is fixed stays") {
  const auto built = build(
      "model m {\n  param w: f32[4] ~ uniform(2, 3)\n  param b: f32[2] = [5, 6]\n"
      "  loss = sum(w^2) + sum(b)\n}\n",
      with_optimizer("random_search"));
  const Graph& train = built->graph("train");
  const TensorMap start = {{"w", f32({4}, {9, 9, 9, 9})}, {"b", f32({2}, {7, 8})}};
  const std::vector<double> first = at(train, start, 1).at("w").data;
  const std::vector<double> second = at(train, start, 2).at("w").data;
  CHECK(first != second);
  for (const double v : first) CHECK((v >= 2 && v < 3));
  CHECK(at(train, start, 1).at("b").data == std::vector<double>{5, 6});
  CHECK(built->said == "");
  CHECK(build(kModel, with_optimizer("random_search"))->said.find("redraw gives the same again") !=
        std::string::npos);
}

frontend::OptimizerGroup group(const std::string& match, int64_t rank,
                               std::vector<std::pair<std::string, std::string>> arguments) {
  frontend::OptimizerGroup out;
  out.match = match;
  out.rank = rank;
  for (auto& [name, value] : arguments) out.arguments.push_back({name, value, {}, {}});
  return out;
}

const std::string kNet = R"(
model net {
  one = linear(2, 2)
  two = linear(2, 1)
  x: f32[3, 2] = 1
  loss = sum(x |> one |> two)
}
optimizer o(lr = 1, decay = 1, extra = 2 * decay) { update(p, t) { p <- lr * p + 100 * decay + extra } }
)";

TEST_CASE("groups: the first that fits counts, by name, by rank, by both") {
  frontend::BuildOptions options = with_optimizer("o(0.5, 3)");
  options.groups = {group("one.*", 1, {{"decay", "0"}}), group("*.weight", -1, {{"lr", "0.25"}}),
                    group("*", 1, {{"extra", "1 + 1"}})};
  const auto built = build(kNet, options);
  CHECK(built->said == "");
  TensorMap start;
  for (const NodeId id : built->graph("train").inputs) {
    const Node& node = built->graph("train").nodes[id];
    if (std::get<InputAttrs>(node.attrs).role != Role::scalar)
      start[std::get<InputAttrs>(node.attrs).name] = {
          node.types[0], std::vector<double>(static_cast<size_t>(node.types[0].elements()), 8)};
  }
  const TensorMap out = at(built->graph("train"), start, 1);  // lr = 0.5 as the call says
  CHECK(out.at("one.bias").data[0] == 4);                     // decay 0, and extra follows it
  CHECK(out.at("one.weight").data[0] == 2 + 300 + 6);         // a rate of its own: 0.25
  CHECK(out.at("two.weight").data[0] == 2 + 300 + 6);
  CHECK(out.at("two.bias").data[0] == 4 + 300 + 2);
}

TEST_CASE("a group's own rate follows the phase's schedule") {
  frontend::BuildOptions options = with_optimizer("o");
  options.groups = {group("w", -1, {{"lr", "0.5"}})};
  const auto built = build(kModel + "optimizer o(lr = 2) { update(p) { p <- p - lr } }\n", options);
  CHECK(built->model->default_lr == 2);
  const TensorMap out =
      evaluate(built->graph("train"), {{"w", f32({2}, {1, 1})}, {"lr", tensor(DType::f64, {}, {1})}});
  CHECK(out.at("w").data[0] == 0.75);  // the schedule has halved 2 to 1, and so 0.5 to 0.25
}

TEST_CASE("what a group cannot be is said") {
  const auto said = [&](const frontend::OptimizerGroup& g, const std::string& optimizer = "sgd") {
    frontend::BuildOptions options = with_optimizer(optimizer);
    options.groups = {g};
    return build(kNet, options)->said;
  };
  CHECK(said(group("*.bais", -1, {{"lr", "1"}})).find("no parameter is called *.bais") != std::string::npos);
  CHECK(said(group("one.wieght", -1, {{"lr", "1"}})).find("did you mean one.weight?") != std::string::npos);
  CHECK(said(group("", 3, {{"lr", "1"}})).find("no parameter has 3 axes") != std::string::npos);
  CHECK(said(group("*", -1, {{"weight_dacay", "1"}})).find("did you mean weight_decay?") !=
        std::string::npos);
  CHECK(said(group("*", -1, {{"lr", "1"}}), "sgd(lr = 0)").find("is a share of the optimizer's") !=
        std::string::npos);
  CHECK(said(group("*", -1, {{"lr", "1 +"}})).find("groups: lr:1:") != std::string::npos);
  frontend::BuildOptions twice = with_optimizer("sgd");
  twice.groups = {group("*", -1, {{"lr", "1"}}), group("one.*", -1, {{"lr", "2"}})};
  CHECK(build(kNet, twice)->said.find("is in an earlier one") != std::string::npos);
}

TEST_CASE("clipping goes with gradients only") {
  for (const char* name : {"random_search", "random_local_search"}) {
    frontend::BuildOptions options = with_optimizer(name);
    options.clip_norm = 1;
    CHECK(build(kModel, options)->said.find("asks for no gradient, so nothing can be clipped") !=
          std::string::npos);
  }
}

TEST_CASE("a random local step has the rate as its deviation") {
  const auto built = build("model m {\n  param w: f32[1000] = 0\n  loss = sum(w) - 1e6 * sum(w^2)\n}\n",
                           with_optimizer("random_local_search(lr = 3)"));
  CHECK(built->model->default_lr == 3);
  const TensorMap out = at(built->graph("train"), {{"w", f32({1000}, std::vector<double>(1000, 0))}}, 1);
  double square = 0;
  for (const double v : out.at("w").data) square += v * v / 1000;
  CHECK(std::sqrt(square) == Approx(0.5).epsilon(0.1));
}

}  // namespace
}  // namespace nnc
