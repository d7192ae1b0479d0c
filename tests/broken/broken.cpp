// nnc with a pass that is broken on purpose, to see what its user would: run by tests/cli/internal_error.test,
// verify_passes.test and reduce.test.
//   nnc_broken HOW COMMAND …     HOW is one of kFaults
#include <csignal>
#include <cstdio>
#include <string_view>
#include <vector>

#include "driver/command.h"
#include "passes/pass.h"
#include "passes/rewrite.h"

namespace nnc::passes {
namespace {

// The last node reads itself.
Graph unsound(const Graph& graph) {
  Graph after = remove_dead(graph);
  for (uint32_t i = static_cast<uint32_t>(after.nodes.size()); i-- > 0;)
    if (std::vector<Value>& operands = after.nodes[NodeId{i}].operands; !operands.empty()) {
      operands[0].node = NodeId{i};
      break;
    }
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

// Algebra with a wrong sign: a - b becomes b - a.
Graph wrong_sign(const Graph& graph) {
  const Graph simple = simplify(graph);
  return rebuild(simple, [](Rewriter& r, NodeId id, const Node& node) -> std::optional<std::vector<Value>> {
    if (node.op != Op::sub) return std::nullopt;
    const std::vector<Value> x = r.operands(id);
    return std::vector<Value>{r.builder().sub(x[1], x[0])};
  });
}

// A fusion that forgets the activation.
Graph lost_activation(const Graph& graph) {
  const Graph fused = fuse_linear(graph);
  return rebuild(fused, [](Rewriter& r, NodeId id, const Node& node) -> std::optional<std::vector<Value>> {
    const auto* linear = std::get_if<LinearAttrs>(&node.attrs);
    if (linear == nullptr || linear->activation == Activation::none) return std::nullopt;
    return std::vector<Value>{r.builder().make(Op::linear, r.operands(id), LinearAttrs())};
  });
}

// Long sums that are cut without their rest.
Graph lost_rest(const Graph& graph) {
  constexpr int64_t kLong = 8191;
  const Graph cut =
      rebuild(graph, [](Rewriter& r, NodeId id, const Node& node) -> std::optional<std::vector<Value>> {
        if (node.op != Op::reduce_sum) return std::nullopt;
        const Value x = r.operands(id)[0];
        const Shape shape = r.builder().type(x).shape;
        const auto axis = static_cast<size_t>(std::get<ReduceAttrs>(node.attrs).axes.front());
        if (element_count(shape) <= kLong || shape[axis] < 2) return std::nullopt;
        SliceAttrs rest{Shape(shape.size(), 0), shape};
        --rest.end[axis];
        return std::vector<Value>{
            r.builder().make(Op::reduce_sum, {r.builder().make(Op::slice, {x}, rest)}, node.attrs)};
      });
  return split_sums(cut);
}

struct Fault {
  std::string_view how;
  std::string_view pass;
  Graph (*run)(const Graph& graph);
};
constexpr Fault kFaults[] = {{"unsound", "remove_dead", unsound},
                             {"crash", "remove_dead", crash},
                             {"recursion", "remove_dead", recursion},
                             {"wrong_sign", "simplify", wrong_sign},
                             {"lost_activation", "fuse_linear", lost_activation},
                             {"lost_rest", "split_sums", lost_rest}};

const Fault* chosen = nullptr;

}  // namespace

// In the place of passes/table.cpp.
std::span<const Pass> all_passes() {
  static const std::vector<Pass> kPasses = [] {
    std::vector<Pass> passes = {
#define NNC_PASS(name, stage, required, takes, doc) {#name, doc, Stage::stage, required, Takes::takes, &name},
#include "passes/passes.def"
    };
    for (Pass& pass : passes)
      if (chosen != nullptr && pass.name == chosen->pass) pass.run = chosen->run;
    return passes;
  }();
  return kPasses;
}

}  // namespace nnc::passes

int main(int argc, char** argv) {
  using namespace nnc::passes;
  for (const Fault& fault : kFaults)
    if (argc > 1 && fault.how == argv[1]) chosen = &fault;
  if (chosen == nullptr) return std::fprintf(stderr, "nnc_broken HOW COMMAND ...\n"), 2;
  argv[1] = argv[0];
  return nnc::driver::run_command(argc - 1, argv + 1);
}
