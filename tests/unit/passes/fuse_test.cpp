// Fusion: it happens where it should, once each, and not where it must not.
#include <catch2/catch.hpp>

#include "graphs.h"
#include "passes/pass.h"

using namespace nnc;
using namespace nnc::passes;
using namespace nnc::passes::test;

namespace {

Graph fused(const Graph& graph) {
  Diagnostics diagnostics;
  PipelineOptions options;
  options.until = Stage::fused;
  Result<Graph> result = run_pipeline(graph, options, diagnostics);
  REQUIRE(result.ok());
  return std::move(*result);
}

// A linear layer whose pre-activation %2 is followed by `rest`.
Graph layer(const std::string& rest) {
  return parse_body("x: f32[4,6], w: f32[5,6], b: f32[5]",
                    "  %0 = matmul x, w {transpose_b} : f32[4,5]\n"
                    "  %1 = broadcast b {shape = [4,5], axes = [1]} : f32[4,5]\n"
                    "  %2 = add %0, %1 : f32[4,5]\n"
                    "  %3 = constant 0 : f32[4,5]\n" +
                        rest);
}

Activation only_linear(const Graph& graph) {
  Graph after = fuse_linear(graph);
  check_equivalent(graph, after);
  checked_text(after);
  REQUIRE(count(after, Op::linear) == 1);
  CHECK(count(after, Op::matmul) == 0);
  for (const Node& node : after.nodes) {
    if (node.op == Op::linear) return std::get<LinearAttrs>(node.attrs).activation;
  }
  return Activation::none;
}

}  // namespace

TEST_CASE("a training step of an MLP is one op per layer and one for the loss, each way") {
  Graph graph = fused(load("mlp_train"));
  INFO(print(graph));
  CHECK(count(graph, Op::linear) == 2);
  CHECK(count(graph, Op::softmax_xent) == 1);
  CHECK(count(graph, Op::softmax_xent_grad) == 1);
  CHECK(count(graph, Op::matmul) == 3);  // two weight gradients, one input gradient
  CHECK(count(graph, Op::permute) == 0);
  CHECK(count(graph, Op::exp) == 0);
  CHECK(count(graph, Op::log) == 0);
  CHECK(count(graph, Op::one_hot) == 0);
  CHECK(count(graph, Op::maximum) == 0);
}

TEST_CASE("cross entropy is recognized however it is written") {
  for (std::string name : {"xent_std", "xent_log_of_softmax", "xent_one_hot", "xent_log_sum_exp",
                           "xent_weighted", "xent_rank3"}) {
    INFO(name);
    Graph before = derived(load(name));
    for (bool simplified : {true, false}) {
      Graph after = simplified ? fused(load(name)) : fuse_softmax_xent(before);
      INFO((simplified ? "simplified\n" : "as written\n") << print(after));
      checked_text(after);
      check_equivalent(before, after);
      CHECK(count(after, Op::softmax_xent) == 1);
      CHECK(count(after, Op::softmax_xent_grad) == 1);
      CHECK(count(after, Op::exp) == 0);
      CHECK(count(after, Op::log) == 0);
      CHECK(count(after, Op::one_hot) == 0);
      CHECK(count(after, Op::pick) == 0);
      CHECK(count(after, Op::reduce_max) == 0);
    }
  }
}

TEST_CASE("the derivative's factor is exact where it can be") {
  Graph graph = fused(load("xent_one_hot"));
  for (const Node& node : graph.nodes) {
    if (node.op != Op::softmax_xent_grad) continue;
    const Node& scale = graph.node(node.operands[2]);
    REQUIRE(scale.op == Op::constant);
    CHECK(std::get<ConstantAttrs>(scale.attrs).values == std::vector<double>{1});
  }
}

TEST_CASE("labels that may lie outside the classes: a one_hot of them is not fused, a pick clamps them") {
  for (const std::string& signature : {std::string("label: i32[4], param z: f32[4,3]"),
                                       std::string("label: i32[4] classes 4, param z: f32[4,3]")}) {
    const std::string softmax =
        "  %0 = exp z : f32[4,3]\n"
        "  %1 = reduce_sum %0 {axes = [1]} : f32[4]\n"
        "  %2 = log %1 : f32[4]\n"
        "  %3 = broadcast %2 {shape = [4,3], axes = [0]} : f32[4,3]\n"
        "  %4 = sub z, %3 : f32[4,3]\n";
    const Graph hot = parse("graph @g(" + signature + ") {\n" + softmax +
                            "  %5 = one_hot label {classes = 3} : f32[4,3]\n  %6 = mul %5, %4 : f32[4,3]\n"
                            "  %7 = reduce_sum %6 {axes = [0,1]} : f32\n  %8 = grad %7, z : f32[4,3]\n"
                            "  return loss = %7, grad.z = %8\n}");
    CHECK(count(fused(hot), Op::softmax_xent) == 0);
    CHECK(count(fuse_softmax_xent(derived(hot)), Op::softmax_xent) == 0);
    check_equivalent(derived(hot), fused(hot));
    const Graph picked = parse("graph @g(" + signature + ") {\n" + softmax +
                               "  %5 = pick %4, label : f32[4]\n  %6 = reduce_sum %5 {axes = [0]} : f32\n"
                               "  %7 = grad %6, z : f32[4,3]\n  return loss = %6, grad.z = %7\n}");
    const Graph clamped = fused(picked);
    INFO(print(clamped));
    CHECK(count(clamped, Op::softmax_xent) == 1);
    CHECK(count(clamped, Op::softmax_xent_grad) == 1);
    CHECK(count(clamped, Op::minimum) == 1);
    check_equivalent(derived(picked), clamped);
  }
}

