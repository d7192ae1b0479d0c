// Where values stop being finite: the element and its operands, through sums and products, past infinities that are
// meant or come to nothing.
#include <cmath>
#include <limits>

#include "catch2/catch.hpp"
#include "helpers.h"
#include "ir/graph/nonfinite.h"
#include "ir/graph/text.h"

using namespace nnc;

namespace {

DenseTensor tensor(Shape shape, std::vector<double> data) {
  return {{DType::f32, std::move(shape)}, std::move(data)};
}

// The fault of output "loss", if it has one, and the name of its op.
struct Found {
  std::optional<NonFinite> fault;
  std::string op;
};
Found find(const std::string& text, const TensorMap& inputs) {
  const Graph graph = test::read(text);
  const std::string outputs[] = {"loss"};
  Found found{find_nonfinite(graph, inputs, outputs), {}};
  if (found.fault) found.op = op_def(graph.nodes[found.fault->node].op).name;
  return found;
}

}  // namespace

TEST_CASE("an elementwise op: the element and its operands") {
  const Found found =
      find(R"(graph @g(x: f32[2,3], y: f32[2,3]) {
  %0 = div x, y : f32[2,3]
  %1 = reduce_sum %0 {axes = [0, 1]} : f32
  return loss = %1
})",
           {{"x", tensor({2, 3}, {1, 2, 3, 4, 5, 6})}, {"y", tensor({2, 3}, {1, 1, 1, 1, 0, 0})}});
  REQUIRE(found.fault);
  CHECK(found.op == "div");
  CHECK(found.fault->index == std::vector<int64_t>{1, 1});
  CHECK(found.fault->number == std::numeric_limits<double>::infinity());
  CHECK(found.fault->count == 2);
  REQUIRE(found.fault->operands.size() == 2);
  CHECK(found.fault->operands[0].number == 5);
  CHECK(found.fault->operands[1].number == 0);
}

TEST_CASE("what overflows only in f32, or is flushed to zero, is found as well") {
  CHECK(find("graph @g(x: f32[2]) {\n  %0 = exp x : f32[2]\n  %1 = reduce_sum %0 {axes = [0]} : f32\n  "
             "return loss = "
             "%1\n}",
             {{"x", tensor({2}, {1, 90})}})
            .op == "exp");
  CHECK_FALSE(
      find("graph @g(x: f32[2]) {\n  %0 = exp x : f32[2]\n  %1 = reduce_sum %0 {axes = [0]} : f32\n  return "
           "loss = %1\n}",
           {{"x", tensor({2}, {1, 80})}})
          .fault);
  CHECK(find("graph @g(x: f32) {\n  %0 = mul x, x : f32\n  %1 = log %0 : f32\n  return loss = %1\n}",
             {{"x", tensor({}, {1e-20})}})
            .op == "log");
}

TEST_CASE("a product and a sum: the largest term") {
  const Found product = find(R"(graph @g(x: f32[2,3], w: f32[4,3]) {
  %0 = matmul x, w {transpose_b} : f32[2,4]
  %1 = reduce_sum %0 {axes = [0, 1]} : f32
  return loss = %1
})",
                             {{"x", tensor({2, 3}, {1, 2, 3, 4, 5, 1e20})},
                              {"w", tensor({4, 3}, {1, 1, 1, 1, 1, 1, 1, 1, 2e19, 1, 1, 1})}});
  REQUIRE(product.fault);
  CHECK(product.op == "matmul");
  CHECK(product.fault->index == std::vector<int64_t>{1, 2});
  CHECK(product.fault->terms == 3);
  REQUIRE(product.fault->operands.size() == 2);
  CHECK(product.fault->operands[0].index == std::vector<int64_t>{1, 2});
  CHECK(product.fault->operands[0].number == 1e20);
  CHECK(product.fault->operands[1].index == std::vector<int64_t>{2, 2});
  const Found sum = find(R"(graph @g(x: f32[2,3]) {
  %0 = reduce_sum x {axes = [1]} : f32[2]
  %1 = reduce_max %0 {axes = [0]} : f32
  return loss = %1
})",
                         {{"x", tensor({2, 3}, {1, 2, 3, 3e38, 1, 2e38})}});
  REQUIRE(sum.fault);
  CHECK(sum.op == "reduce_sum");
  CHECK(sum.fault->index == std::vector<int64_t>{1});
  REQUIRE(sum.fault->operands.size() == 1);
  CHECK(sum.fault->operands[0].index == std::vector<int64_t>{1, 0});
}

