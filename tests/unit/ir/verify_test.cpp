// The verifier finds each broken invariant, on graphs broken by hand.
#include "helpers.h"

namespace nnc::test {
namespace {

Graph sound() {
  return read(R"(graph @g(x: f32[2,3], param w: f32[2,3]) {
  %0 = add x, w
  %1 = reduce_sum %0 {axes = [1]}
  return y = %1, w <- %0
}
)");
}

using Faults = std::vector<std::string>;

TEST_CASE("a sound graph has no faults") {
  CHECK(verify(sound()) == Faults());
}

TEST_CASE("V1: operands name earlier nodes and existing results") {
  Graph graph = sound();
  graph.nodes[NodeId{2}].operands[0] = {NodeId{3}, 0};
  CHECK(verify(graph) == Faults{"%0: add reads %1, which is not before it"});
  graph = sound();
  graph.nodes[NodeId{2}].operands[0] = {NodeId{0}, 1};
  CHECK(verify(graph) == Faults{"%0: add reads result 1 of x, which has 1"});
  graph = sound();
  graph.nodes[NodeId{2}].operands[0] = {NodeId{99}, 0};
  CHECK(verify(graph) == Faults{"%0: add reads a node that does not exist, which is not before it"});
  graph.nodes[NodeId{2}].operands[0] = {};
  CHECK(verify(graph).size() == 1);
}

TEST_CASE("V2: the shape rule gives the stored types") {
  Graph graph = sound();
  graph.nodes[NodeId{3}].types[0].shape = {3};
  CHECK(verify(graph) == Faults{"%1: reduce_sum gives f32[2], the graph says f32[3]"});
  graph = sound();
  graph.nodes[NodeId{1}].types[0].shape = {3, 2};
  CHECK(verify(graph)[0] == "%0: add: the operands differ: f32[2, 3] and f32[3, 2]");
}

TEST_CASE("V3: attributes and arity are the op's own") {
  Graph graph = sound();
  graph.nodes[NodeId{3}].attrs = AxisAttrs{1};
  CHECK(verify(graph) == Faults{"%1: reduce_sum: the attributes are of another op's kind"});
  graph = sound();
  graph.nodes[NodeId{2}].operands.pop_back();
  CHECK(verify(graph) == Faults{"%0: add: takes 2 operands, found 1"});
  graph = sound();
  Builder b(graph);
  const Value i = b.scalar(DType::i64, 0);
  b.make(Op::random_bits, {i, i, i, i});
  CHECK(verify(graph) == Faults{"%3: random_bits belongs to kernels only"});
}

TEST_CASE("V4: names and lists of inputs and outputs") {
  Graph graph = sound();
  graph.inputs.pop_back();
  CHECK(verify(graph) == Faults{"the input w is not in the signature"});
  graph = sound();
  graph.inputs.push_back(graph.inputs[0]);
  CHECK(verify(graph).at(0) == "x is listed twice as an input");
  graph = sound();
  std::get<InputAttrs>(graph.nodes[NodeId{0}].attrs).name = "w";
  CHECK(verify(graph) == Faults{"two inputs are named w"});
  graph = sound();
  graph.inputs.push_back(NodeId{2});
  CHECK(verify(graph) == Faults{"%0 is listed as an input and is not one"});
  graph = sound();
  graph.outputs[0].name = "w";
  CHECK(verify(graph) == Faults{"two outputs are named w"});
  graph = sound();
  graph.outputs[0].value = {NodeId{77}, 0};
  CHECK(verify(graph) == Faults{"the output y is a node that does not exist, which does not exist"});
}

TEST_CASE("V5: what replaces an input has its type, and does so once") {
  Graph graph = sound();
  graph.outputs[1].value = graph.outputs[0].value;
  CHECK(verify(graph) == Faults{"%1, f32[2], cannot replace w, f32[2,3]"});
  graph = sound();
  graph.outputs[1].replaces = NodeId{0};
  CHECK(verify(graph) == Faults{"the output w replaces x, which is not kept from step to step"});
  graph = sound();
  graph.outputs.push_back({"again", graph.outputs[1].value, NodeId{1}});
  CHECK(verify(graph) == Faults{"w is replaced twice"});
}

TEST_CASE("V4, V5 and V8: the batch is the first axis, gradients and norms are of params") {
  Graph graph = sound();
  graph.batch = 2;
  CHECK(verify(graph) == Faults());
  graph.batch = 3;
  CHECK(verify(graph) == Faults{"the first axis of x is not the batch of 3 rows"});
  graph = sound();
  graph.gradients = {{NodeId{1}, {NodeId{2}, 0}}};
  CHECK(verify(graph) == Faults());
  graph.gradients = {{NodeId{0}, {NodeId{2}, 0}}};
  CHECK(verify(graph) == Faults{"%0 is the gradient of x, which is no param"});
  graph.gradients = {{NodeId{1}, {NodeId{3}, 0}}};
  CHECK(verify(graph) == Faults{"%1, f32[2], is the gradient of w, f32[2,3]"});
  graph = sound();
  graph.outputs[0].kind = OutputKind::weight_norm;
  CHECK(verify(graph) == Faults{"the output y, weight_norm, is of no param"});
  graph.outputs[0].of = NodeId{0};
  CHECK(verify(graph) == Faults{"the output y, weight_norm, is of x"});
  graph.outputs[0].of = NodeId{1};
  CHECK(verify(graph) == Faults());
  graph.outputs[0].kind = OutputKind::gradient;
  CHECK(verify(graph) == Faults{"%1, f32[2], is the gradient of w, f32[2,3]"});
  graph = sound();
  graph.outputs[1].kind = OutputKind::loss;
  CHECK(verify(graph) == Faults{"the output w replaces an input and is loss"});
}

TEST_CASE("V6: layouts are orders of the axes with room for a row") {
  Graph graph = sound();
  graph.nodes[NodeId{2}].layouts = {{{1, 0}, 2}};
  CHECK(verify(graph) == Faults());
  graph.nodes[NodeId{2}].layouts = {{{1, 0}, 1}};
  CHECK(verify(graph) == Faults{"%0: the pitch 1 is too small for f32[2,3]"});
  graph.nodes[NodeId{2}].layouts = {{{1, 0}, 2, 64}};
  CHECK(verify(graph) == Faults());
  graph.nodes[NodeId{2}].layouts = {{{1, 0}, 2, -1}};
  CHECK(verify(graph) == Faults{"%0: a gap of -1 for f32[2,3]"});
  graph.nodes[NodeId{2}].layouts = {{{1, 1}, 0}};
  CHECK(verify(graph) == Faults{"%0: the layout [1, 1] is not an order of the axes of f32[2,3]"});
  graph.nodes[NodeId{2}].layouts = {{}, {}};
  CHECK(verify(graph) == Faults{"%0: 2 layouts for 1 results"});
}

TEST_CASE("V7: groups do not depend on each other in a cycle") {
  Graph graph = read(R"(graph @g(x: f32[4]) {
  %0 = exp x : f32[4] in 0
  %1 = log %0 : f32[4] in 1
  %2 = neg %1 : f32[4]
  %3 = tanh %2 : f32[4] in 2
  return y = %3
}
)");
  CHECK(verify(graph) == Faults());
  graph.nodes[NodeId{4}].group = 0;  // reads group 1, through a node that it computes itself
  CHECK(verify(graph) == Faults{"group 0 needs group 1, in a cycle or after one",
                                "group 1 needs group 0, in a cycle or after one"});
}

}  // namespace
}  // namespace nnc::test