TEST_CASE("soft labels are not fused") {
  Graph before = derived(load("xent_smoothed"));
  CHECK(print(fuse_softmax_xent(before)) == print(before));
  CHECK(count(fused(load("xent_smoothed")), Op::softmax_xent) == 0);
}

TEST_CASE("what only looks like cross entropy or its derivative is not fused") {
  std::string softmax =
      "  %0 = exp z : f32[4,3]\n"
      "  %1 = reduce_sum %0 {axes = [1]} : f32[4]\n"
      "  %2 = broadcast %1 {shape = [4,3], axes = [0]} : f32[4,3]\n";
  std::string rest[] = {
      // 2 p - one_hot
      "  %3 = div %0, %2 : f32[4,3]\n  %4 = add %3, %3 : f32[4,3]\n"
      "  %5 = one_hot label {classes = 3} : f32[4,3]\n  %6 = sub %4, %5 : f32[4,3]\n  return out = %6",
      // p + one_hot
      "  %3 = div %0, %2 : f32[4,3]\n  %4 = one_hot label {classes = 3} : f32[4,3]\n"
      "  %5 = add %3, %4 : f32[4,3]\n  return out = %5",
      // log Σ e^z - z[label] / 2
      "  %3 = log %1 : f32[4]\n  %4 = pick z, label : f32[4]\n  %5 = constant 0.5 : f32[4]\n"
      "  %6 = mul %4, %5 : f32[4]\n  %7 = sub %3, %6 : f32[4]\n  %8 = reduce_sum %7 {axes = [0]} : f32\n"
      "  return out = %8",
      // e / Σ e of the label's row only
      "  %3 = pick %0, label : f32[4]\n  %4 = div %3, %1 : f32[4]\n  %5 = reduce_sum %4 {axes = [0]} : f32\n"
      "  return out = %5"};
  for (const std::string& body : rest) {
    INFO(body);
    Graph graph = parse_body("label: i32[4] classes 3, z: f32[4,3]", softmax + body);
    CHECK(print(fuse_softmax_xent(graph)) == print(graph));
    CHECK(count(fused(graph), Op::softmax_xent) == 0);
  }
}

TEST_CASE("a softmax without a loss is not fused") {
  Graph graph = fused(load("attention"));
  CHECK(count(graph, Op::softmax_xent) == 0);
}

TEST_CASE("two losses on the same logits with different labels are two ops") {
  Graph graph = parse(R"(graph @g(a: i32[4] classes 3, b: i32[4] classes 3, z: f32[4,3]) {
  %0 = reduce_max z {axes = [1]} : f32[4]
  %1 = broadcast %0 {shape = [4,3], axes = [0]} : f32[4,3]
  %2 = sub z, %1 : f32[4,3]
  %3 = exp %2 : f32[4,3]
  %4 = reduce_sum %3 {axes = [1]} : f32[4]
  %5 = log %4 : f32[4]
  %6 = pick %2, a : f32[4]
  %7 = sub %5, %6 : f32[4]
  %8 = reduce_sum %7 {axes = [0]} : f32
  %9 = pick %2, b : f32[4]
  %10 = sub %5, %9 : f32[4]
  %11 = reduce_sum %10 {axes = [0]} : f32
  return a = %8, b = %11
})");
  Graph after = fuse_softmax_xent(graph);
  check_equivalent(graph, after);
  CHECK(count(after, Op::softmax_xent) == 2);
  CHECK(count(after, Op::exp) == 0);
}

TEST_CASE("linear takes the activation that follows") {
  CHECK(only_linear(layer("  return out = %2")) == Activation::none);
  CHECK(only_linear(layer("  %4 = maximum %2, %3 : f32[4,5]\n  return out = %4")) == Activation::relu);
  CHECK(only_linear(layer("  %4 = tanh %2 : f32[4,5]\n  return out = %4")) == Activation::tanh);
  CHECK(only_linear(layer("  %4 = sigmoid %2 : f32[4,5]\n  return out = %4")) == Activation::sigmoid);
}

