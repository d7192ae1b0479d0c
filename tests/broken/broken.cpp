// Passes that are broken on purpose, to see what a user would: run by tests/cli/internal_error.test.
//   nnc_broken unsound|crash|recursion
#include <csignal>
#include <cstdio>
#include <string_view>

#include "ir/graph/builder.h"
#include "passes/pass.h"
#include "support/check.h"

namespace nnc::passes {
namespace {

// The first node reads itself.
Graph unsound(const Graph& graph) {
  Graph after = graph;
  after.nodes[NodeId{1}].operands[0].node = NodeId{1};
  return after;
}

Graph crash(const Graph& graph) {
  std::raise(SIGSEGV);
  return graph;
}

int depth_of(volatile const char* above, int depth) {
  volatile char here[4096];
  here[0] = above[0];
  return depth < (1 << 30) ? depth_of(here, depth + 1) + here[0] : 0;
}

Graph recursion(const Graph& graph) {
  volatile char start = 0;
  return depth_of(&start, 0) == 0 ? Graph() : graph;
}

constexpr Pass kBroken[] = {{"unsound", "", Stage::fused, false, Takes::any, unsound},
                            {"crash", "", Stage::fused, false, Takes::any, crash},
                            {"recursion", "", Stage::fused, false, Takes::any, recursion}};

}  // namespace
}  // namespace nnc::passes

int main(int argc, char** argv) {
  using namespace nnc;
  report_crashes();
  Graph graph;
  graph.name = "train";
  Builder builder(graph);
  const Value x = builder.input("x", Role::input, {DType::f32, {3}});
  builder.output("y", builder.make(Op::exp, {x}));
  graph.inputs = {x.node};
  for (const passes::Pass& pass : passes::kBroken)
    if (argc == 2 && pass.name == argv[1]) {
      const Graph after = passes::run_pass(pass, graph);
      std::printf("%s: nothing was noticed\n", print(after).c_str());
    }
  return 2;
}
