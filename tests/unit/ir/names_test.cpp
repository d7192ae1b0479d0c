// What values are called: in texts, and after nodes were copied, added and taken away.
#include "ir/graph/names.h"
#include "helpers.h"
#include "ir/graph/text.h"

namespace nnc::test {
namespace {

TEST_CASE("names and numbers of a text are kept as they are") {
  const std::string text = R"(graph @f(x: f32[4,3], label: i32[4] classes 3) {
  %12 = exp x : f32[4,3]
  %h.0.proj = tanh %12 : f32[4,3]
  %c1#2 = add %h.0.proj, %12 : f32[4,3]
  %"a b" = neg %c1#2 : f32[4,3]
  %loss, %3.1 = softmax_xent %"a b", label : f32, f32[4,3]
  return loss = %loss, p = %3.1
}
)";
  CHECK(print(read(text)) == text);
}

TEST_CASE("results of one node may have a number, or each a name") {
  CHECK(print(read(R"(graph @f(x: f32[4,3], label: i32[4] classes 3) {
  %both:2 = softmax_xent x, label
  return loss = %both.0, p = %both.1
})")) == R"(graph @f(x: f32[4,3], label: i32[4] classes 3) {
  %both.0, %both.1 = softmax_xent x, label : f32, f32[4,3]
  return loss = %both.0, p = %both.1
}
)");
}

TEST_CASE("nodes without a number are counted on from the highest") {
  Graph graph = read("graph @f(x: f32) {\n  %7 = exp x\n  return y = %7\n}");
  Builder builder(graph);
  const Value more = builder.neg(graph.outputs[0].value);
  builder.output("z", more);
  CHECK(ValueNames(graph).of(more) == "%8");
  settle_names(graph);
  CHECK(graph.node(more).number == 8);
}

TEST_CASE("a number does not come back when its value is gone") {
  Graph graph = read("graph @f(x: f32) {\n  %7 = exp x\n  return y = %7\n}");
  settle_names(graph);
  graph.nodes[NodeId{1}].number = 3;  // as if another value had taken the place
  Builder builder(graph);
  const Value more = builder.neg({NodeId{1}, 0});
  settle_names(graph);
  CHECK(graph.node(more).number == 8);
}

TEST_CASE("of two values with one name or number the first keeps it") {
  Graph graph = read("graph @f(x: f32) {\n  %h = exp x\n  %4 = neg %h\n  return y = %4\n}");
  Builder builder(graph);
  const Value h = builder.copy(graph.nodes[NodeId{1}], {{NodeId{0}, 0}})[0];
  const Value four = builder.copy(graph.nodes[NodeId{2}], {h})[0];
  settle_names(graph);
  const ValueNames names(graph);
  CHECK(names.of(Value{NodeId{1}, 0}) == "%h");
  CHECK(names.of(h) == "%h#2");
  CHECK(names.of(Value{NodeId{2}, 0}) == "%4");
  CHECK(names.of(four) == "%5");
  CHECK(ValueNames::plain(graph, h) == "h#2");
  CHECK(ValueNames::plain(graph, four).empty());
  CHECK(ValueNames::plain(graph, {NodeId{0}, 0}) == "x");
}

TEST_CASE("numbers of a scan's body are none of the graph's") {
  Graph graph = read(R"(graph @f(h: f32[2], x: f32[5,2]) {
  %0 = exp h : f32[2]
  %1:2 = scan %0, x {body = graph @step(h: f32[2], x: f32[2]) {
    %0 = add h, x : f32[2]
    return y0 = %0
  }, states = 1, steps = 1, length = 5} : f32[2], f32[5,2]
  return y = %1.0
})");
  settle_names(graph);
  const auto& scan = std::get<ScanAttrs>(graph.nodes[NodeId{3}].attrs);
  CHECK(scan.body->nodes[NodeId{2}].number == 2);
}

TEST_CASE("an input keeps its name, and digits are no name") {
  Graph graph = read("graph @f(x: f32) {\n  %7 = exp x\n  return y = %7\n}");
  name_value(graph, {NodeId{0}, 0}, "other");
  name_value(graph, {NodeId{1}, 0}, "1st");
  CHECK(ValueNames(graph).of(Value{NodeId{0}, 0}) == "x");
  CHECK(ValueNames(graph).of(Value{NodeId{1}, 0}) == "%7");
  name_value(graph, {NodeId{1}, 0}, "h");
  name_value(graph, {NodeId{1}, 0}, "again");
  CHECK(ValueNames(graph).of(Value{NodeId{1}, 0}) == "%h");
}

TEST_CASE("each line of a text knows its node") {
  const Graph graph = read(R"(graph @f(h: f32[2], x: f32[5,2]) {
  %1:2 = scan h, x {body = graph @step(h: f32[2], x: f32[2]) {
    %0 = add h, x : f32[2]
    return y0 = %0
  }, states = 1, steps = 1, length = 5} : f32[2], f32[5,2]
  %2 = neg %1.0
  return y = %2
})");
  const GraphText text = text_of(graph);
  CHECK(text.text == print(graph));
  const Node* scan = &graph.nodes[NodeId{2}];
  const Node* inner = &std::get<ScanAttrs>(scan->attrs).body->nodes[NodeId{2}];
  const Node* neg = &graph.nodes[NodeId{3}];
  CHECK(text.lines == std::vector<const Node*>{nullptr, scan, inner, scan, scan, neg, nullptr, nullptr});
}

}  // namespace
}  // namespace nnc::test
