// Differentiation: against finite differences, and what it says where no gradient arrives.
#include <cmath>

#include <catch2/catch.hpp>

#include "graphs.h"
#include "ir/graph/verify.h"
#include "passes/pass.h"

using namespace nnc;
using namespace nnc::passes;
using namespace nnc::passes::test;

namespace {

struct Reported {
  bool failed;
  std::vector<Diagnostic> diagnostics;
};

Reported report(const Graph& graph) {
  Diagnostics diagnostics;
  Result<Graph> result = differentiate(graph, diagnostics);
  return {!result.ok(), diagnostics.all()};
}

double loss_at(const Graph& graph, const TensorMap& inputs) {
  return evaluate(graph, inputs).at("loss").data[0];
}

}  // namespace

TEST_CASE("every output grad.X is the derivative of the output loss by the input X") {
  size_t checked = 0;
  for (const std::string& name : graph_names()) {
    Graph graph = derived(load(name));
    CHECK(count(graph, Op::grad) == 0);
    for (const Output& output : graph.outputs) {
      if (!output.name.starts_with("grad.")) continue;
      std::string of = output.name.substr(5);
      TensorMap inputs = random_inputs(graph, 7);
      DenseTensor gradient = evaluate(graph, inputs).at(output.name);
      for (size_t i = 0; i < gradient.data.size(); ++i) {
        double& x = inputs.find(of)->second.data[i];
        const double at = x;
        const double h = 1e-5;
        x = at + h;
        double above = loss_at(graph, inputs);
        x = at - h;
        double below = loss_at(graph, inputs);
        x = at;
        INFO(name << ": " << output.name << "[" << i << "]");
        CHECK(gradient.data[i] == Approx((above - below) / (2 * h)).epsilon(1e-5).margin(1e-7));
        ++checked;
      }
    }
  }
  CHECK(checked > 100);
}

TEST_CASE("derivatives of derivatives are exact") {
  Graph graph = derived(load("third_derivative"));
  TensorMap inputs = random_inputs(graph, 1);
  double w = inputs.at("w").data[0];
  TensorMap outputs = evaluate(graph, inputs);
  double e = std::exp(-w * w);
  CHECK(outputs.at("e").data[0] == Approx(e));
  CHECK(outputs.at("inner").data[0] == Approx(e));  // by a value on the way
  CHECK(outputs.at("loss").data[0] == Approx((4 * w * w - 2) * e * e - 2 * w * e));
}

TEST_CASE("a value's adjoint adds its contributions from the last reader to the first") {
  Graph graph = derived(parse(R"(graph @g(param x: f32) {
  %0 = exp x : f32
  %1 = tanh x : f32
  %2 = add %0, %1 : f32
  %3 = mul %2, x : f32
  %4 = grad %3, x : f32
  return d = %4
})"));
  // The product comes last and is met first (%5), then tanh (%9), then exp (%11).
  CHECK(checked_text(graph) == R"(graph @g(param x: f32) {
  %0 = exp x : f32
  %1 = tanh x : f32
  %2 = add %0, %1 : f32
  %5 = constant 1 : f32
  %6 = mul %5, x : f32
  %7 = mul %5, %2 : f32
  %8 = mul %1, %1 : f32
  %9 = constant 1 : f32
  %10 = sub %9, %8 : f32
  %11 = mul %6, %10 : f32
  %12 = add %7, %11 : f32
  %13 = mul %6, %0 : f32
  %d.x = add %12, %13 : f32
  return d = %d.x
  gradients x = %d.x
}
)");
}

TEST_CASE("adjoints carry the places of the nodes they come from") {
  Graph source = parse(R"(graph @g(param x: f32) {
  %0 = exp x : f32
  %1 = grad %0, x : f32
  return d = %1
})");
  SpanSet of_exp = source.nodes[NodeId{1}].spans;
  REQUIRE(!of_exp.empty());
  Graph graph = derived(source);
  CHECK(graph.node(graph.outputs[0].value).op == Op::mul);
  CHECK(graph.node(graph.outputs[0].value).spans == of_exp);
}

TEST_CASE("grad by the scalar itself is 1") {
  Graph graph = derived(parse(R"(graph @g(param x: f32) {
  %0 = exp x : f32
  %1 = grad %0, %0 : f32
  return d = %1
})"));
  CHECK(evaluate(graph, random_inputs(graph, 1)).at("d").data[0] == 1);
}

TEST_CASE("a parameter that nothing reads is an error") {
  Reported r = report(parse(R"(graph @g(param used: f32, param spare: f32[2]) {
  %0 = exp used : f32
  %1:2 = grad %0, used, spare : f32, f32[2]
  return a = %1.0, b = %1.1
})"));
  CHECK(r.failed);
  REQUIRE(r.diagnostics.size() == 1);
  CHECK(r.diagnostics[0].kind == DiagnosticKind::no_gradient_path);
  CHECK(r.diagnostics[0].message == "no gradient reaches spare: nothing that is differentiated uses it");
}

