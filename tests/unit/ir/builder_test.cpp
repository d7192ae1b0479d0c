// Making nodes: interning, spans, constants, copies.
#include "helpers.h"

namespace nnc::test {
namespace {

TEST_CASE("interning gives equal nodes back and joins where they come from") {
  Graph graph;
  Builder b(graph, Builder::Interning::on);
  const Value x = b.input("x", Role::input, {DType::f32, {3}});
  b.set_spans({{FileId{0}, 1, 2}});
  const Value first = b.add(x, x);
  b.set_spans({{FileId{0}, 0, 1}});
  const Value second = b.add(x, x);
  CHECK(first == second);
  CHECK(graph.nodes[first.node].spans == SpanSet{{FileId{0}, 0, 1}, {FileId{0}, 1, 2}});
  CHECK(b.mul(x, x) != first);
  CHECK(b.scalar(DType::f32, 0.0) != b.scalar(DType::f32, -0.0));
  CHECK(b.scalar(DType::f32, NAN) == b.scalar(DType::f32, NAN));
  CHECK(b.scalar(DType::f32, 1) != b.scalar(DType::f64, 1));
  CHECK(b.constant({DType::f32, {3}}, {2, 2, 2}) == b.constant({DType::f32, {3}}, {2}));
}

TEST_CASE("without interning equal nodes stay apart") {
  Graph graph;
  Builder b(graph);
  const Value x = b.input("x", Role::input, {DType::f32, {3}});
  CHECK(b.add(x, x) != b.add(x, x));
}

TEST_CASE("shorthands skip what changes nothing") {
  Graph graph;
  Builder b(graph);
  const Value x = b.input("x", Role::input, {DType::f32, {2, 3}});
  CHECK(b.cast(x, DType::f32) == x);
  CHECK(b.reshape(x, {2, 3}) == x);
  CHECK(b.permute(x, {0, 1}) == x);
  CHECK(b.sum(x, {}) == x);
  CHECK(b.broadcast(x, {2, 3}, {0, 1}) == x);
  CHECK(graph.nodes.size() == 1);
}

TEST_CASE("try_make hands the shape rule's complaint to the caller") {
  Graph graph;
  Builder b(graph);
  const Value x = b.input("x", Role::input, {DType::f32, {2, 3}});
  const Value y = b.input("y", Role::input, {DType::f32, {3}});
  const auto made = b.try_make(Op::add, {x, y});
  REQUIRE(std::holds_alternative<std::string>(made));
  CHECK(std::get<std::string>(made) == "add: the operands differ: f32[2, 3] and f32[3]");
  CHECK(graph.nodes.size() == 2);
}

TEST_CASE("a copied node keeps attributes, layout, group and spans") {
  Graph from;
  Builder b(from);
  b.set_spans({{FileId{0}, 4, 9}});
  const Value x = b.input("x", Role::param, {DType::f32, {2, 3}});
  const Value sum = b.sum(x, {1});
  from.nodes[x.node].layouts = {{{1, 0}, 0}};
  from.nodes[sum.node].group = 5;
  Graph to;
  Builder copier(to, Builder::Interning::on);
  const Value new_x = copier.copy(from.nodes[x.node], {})[0];
  const Value new_sum = copier.copy(from.nodes[sum.node], {new_x})[0];
  CHECK(to.inputs == std::vector<NodeId>{new_x.node});
  CHECK(to.layout(new_x).order == std::vector<int64_t>{1, 0});
  CHECK(to.nodes[new_sum.node].group == 5);
  CHECK(to.nodes[new_sum.node].spans == from.nodes[sum.node].spans);
  CHECK(to.type(new_sum) == TensorType{DType::f32, {2}});
}

}  // namespace
}  // namespace nnc::test
