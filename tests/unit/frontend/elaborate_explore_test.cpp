// `nnc run`: small programs with every value shown.
#include <algorithm>

#include <fmt/format.h>

#include "corpus.h"
#include "elaborated.h"

namespace nnc {
namespace {

struct Explored {
  std::optional<frontend::Exploration> exploration;
  std::string said;
};

Explored explore(const std::string& text) {
  Sources sources;
  Diagnostics diagnostics;
  const FileId id = sources.add("slide.nn", text);
  Explored out;
  Result<ast::File> tree = frontend::parse(sources, id, diagnostics);
  if (tree) {
    Result<frontend::Exploration> made = frontend::build_exploration(*tree, sources, {}, diagnostics);
    if (made) {
      for (const std::string& broken : verify(made->graph)) FAIL_CHECK(broken);
      out.exploration = std::move(*made);
    }
  }
  out.said = render_all(diagnostics, sources);
  return out;
}

using Names = std::vector<std::string>;

TEST_CASE("every named value is computed, in the order of the file") {
  const Explored e = explore("z = [3.2, 5.1, -1.7]\ne = exp(z)\np = e / sum(e)\nloss = -log(p[0])\n");
  INFO(e.said);
  REQUIRE(e.exploration);
  CHECK(e.exploration->values == Names{"z", "e", "p"});
  const TensorMap out = evaluate(e.exploration->graph, {});
  CHECK(out.at("value.p").data[0] == Approx(0.129982).epsilon(1e-4));
  CHECK(out.at("loss").data[0] == Approx(2.04035).epsilon(1e-4));
  CHECK(e.exploration->no_gradient.at("z") == "a constant; write `param z: f32[3]` to differentiate it");
}

TEST_CASE("names are taken apart, numbers stay numbers, lists become tensors") {
  const Explored e = explore(R"(param w: f32[2] = [1.0, 1.5]
x, y = w
k = 2^3
a = [[1, 2, 3], [4, 5, 6]]
column = a[:, 1]
total = sum(a, axis = 0)
both = [x, y]
best = argmax(total)
loss = (1.5 - x + x*y)^2 + (2.25 - x + x*y^2)^2 + (2.625 - x + x*y^3)^2
)");
  INFO(e.said);
  REQUIRE(e.exploration);
  CHECK(e.exploration->values == Names{"w", "x", "y", "k", "a", "column", "total", "both", "best"});
  CHECK(e.exploration->no_gradient.at("best") == "a position does not move smoothly");
  CHECK(test::output_names(e.exploration->graph).back() == "grad.w");
}

TEST_CASE("a product says how its shapes came about") {
  const Explored e = explore("x: f32[10, 3] ~ normal(0, 1)\nfc = linear(3, 2)\npred = fc(x)\n");
  INFO(e.said);
  REQUIRE(e.exploration);
  REQUIRE(e.exploration->explanations.size() == 1);
  CHECK(
      e.exploration->explanations[0] ==
      "x[10,3] @ weight.T[3,2] + bias[2] → [10,2]  (bias repeated over 10 rows; weight is stored [out, in])");
}

TEST_CASE("the lecture files run") {
  const auto files = test::nn_files("examples/lecture");
  int run = 0;
  for (const auto& path : files) {
    const Explored e = explore(test::read_file(path));
    INFO(path.filename().string() << "\n" << e.said);
    // What reads data is for nnc train, and for tests/lecture.
    const bool reads_data = e.said.find("[needs_data]") != std::string::npos;
    CHECK(e.exploration.has_value() != reads_data);
    run += e.exploration ? 1 : 0;
  }
  CHECK(run >= 9);
}

// A new op with `arguments` in its row is tested by being there.
TEST_CASE("every op that the table names as a function is one, of numbers and of tensors") {
  size_t tested = 0;
  for (const OpDef* def : all_ops()) {
    if (def->arguments.empty()) continue;
    INFO(def->name);
    ++tested;
    CHECK(def->has(kElementwise));
    const auto names = 1 + std::count(def->arguments.begin(), def->arguments.end(), ' ');
    CHECK(names == def->max_operands);
    CHECK(def->min_operands == def->max_operands);
    std::string numbers, tensors;
    for (int i = 0; i < def->max_operands; ++i) {
      const std::string before = i == 0 ? "" : ", ";
      numbers += fmt::format("{}0.{}", before, 5 + 2 * i);
      tensors += fmt::format("{}x{}", before, i);
    }
    std::string text;
    for (int i = 0; i < def->max_operands; ++i) text += fmt::format("x{} = [0.{}, 0.25]\n", i, 5 + 2 * i);
    text += fmt::format("number = [{0}({1}), 0]\ntensor = {0}({2})\nloss = sum(number) + sum(tensor)\n",
                        def->name, numbers, tensors);
    const Explored e = explore(text);
    INFO(text << e.said);
    REQUIRE(e.exploration);
    const TensorMap out = evaluate(e.exploration->graph, {});
    CHECK(out.at("value.number").data[0] == Approx(out.at("value.tensor").data[0]).epsilon(1e-6));
    const Explored wrong = explore(fmt::format("y = {}(nosuch = 1)\n", def->name));
    CHECK(wrong.said.find(fmt::format("{} has no argument nosuch", def->name)) != std::string::npos);
  }
  CHECK(tested >= 11);
}

}  // namespace
}  // namespace nnc