TEST_CASE("a path that ends at an op without a derivative is an error that names it") {
  Reported r = report(parse(R"(graph @g(label: i32[2], param z: f32[2,3]) {
  %0 = argmax z {axis = 1} : i32[2]
  %1 = eq %0, label : bool[2]
  %2 = cast %1 {dtype = f32} : f32[2]
  %3 = reduce_sum %2 {axes = [0]} : f32
  %4 = grad %3, z : f32[2,3]
  return g = %4
})"));
  CHECK(r.failed);
  REQUIRE(r.diagnostics.size() == 1);
  CHECK(r.diagnostics[0].kind == DiagnosticKind::no_gradient_path);
  CHECK(r.diagnostics[0].message == "no gradient reaches z: its path ends at argmax");
  REQUIRE(r.diagnostics[0].notes.size() == 1);
  CHECK(r.diagnostics[0].notes[0].find("its result is an index") != std::string::npos);
}

TEST_CASE("a path cut by detach gives zeros and a warning") {
  Graph source = parse(R"(graph @g(param a: f32[2], param b: f32[2]) {
  %0 = detach b : f32[2]
  %1 = mul a, %0 : f32[2]
  %2 = reduce_sum %1 {axes = [0]} : f32
  %3:2 = grad %2, a, b : f32[2], f32[2]
  return a = %3.0, b = %3.1
})");
  Reported r = report(source);
  CHECK(!r.failed);
  REQUIRE(r.diagnostics.size() == 1);
  CHECK(r.diagnostics[0].severity == Severity::warning);
  CHECK(r.diagnostics[0].kind == DiagnosticKind::not_trained);
  Graph graph = derived(source);
  TensorMap outputs = evaluate(graph, random_inputs(graph, 1));
  CHECK(outputs.at("b").data == std::vector<double>{0, 0});
  CHECK(outputs.at("a").data != std::vector<double>{0, 0});
}

TEST_CASE("a derivative that is zero everywhere: a warning for a value, an error for a parameter") {
  std::string body = R"(
  %0 = constant 0 : f32[2]
  %1 = gt x, %0 : bool[2]
  %2 = cast %1 {dtype = f32} : f32[2]
  %3 = reduce_sum %2 {axes = [0]} : f32
  %4 = grad %3, x : f32[2]
  return g = %4)";
  Reported value = report(parse_body("x: f32[2]", body));
  CHECK(!value.failed);
  REQUIRE(value.diagnostics.size() == 1);
  CHECK(value.diagnostics[0].kind == DiagnosticKind::gradient_is_zero);
  Reported parameter = report(parse_body("param x: f32[2]", body));
  CHECK(parameter.failed);
  REQUIRE(parameter.diagnostics.size() == 1);
  CHECK(parameter.diagnostics[0].message == "no gradient reaches x: its path ends at gt");
}

TEST_CASE("all parameters without a gradient are reported, not only the first") {
  Reported r = report(parse(R"(graph @g(param a: f32, param b: f32, param c: f32) {
  %0 = exp c : f32
  %1:3 = grad %0, a, b, c : f32, f32, f32
  return a = %1.0, b = %1.1, c = %1.2
})"));
  CHECK(r.failed);
  CHECK(r.diagnostics.size() == 2);
}

TEST_CASE("which values are gradients of parameters stays known through all passes") {
  const Graph graph = parse(R"(graph @train(x: f32[4,3], s: f32[3], param w: f32[5,3], param b: f32[5]) {
    %0 = matmul x, w {transpose_b}
    %1 = broadcast b {shape = [4,5], axes = [1]}
    %2 = add %0, %1
    %3 = tanh %2
    %4 = reduce_sum %3 {axes = [0,1]}
    %5:3 = grad %4, w, b, x
    %6 = sub w, %5.0
    %7 = sub b, %5.1
    return loss = %4, w <- %6, b <- %7, dx = %5.2
  })");
  const auto check = [](const Graph& g) {
    REQUIRE(g.gradients.size() == 2);
    for (const ParameterGradient& gradient : g.gradients) {
      CHECK(g.type(gradient.value) == g.type({gradient.of, 0}));
      // What w - gradient reads.
      const auto output = std::find_if(g.outputs.begin(), g.outputs.end(),
                                       [&](const Output& o) { return o.replaces == gradient.of; });
      REQUIRE(output != g.outputs.end());
      CHECK(g.node(output->value).operands.back() == gradient.value);
    }
  };
  PipelineOptions options;
  options.observe = [&](std::string_view pass, const Graph& after, double) {
    INFO("after " << pass);
    check(after);
  };
  Diagnostics diagnostics;
  REQUIRE(run_pipeline(graph, options, diagnostics));
}
