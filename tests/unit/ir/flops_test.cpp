// What products cost by their types: counted by hand.
#include "ir/graph/flops.h"
#include "catch2/catch.hpp"
#include "helpers.h"

using namespace nnc;

namespace {

// Of all nodes together.
double total(const std::string& text) {
  const Graph graph = test::read(text);
  double sum = 0;
  for (const Node& node : graph.nodes) sum += flops(graph, node);
  return sum;
}

}  // namespace

TEST_CASE("flops of a product, and of a triangle of it") {
  CHECK(total(R"(graph @g(x: f32[5,7], w: f32[3,7]) {
  %0 = matmul x, w {transpose_b} : f32[5,3]
  %1 = add %0, %0 : f32[5,3]
  return y = %1
})") == 2 * 5 * 3 * 7);
  CHECK(total(R"(graph @g(x: f32[4,7], w: f32[4,7]) {
  %0 = matmul x, w {transpose_b, triangle = j_le_i} : f32[4,4]
  return y = %0
})") == 2 * 10 * 7);
}

TEST_CASE("flops of a convolution leave out what lies in the padding") {
  // Along an axis of 4 a window of 3 has 2 + 3 + 3 + 2 places that are not padding.
  CHECK(total(R"(graph @g(x: f32[2,3,4,4], w: f32[5,3,3,3]) {
  %0 = conv x, w {size = [4,4], stride = [1,1], padding = [1,1], dilation = [1,1]} : f32[2,5,4,4]
  return y = %0
})") == 2 * 2 * 5 * 3 * 10 * 10);
}

TEST_CASE("flops of a scan are those of its steps") {
  CHECK(total(R"(graph @g(s: f32[2,3], x: f32[4,2,3], w: f32[3,3]) {
  %0:2 = scan s, x, w {states = 1, steps = 1, length = 4, body = graph @step(s: f32[2,3], x: f32[2,3], w: f32[3,3]) {
    %0 = matmul s, w : f32[2,3]
    %1 = add %0, x : f32[2,3]
    return y0 = %1
  }} : f32[2,3], f32[4,2,3]
  return y = %0.0
})") == 4 * 2 * 2 * 3 * 3);
}
