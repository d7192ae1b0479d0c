// Reduction: what fails gets small, stays sound, and still fails; a child's crash is told.
#include <sys/wait.h>
#include <catch2/catch.hpp>
#include <csignal>

#include "ir/graph/verify.h"
#include "reduce/child.h"
#include "reduce/graph.h"
#include "reduce/model_text.h"

namespace nnc::reduce {
namespace {

Graph graph_of(const std::string& text) {
  Sources sources;
  Diagnostics diagnostics;
  Result<Graph> graph = parse_graph(sources, sources.add("g.nnir", text), diagnostics);
  INFO(render_all(diagnostics, sources));
  REQUIRE(graph);
  return std::move(*graph);
}

bool has(const Graph& graph, Op op) {
  return std::ranges::any_of(graph.nodes, [&](const Node& node) { return node.op == op; });
}

// Every candidate is sound.
std::function<bool(const Graph&)> sound(const std::function<bool(const Graph&)>& fails) {
  return [fails](const Graph& graph) {
    for (const std::string& sentence : verify(graph)) FAIL(sentence << "\n" << print(graph));
    return fails(graph);
  };
}

TEST_CASE("a graph becomes what fails of it: one node, one output, no more size than that takes") {
  const Graph given =
      graph_of(R"(graph @train(x: f32[64,20], k: i32[64] classes 9, param w: f32[9,20]) batch 64 {
  %0 = matmul x, w {transpose_b}
  %1 = exp %0
  %2 = reduce_sum %1 {axes = [1]}
  %3 = log %2
  %4 = pick %0, k
  %5 = sub %3, %4
  %6 = reduce_sum %5 {axes = [0]}
  %7 = tanh %6
  %8 = exp x
  %9 = reshape x {shape = [1280]}
  return loss = %7 loss, other = %8, third = %3, fourth = %9
  gradients w = w
})");
  Search search;
  const Graph small =
      reduce_graph(given, sound([](const Graph& graph) { return has(graph, Op::log); }), search);
  CHECK(print(small) == "graph @train(in1: f32[1]) {\n  %3 = log in1 : f32[1]\n  return loss = %3\n}\n");
  CHECK(search.tried > search.kept);
  CHECK(search.kept > 3);
}

TEST_CASE("sizes go down to the least that fails, and reshapes with them") {
  const Graph given = graph_of(R"(graph @g(x: f32[60,100]) {
  %0 = reshape x {shape = [6000]}
  %1 = reduce_sum %0 {axes = [0]}
  return y = %1
})");
  Search search;
  const Graph small = reduce_graph(given, sound([](const Graph& graph) {
                                     return has(graph, Op::reshape) && has(graph, Op::reduce_sum) &&
                                            std::ranges::any_of(graph.nodes, [](const Node& node) {
                                              return node.op == Op::reshape && node.types[0].elements() >= 77;
                                            });
                                   }),
                                   search);
  int64_t elements = 0;
  for (const Node& node : small.nodes) elements = std::max(elements, node.types[0].elements());
  INFO(print(small));
  CHECK(elements >= 77);
  CHECK(elements < 80);
}

TEST_CASE("the body of a scan gets small too") {
  const Graph given = graph_of(R"(graph @g(h: f32[2,3], x: f32[5,2,3]) {
  %0:2 = scan h, x {states = 1, steps = 1, length = 5, body =
    graph @step(h: f32[2,3], x: f32[2,3]) {
      %0 = tanh h
      %1 = exp %0
      %2 = add %1, x
      %3 = sigmoid %2
      %4 = mul %3, %2
      return h = %4
    }}
  return y = %0.0
})");
  Search search;
  const Graph small = reduce_graph(given, sound([](const Graph& graph) {
                                     return std::ranges::any_of(graph.nodes, [](const Node& node) {
                                       const auto* scan = std::get_if<ScanAttrs>(&node.attrs);
                                       return scan != nullptr && has(*scan->body, Op::sigmoid);
                                     });
                                   }),
                                   search);
  INFO(print(small));
  const auto scan = std::ranges::find(small.nodes, Op::scan, &Node::op);
  REQUIRE(scan != small.nodes.end());
  const ScanAttrs& attrs = std::get<ScanAttrs>(scan->attrs);
  CHECK(attrs.length == 1);
  const auto computed =
      std::ranges::count_if(attrs.body->nodes, [](const Node& node) { return !node.operands.empty(); });
  CHECK(computed == 1);
}

TEST_CASE("a search stops where it is told to, with the best so far") {
  const Graph given =
      graph_of("graph @g(x: f32[8]) { %0 = exp x %1 = tanh %0 %2 = log %1 return y = %2, z = %1 }");
  Search search;
  search.stopped = [&] { return search.kept == 1; };
  const Graph small = reduce_graph(
      given, [](const Graph& graph) { return has(graph, Op::exp); }, search);
  CHECK(search.kept == 1);
  CHECK(has(small, Op::exp));
}

TEST_CASE("a model's text becomes what fails of it") {
  const std::string given = R"(# A net.
layer unused(n: int) { param w: f32[n] ~ normal(0, 1) }
model m(hidden: int = 64) {
  fc1 = linear(20, hidden)
  fc2 = linear(hidden, 10)
  fn forward(x: f32[batch, 20]) -> f32[batch, 10] = {
    h = x |> fc1 |> relu
    g = tanh(h * 0.5) + 3 * h
    g |> fc2
  }
  loss data(x, label: i32[batch]) = cross_entropy(forward(x), label)
  loss penalty = 1e-4 * l2(fc1.weight)
}
)";
  Search search;
  const std::string small = reduce_model(
      given, [](const std::string& text) { return text.find("tanh(") != std::string::npos; }, search);
  INFO(small);
  CHECK(small.size() < 80);
  CHECK(small.find("tanh(") != std::string::npos);
  CHECK(small.find('#') == std::string::npos);
}

TEST_CASE("what happens to a child is told") {
  CHECK(in_child([] { return std::string("four\nlines"); }, 60).answer == "four\nlines");
  const Ended killed = in_child(
      []() -> std::string {
        std::fputs("last words", stderr);
        std::signal(SIGUSR1, SIG_DFL);
        std::raise(SIGUSR1);
        return "never";
      },
      60);
  CHECK(WIFSIGNALED(killed.status));
  CHECK(killed.answer.empty());
  CHECK(killed.said == "last words");
  CHECK(run_command({"true"}, 60).status == 0);
  CHECK(run_command({"false"}, 60).status != 0);
  CHECK(run_command({"/nowhere/at-all"}, 60).status != 0);
}

}  // namespace
}  // namespace nnc::reduce
