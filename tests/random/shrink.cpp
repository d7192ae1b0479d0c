// Fewer steps, then a smaller graph, then perhaps fewer steps still.
#include "shrink.h"

#include "reduce/graph.h"

namespace nnc::random {
namespace {

bool fewer_steps(Program& program, const std::function<bool(const Program&)>& fails, reduce::Search& search) {
  for (const int steps : {1, program.steps - 1}) {
    Program fewer = program;
    fewer.steps = steps;
    if (steps < 1 || steps >= program.steps || !search.keeps(fewer, fails)) continue;
    program = std::move(fewer);
    return true;
  }
  return false;
}

}  // namespace

Program shrink(Program program, const std::function<bool(const Program&)>& fails, int most) {
  reduce::Search search;
  search.most = most;
  do {
    const auto graph_fails = [&](const Graph& graph) { return fails({graph, program.seed, program.steps}); };
    fewer_steps(program, fails, search);
    program.graph = reduce::reduce_graph(std::move(program.graph), graph_fails, search);
  } while (fewer_steps(program, fails, search));
  return program;
}

}  // namespace nnc::random