TEST_CASE("an infinity that is meant, or comes to nothing, is no fault; what comes of one may be") {
  // A mask of -inf: exp makes it 0.
  const std::string masked = R"(graph @g(x: f32[2]) {
  %0 = constant [0, -inf] : f32[2]
  %1 = add x, %0 : f32[2]
  %2 = exp %1 : f32[2]
  %3 = log x : f32[2]
  %4 = add %2, %3 : f32[2]
  %5 = reduce_sum %4 {axes = [0]} : f32
  return loss = %5
})";
  CHECK_FALSE(find(masked, {{"x", tensor({2}, {1, 2})}}).fault);
  CHECK(find(masked, {{"x", tensor({2}, {1, 0})}}).op == "log");
  // exp overflows, but its inverse is 0: only the later logarithm is to blame.
  const std::string inverse = R"(graph @g(x: f32[2], y: f32[2]) {
  %0 = exp x : f32[2]
  %1 = constant 1 : f32[2]
  %2 = div %1, %0 : f32[2]
  %3 = log y : f32[2]
  %4 = add %2, %3 : f32[2]
  %5 = reduce_sum %4 {axes = [0]} : f32
  return loss = %5
})";
  CHECK_FALSE(find(inverse, {{"x", tensor({2}, {100, 2})}, {"y", tensor({2}, {1, 2})}}).fault);
  CHECK(find(inverse, {{"x", tensor({2}, {100, 2})}, {"y", tensor({2}, {1, -2})}}).op == "log");
  // The rows of a mask that leave nothing: inf - inf.
  CHECK(find(R"(graph @g(x: f32[2]) {
  %0 = constant -inf : f32[2]
  %1 = sub %0, %0 : f32[2]
  %2 = add %1, x : f32[2]
  %3 = reduce_sum %2 {axes = [0]} : f32
  return loss = %3
})",
             {{"x", tensor({2}, {1, 2})}})
            .op == "sub");
}

TEST_CASE("a constant that is not finite is named where nothing else is to blame, a NaN before an infinity") {
  const Found found = find(R"(graph @g(x: f32[2]) {
  %0 = constant [1, inf] : f32[2]
  %1 = constant [nan, 1] : f32[2]
  %2 = mul x, %0 : f32[2]
  %3 = mul %2, %1 : f32[2]
  %4 = reduce_sum %3 {axes = [0]} : f32
  return loss = %4
})",
                           {{"x", tensor({2}, {1, 2})}});
  REQUIRE(found.fault);
  CHECK(found.op == "constant");
  CHECK(found.fault->index == std::vector<int64_t>{0});
  CHECK(std::isnan(found.fault->number));
  CHECK(found.fault->count == 1);
}

TEST_CASE("an input that is not finite is named itself, and only if it is read") {
  const std::string text = R"(graph @g(x: f32[2], unused: f32[2]) {
  %0 = reduce_sum x {axes = [0]} : f32
  %1 = mul unused, unused : f32[2]
  return loss = %0, other = %1
})";
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(find(text, {{"x", tensor({2}, {1, nan})}, {"unused", tensor({2}, {1, 1})}}).op == "input");
  CHECK_FALSE(find(text, {{"x", tensor({2}, {1, 1})}, {"unused", tensor({2}, {1, nan})}}).fault);
}

TEST_CASE("what interpreting a graph takes is known before") {
  const Graph graph = test::read(R"(graph @g(x: f32[10,30], w: f32[20,30]) {
  %0 = matmul x, w {transpose_b} : f32[10,20]
  %1 = exp %0 : f32[10,20]
  return loss = %1
})");
  const InterpretationCost cost = interpretation_cost(graph);
  CHECK(cost.operations >= 10 * 20 * 30 + 10 * 20);
  CHECK(cost.operations < 2 * 10 * 20 * 30);
  CHECK(cost.bytes >= 8 * (10 * 30 + 20 * 30 + 10 * 20));
}
