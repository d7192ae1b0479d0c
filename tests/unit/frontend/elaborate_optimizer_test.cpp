// Optimisers: which states are kept, what varies at run time, what an update computes.
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

TEST_CASE("the rate has the optimiser's default or what the call says") {
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

TEST_CASE("what an optimiser cannot be is said") {
  CHECK(build(kModel, with_optimizer("adan"))->said.find("did you mean adam?") != std::string::npos);
  CHECK(build(kModel, with_optimizer("random_search"))->said.find("[not_built]") != std::string::npos);
  CHECK(build(kModel, with_optimizer("sgd(momentun = 1)"))->said.find("did you mean momentum?") !=
        std::string::npos);
  const std::string assigns = "optimizer o(lr = 1) { update(p, g) { p = p - lr * g\n p <- p } }\n";
  CHECK(build(kModel + assigns, with_optimizer("o"))->said.find("p <- … changes it") != std::string::npos);
}

TEST_CASE("every standard optimiser that follows the gradient elaborates") {
  for (const char* name : {"sgd(momentum = 0.9, nesterov = true, weight_decay = 0.1)", "adagrad", "rmsprop",
                           "adam", "adamw(decay_rank = 2)"}) {
    INFO(name);
    CHECK(build(kModel, with_optimizer(name))->said == "");
  }
}

}  // namespace
}  // namespace nnc
