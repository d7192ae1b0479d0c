// Every op of the table as a formula: the text of each sample, raw and simplified, read back and evaluated, gives what the op's
// reference gives. A new op is tested by being there.
#include <cmath>
#include <random>
#include <set>

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "explain/check.h"
#include "explain/explanation.h"
#include "ir/graph/builder.h"

namespace nnc::explain {
namespace {

// The results of one node, each an output that is explained.
struct SampleGraph {
  Graph graph;
  TensorMap inputs;
};

SampleGraph sample_graph(Op op, const Sample& sample, std::mt19937_64& random) {
  SampleGraph s;
  s.graph.name = "gradients";
  Builder b(s.graph);
  std::vector<Value> operands;
  for (const TensorType& type : sample.operands) {
    const std::string name = fmt::format("x{}", operands.size());
    operands.push_back(b.input(name, Role::input, type));
    DenseTensor tensor{type, {}};
    std::uniform_real_distribution<double> draw(sample.low, sample.high);
    for (int64_t i = 0; i < type.elements(); ++i) {
      const double x = draw(random);
      tensor.data.push_back(type.dtype == DType::boolean ? std::floor(std::fabs(x))
                            : is_float(type.dtype)       ? x
                                                         : std::floor(x));
    }
    s.inputs[name] = std::move(tensor);
  }
  std::vector<Value> results = b.make_all(op, operands, sample.attrs);
  for (size_t i = 0; i < results.size(); ++i) b.output(fmt::format("y{}", i), results[i], OutputKind::loss);
  return s;
}

bool same(double a, double b) {
  return a == b || (std::isnan(a) && std::isnan(b)) ||
         std::fabs(a - b) <= 1e-12 * std::max(1.0, std::fabs(b));
}

TEST_CASE("the formula of every op gives what its reference gives") {
  std::mt19937_64 random(5);
  std::set<std::string> without;
  size_t compared = 0;
  for (size_t i = 0; i < all_ops().size(); ++i) {
    const OpDef& def = *all_ops()[i];
    if (def.has(kInternal)) continue;
    for (const Sample& sample : def.samples)
      for (const bool raw : {false, true}) {
        const SampleGraph s = sample_graph(static_cast<Op>(i), sample, random);
        Diagnostics diagnostics;
        const Result<Explanation> explanation = explain(s.graph, {raw, {}}, diagnostics);
        if (!explanation) {
          without.insert(std::string(def.name));
          CHECK(diagnostics.all()[0].kind == DiagnosticKind::no_formula);
          continue;
        }
        const std::string text = text_of(*explanation, Sources());
        INFO(def.name << (raw ? ", raw" : "") << "\n" << text);
        const KnownValues known = evaluate_all(s.graph, s.inputs);
        const Evaluated evaluated = evaluate(*explanation, text, s.inputs, known);
        REQUIRE(evaluated.fault == "");
        for (const Output& output : s.graph.outputs) {
          const DenseTensor& expected = known[output.value.node.index][output.value.result];
          const DenseTensor& found = evaluated.values.at(output.name);
          REQUIRE(found.data.size() == expected.data.size());
          for (size_t k = 0; k < found.data.size(); ++k)
            if (!same(found.data[k], expected.data[k]))
              FAIL_CHECK("element " << k << ": " << found.data[k] << ", not " << expected.data[k]);
          ++compared;
        }
      }
  }
  CHECK(compared > 300);
  // Ops that fusion makes after differentiation, and a product of which the same pass leaves terms out.
  CHECK(without == std::set<std::string>{"linear", "matmul", "softmax_xent", "softmax_xent_grad"});
}

}  // namespace
}  // namespace nnc::explain