TEST_CASE("relu's masks read the output instead of the pre-activation") {
  for (std::string mask : {"gt %2, %3", "lt %3, %2", "le %2, %3", "ge %3, %2"}) {
    INFO(mask);
    Graph graph = layer("  %4 = maximum %2, %3 : f32[4,5]\n  %5 = " + mask +
                        " : bool[4,5]\n  return out = %4, mask = %5");
    CHECK(only_linear(graph) == Activation::relu);
  }
}

TEST_CASE("linear leaves the activation out where its operand is needed") {
  for (std::string other : {"%5 = exp %2 : f32[4,5]", "%5 = ge %2, %3 : bool[4,5]",
                            "%5 = lt %2, %3 : bool[4,5]", "%5 = tanh %2 : f32[4,5]"}) {
    INFO(other);
    Graph graph = layer("  %4 = maximum %2, %3 : f32[4,5]\n  " + other + "\n  return out = %4, other = %5");
    CHECK(only_linear(graph) == Activation::none);
  }
  Graph output = layer("  %4 = maximum %2, %3 : f32[4,5]\n  return out = %4, pre = %2");
  CHECK(only_linear(output) == Activation::none);
  Graph masked_tanh =
      layer("  %4 = tanh %2 : f32[4,5]\n  %5 = gt %2, %3 : bool[4,5]\n  return out = %4, m = %5");
  CHECK(only_linear(masked_tanh) == Activation::none);
}

TEST_CASE("no linear where the product is read twice, the bias is no row, or the weight lies the other way") {
  Graph twice = layer("  return out = %2, product = %0");
  CHECK(count(fuse_linear(twice), Op::linear) == 0);
  Graph column = parse_body("x: f32[5,6], w: f32[5,6], b: f32[5]",
                            "  %0 = matmul x, w {transpose_b} : f32[5,5]\n"
                            "  %1 = broadcast b {shape = [5,5], axes = [0]} : f32[5,5]\n"
                            "  %2 = add %0, %1 : f32[5,5]\n  return out = %2");
  CHECK(count(fuse_linear(column), Op::linear) == 0);
  Graph untransposed = parse_body("x: f32[4,6], w: f32[6,5], b: f32[5]",
                                  "  %0 = matmul x, w : f32[4,5]\n"
                                  "  %1 = broadcast b {shape = [4,5], axes = [1]} : f32[4,5]\n"
                                  "  %2 = add %0, %1 : f32[4,5]\n  return out = %2");
  CHECK(count(fuse_linear(untransposed), Op::linear) == 0);
}

TEST_CASE("a linear layer with one output is fused, though its bias has become a number") {
  Graph graph = parse_body("x: f32[4,6], w: f32[1,6], b: f32[1]",
                           "  %0 = matmul x, w {transpose_b} : f32[4,1]\n"
                           "  %1 = broadcast b {shape = [4,1], axes = [1]} : f32[4,1]\n"
                           "  %2 = add %0, %1 : f32[4,1]\n  return out = %2");
  CHECK(only_linear(graph) == Activation::none);
  CHECK(only_linear(simplify(graph)) == Activation::none);
}

TEST_CASE("a linear layer on a sequence is fused through its reshapes") {
  Graph graph = fused(load("sequence_linear"));
  INFO(print(graph));
  REQUIRE(count(graph, Op::linear) == 1);
  for (const Node& node : graph.nodes) {
    if (node.op == Op::linear) CHECK(std::get<LinearAttrs>(node.attrs).activation == Activation::relu);
  }
}

TEST_CASE("products take in the transposes of their operands and of their result") {
  Graph graph = parse_body("a: f32[3,4], b: f32[5,3]",
                           "  %0 = permute a {order = [1,0]} : f32[4,3]\n"
                           "  %1 = permute b {order = [1,0]} : f32[3,5]\n"
                           "  %2 = matmul %0, %1 : f32[4,5]\n"
                           "  %3 = permute %2 {order = [1,0]} : f32[5,4]\n  return out = %3");
  Graph after = absorb_transpose(graph);
  check_equivalent(graph, after);
  CHECK(count(after, Op::permute) == 0);
  CHECK(checked_text(after).find("matmul b, a : f32[5,4]") != std::string::npos);
}

TEST_CASE("a transposed product that is read otherwise, and other permutes, stay") {
  Graph read = parse_body("a: f32[3,4], b: f32[4,5]",
                          "  %0 = matmul a, b : f32[3,5]\n"
                          "  %1 = permute %0 {order = [1,0]} : f32[5,3]\n  return out = %1, product = %0");
  CHECK(print(absorb_transpose(read)) == print(read));
  Graph stack = parse_body("a: f32[3,2,4], b: f32[2,4,5]",
                           "  %0 = permute a {order = [1,0,2]} : f32[2,3,4]\n"
                           "  %1 = matmul %0, b : f32[2,3,5]\n  return out = %1");
  CHECK(print(absorb_transpose(stack)) == print(stack));
}
