// Translation validation: it keeps quiet about what is right, and names lowering and code generation where kernels or machine code
// compute something else. (Wrong passes: tests/cli/verify_passes.test.)
#include <catch2/catch.hpp>

#include "harness.h"
#include "ir/graph/verify.h"
#include "validate/inputs.h"
#include "validate/outputs.h"
#include "validate/stages.h"

namespace nnc::validate {
namespace {

constexpr std::string_view kText = R"(graph @g(x: f32[5,7], param w: f32[3,7], param b: f32[3]) {
  %0 = matmul x, w {transpose_b}
  %1 = broadcast b {shape = [5,3], axes = [1]}
  %2 = add %0, %1
  %3 = constant 0 : f32[5,3]
  %4 = maximum %2, %3
  %5 = reduce_sum %4 {axes = [0,1]}
  return y = %4, s = %5
})";

// What lowering and code generation are given.
struct Ready {
  Graph graph = test::prepare(std::string(kText));
  TensorMap inputs = draw_inputs(graph, 1);
  CodegenOptions options;
  kernel::Program program = std::get<kernel::Program>(lower_checked(graph, options));

  Ready() { options.use_cache = false; }
  // The kernels with every maximum a minimum.
  kernel::Program wrong() const {
    kernel::Program other = program;
    for (kernel::Kernel& k : other.kernels)
      for (kernel::Expr& e : k.exprs)
        if (e.kind == kernel::ExprKind::apply && e.op == Op::maximum) e.op = Op::minimum;
    return other;
  }
};

TEST_CASE("kernels that compute something else are found by their values, and where that begins") {
  const Ready ready;
  OutputComparison outputs(ready.graph, ready.inputs, 1);
  const TensorMap meant = evaluate(ready.graph, ready.inputs);
  const auto fault = [&](const kernel::Program& program, Tally& tally) {
    return outputs.compare(meant, interpret(program, ready.graph, ready.inputs), "in the graph",
                           "in the kernels", tally);
  };
  Tally tally;
  CHECK(fault(ready.program, tally) == std::nullopt);
  CHECK(tally.checked == 16);
  CHECK(tally.unchecked == 0);
  const auto wrong = fault(ready.wrong(), tally);
  REQUIRE(wrong);
  INFO(*wrong);
  CHECK(wrong->find("s is ") == 0);
  CHECK(wrong->find(" in the kernels and ") != std::string::npos);

  const Values found = walk(ready.graph, ready.inputs);
  const auto all_right = [&](Value value) -> std::span<const double> {
    return found[value.node.index][value.result].data;
  };
  CHECK(!find_origin(ready.graph, ready.graph, all_right, ready.inputs, 1));
  const Value sum = ready.graph.outputs[1].value;
  const auto one_wrong = [&](Value value) {
    static const std::vector<double> kWrong = {1e6};
    return value == sum ? std::span<const double>(kWrong) : all_right(value);
  };
  const auto origin = find_origin(ready.graph, ready.graph, one_wrong, ready.inputs, 1);
  REQUIRE(origin);
  CHECK(origin->sentence.find("is the first value that is wrong: 1000000, not ") != std::string::npos);
  CHECK(origin->sentence.find("it is reduce_sum(") != std::string::npos);
}

TEST_CASE("machine code that computes something else is found by its bits") {
  const Ready ready;
  const Outputs meant = interpret(ready.program, ready.graph, ready.inputs);
  CHECK(code_fault(ready.program, ready.graph, ready.inputs, meant, ready.options) == std::nullopt);
  const auto fault = code_fault(ready.wrong(), ready.graph, ready.inputs, meant, ready.options);
  REQUIRE(fault);
  INFO(*fault);
  CHECK(fault->find(" in machine code and ") != std::string::npos);
}

TEST_CASE("inputs are such as a model has them") {
  Sources sources;
  Diagnostics diagnostics;
  const Result<Graph> graph = parse_graph(
      sources,
      sources.add("g.nnir",
                  "graph @g(x: f32[200], k: i32[200] classes 3, param w: f32[10,100], moment m: f32[200], "
                  "sum s: f32[200], scalar lr: f64, scalar t: i64) { return y = x }"),
      diagnostics);
  INFO(render_all(diagnostics, sources));
  REQUIRE(graph);
  const TensorMap signed_inputs = draw_inputs(*graph, 1), positive = draw_inputs(*graph, 1, true);
  const auto range = [](const TensorMap& inputs, const char* name) {
    const std::vector<double>& data = inputs.find(name)->second.data;
    return std::pair(*std::ranges::min_element(data), *std::ranges::max_element(data));
  };
  CHECK(range(signed_inputs, "x").first < -0.5);
  CHECK(range(positive, "x").first > 0);
  CHECK(range(signed_inputs, "k") == std::pair(0.0, 2.0));
  CHECK(range(signed_inputs, "w").second < 0.18);  // sqrt(3 / 100)
  CHECK(range(signed_inputs, "w").second > 0.15);
  CHECK(range(signed_inputs, "m").first > 0);
  CHECK(range(signed_inputs, "s").first > 0);
  CHECK(range(signed_inputs, "t").first >= 1);
  CHECK(signed_inputs.at("m").data == positive.at("m").data);
  CHECK(signed_inputs.at("x").data != draw_inputs(*graph, 2).at("x").data);
}

}  // namespace
}  // namespace nnc::validate
