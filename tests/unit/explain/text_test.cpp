// The text of formulas: what it means, what is wrong in it, and how the same is set as LaTeX and MathML.
#include <cmath>
#include <limits>

#include <catch2/catch.hpp>

#include "explain/evaluate.h"
#include "explain/layout.h"

namespace nnc::explain {
namespace {

using formula::ExprId;
using formula::Fn;
using formula::Formula;

DenseTensor tensor(Shape shape, std::vector<double> data) {
  return {{DType::f32, std::move(shape)}, std::move(data)};
}

const TensorMap kGiven = {{"x", tensor({2, 2}, {1, 2, 3, 4})},
                          {"v", tensor({2}, {10, 20})},
                          {"c", tensor({}, {3})},
                          {"i", tensor({2}, {1, 0})},
                          {"∂loss/∂h.w", tensor({2}, {5, 6})}};

std::vector<double> value(const std::string& expression) {
  const auto all = evaluate_text("y = " + expression + "\n", kGiven);
  if (const auto* fault = std::get_if<std::string>(&all)) FAIL(*fault);
  return std::get<TensorMap>(all).at("y").data;
}

std::string fault(const std::string& text) {
  const auto all = evaluate_text(text, kGiven);
  return std::holds_alternative<std::string>(all) ? std::get<std::string>(all) : "";
}

using V = std::vector<double>;

TEST_CASE("a formula means what it says") {
  CHECK(value("1 + 2 · 3 − 4 / 8") == V{6.5});
  CHECK(value("−c²") == V{-9});
  CHECK(value("(1 + c)² / √16") == V{4});
  CHECK(value("2^c + c⁰") == V{9});
  CHECK(value("x · x") == V{7, 10, 15, 22});  // matrices
  CHECK(value("x ⊙ x") == V{1, 4, 9, 16});
  CHECK(value("c · xᵀ") == V{3, 9, 6, 12});  // a number scales
  CHECK(value("x + v") == V{11, 22, 13, 24});
  CHECK(value("x + v[:, ·]") == V{11, 12, 23, 24});
  CHECK(value("x − max₁(x)") == V{-1, 0, -1, 0});  // the axis stays
  CHECK(value("sum₀(x)") == V{4, 6});
  CHECK(value("sum(x) + mean(x)") == V{12.5});
  CHECK(value("x[i]") == V{2, 3});
  CHECK(value("x[1 · i]") == V{2, 3});  // not 1:…
  CHECK(value("x[i, :]") == V{3, 4, 1, 2});
  CHECK(value("x[:, 1:2]") == V{2, 4});
  CHECK(value("x[1:2]") == V{3, 4});
  CHECK(value("x₁") == V{3, 4});
  CHECK(value("[x > 2] ⊙ x") == V{0, 0, 3, 4});
  CHECK(value("[x > 2] ⊙ log(x − 1) / [x > 2]")[0] == 0);  // nothing there, whatever it is multiplied by
  CHECK(value("where([x > 2], x, −∞)")[3] == 4);
  CHECK(value("onehot₃(i)") == V{0, 1, 0, 1, 0, 0});
  CHECK(value("perm₁₀(x)") == V{1, 3, 2, 4});
  CHECK(value("concat(x, x, axis = 1)") == V{1, 2, 1, 2, 3, 4, 3, 4});
  CHECK(value("reshape([1, −2, 0.5, 1e-3], [2, 2]) ⊙ x") == V{1, -4, 1.5, 0.004});
  CHECK(value("∂loss/∂h.w / 2") == V{2.5, 3});
  CHECK(value("exp(log(c)) + relu(−c)")[0] == Approx(3));
}

TEST_CASE("functions that no op is compute what they are called") {
  CHECK(value("softmax(log([1, 3]))")[0] == Approx(0.25));
  CHECK(value("softmax(log(x) + 1000)")[3] == Approx(4 / 7.0));
  CHECK(value("softmax₀(log(x))")[3] == Approx(4 / 6.0));
  CHECK(value("logsumexp₁(log(x))")[1] == Approx(std::log(7.0)));
  CHECK(value("logsumexp([−∞, −∞])") == V{-std::numeric_limits<double>::infinity()});
  CHECK(value("spread([1, 2, 3], stride = 2)") == V{1, 0, 2, 0, 3});
  CHECK(value("swap(reshape(x, [1, 2, 2]))") == V{1, 2, 3, 4});
  CHECK(value("flat(reshape(x, [2, 1, 2]))ᵀ") == V{1, 3, 2, 4});
  CHECK(value("conv(reshape(x, [1, 1, 2, 2]), reshape([1, 0, 0, 1], [1, 1, 2, 2]))") == V{5});
  CHECK(value("max_pool(x, size = [2, 2], stride = [2, 2])") == V{4});
  CHECK(value("max_unpool(reshape(c, [1, 1]), x, size = [2, 2], stride = [2, 2])") == V{0, 0, 0, 3});
  CHECK(value("avg_pool(x, size = [2, 2], stride = [2, 2])") == V{2.5});
}

TEST_CASE("steps of a recurrence are computed in their order") {
  const auto all = evaluate_text(
      "h₀ = 1\nfor t = 0 … 1:\n  aₜ = vₜ + hₜ\n  hₜ₊₁ = 2 · aₜ\n\ng₂ = 0\nfor t = 1 … 0:\n  gₜ = gₜ₊₁ + "
      "hₜ₊₁\ny = sum(h[1:3]) + h₂ + g₀\n",
      kGiven);
  REQUIRE(std::holds_alternative<TensorMap>(all));
  const auto& values = std::get<TensorMap>(all);
  CHECK(values.at("h").data == V{1, 22, 84});
  CHECK(values.at("a").data == V{11, 42});
  CHECK(values.at("g").data == V{106, 84, 0});
  CHECK(values.at("y").data == V{106 + 84 + 106});
}

TEST_CASE("an equation's shape is what its line says") {
  const auto all = evaluate_text("m = sum₁(x)  f32[2]  a.nn:1\ny = m ⊙ v\nz = 1  f32[2, 2]\n", kGiven);
  REQUIRE(std::holds_alternative<TensorMap>(all));
  CHECK(std::get<TensorMap>(all).at("y").data == V{30, 140});
  CHECK(std::get<TensorMap>(all).at("z").data == V{1, 1, 1, 1});
  CHECK(fault("y = x  f32[3]\n") == "line 1: the value is [2, 2], and is said to be [3]");
}

TEST_CASE("what is wrong in a text is said with its line") {
  CHECK(fault("y = c\ny = x +\n").starts_with("line 2: expected a value"));
  CHECK(fault("y = (x\n").starts_with("line 1: expected `)`"));
  CHECK(fault("y x\n").starts_with("line 1: expected `=`"));
  CHECK(fault("y = x wrong\n").starts_with("line 1: `wrong` is neither an operator nor a type"));
  CHECK(fault("y = q\n") == "line 1: nothing is known about q");
  CHECK(fault("y = nothing(x)\n") == "line 1: no function is called `nothing`");
  CHECK(fault("y = exp(x, x)\n") == "line 1: exp takes 1 operands, found 2");
  CHECK(fault("y = x + [1, 2, 3]\n") == "line 1: the shapes do not fit: [2, 2] and [3]");
  CHECK(fault("y = x · v\n").starts_with("line 1: no matrices that can be multiplied"));
  CHECK(fault("y = sum₂(x)\n") == "line 1: [2, 2] has no axis 2");
  CHECK(fault("y = x₅\n") == "line 1: x has no place 5");
  CHECK(fault("h₀ = 1\nfor t = 0 … 1:\n  hₜ₊₁ = hₜ₊₁\n") == "line 3: h has no place 1 yet");
  CHECK(fault("r ~ normal(0, 1)\n") == "line 1: no values are given for r");
  CHECK(fault("y = " + std::string(500, '(') + "x\n").starts_with("line 1: nested too deep"));
}

TEST_CASE("one layout is set as text, LaTeX and MathML") {
  Formula f;
  const ExprId x = f.symbol("x", {2, 2}), w = f.symbol("fc1.w", {2, 2}), d = f.symbol("∂loss/∂z", {2, 2});
  const auto set = [&](ExprId id) {
    const Markup m = layout(f, id, [](ExprId e) { return e; });
    return std::array{as_text(m), as_latex(m), as_mathml(m)};
  };
  const auto product = set(f.div(f.call(Fn::matmul, {f.call(Fn::transpose, {d}), x}), f.number(4)));
  CHECK(product[0] == "(∂loss/∂z)ᵀ · x / 4");
  CHECK(product[1] ==
        "\\frac{{\\left(\\frac{\\partial \\mathrm{loss}}{\\partial z}\\right)}^{\\top} \\cdot x}{4}");
  CHECK(product[2].starts_with("<mfrac><mrow><mrow><msup>"));
  CHECK(set(f.mul(f.compare(">", x, f.number(0)), f.add(w, x)))[0] == "[x > 0] ⊙ (fc1.w + x)");
  CHECK(set(f.mul(f.compare(">", x, f.number(0)), w))[1] == "\\left[x>0\\right] \\odot \\mathrm{fc1.w}");
  CHECK(set(f.mul(f.compare("<", x, f.number(0)), w))[2].find("<mo>&lt;</mo>") != std::string::npos);
  CHECK(set(f.sub(x, f.power(w, -0.5)))[0] == "x − 1 / √fc1.w");
  CHECK(set(f.symbol("a b", {}))[0] == "\"a b\"");
  CHECK(set(f.power(x, -0.0))[0] == "x⁰");
  CHECK(decimal_text(-0.0) == "0");
  CHECK(decimal_text(1 / 32.0) == "0.03125");
  CHECK(decimal_text(std::sqrt(32.0)) == "√32");
}

}  // namespace
}  // namespace nnc::explain
