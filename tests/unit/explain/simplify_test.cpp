// The algebra of formulas: what becomes of an expression, and what is left alone.
#include <catch2/catch.hpp>

#include "explain/layout.h"
#include "explain/simplify.h"

namespace nnc::explain {
namespace {

struct Simplified {
  Simplifier f;
  ExprId x = f.symbol("x", {4, 3}), y = f.symbol("y", {4, 3}), m = f.symbol("m", {4, 1}),
         c = f.symbol("c", {});
  ExprId label = f.symbol("label", {4}), w = f.symbol("w", {3, 5});

  std::string text(ExprId id) const {
    return as_text(layout(f, id, [](ExprId e) { return e; }));
  }
  ExprId sum(ExprId of, Numbers axes) { return f.call(Fn::sum, {of}, {std::move(axes)}); }
  ExprId exp(ExprId of) { return f.elementwise("exp", {of}); }
};

TEST_CASE_METHOD(Simplified, "sums and products are collected") {
  CHECK(text(f.add(x, x)) == "2 · x");
  CHECK(text(f.sub(x, x)) == "0");
  CHECK(text(f.mul(x, x)) == "x²");
  CHECK(text(f.div(f.mul(x, y), x)) == "y");
  CHECK(text(f.add(f.mul(x, y), f.mul(x, m))) == "x ⊙ (y + m)");
  CHECK(text(f.sub(f.div(x, f.number(4)), f.div(y, f.number(4)))) == "(x − y) / 4");
  CHECK(text(f.neg(f.sub(x, y))) == "−(x − y)");
  CHECK(text(f.add(m, f.neg(f.sub(x, y)))) == "m − x + y");
  CHECK(text(f.mul(x, f.add(f.div(y, x), f.number(1)))) == "y + x");  // what cancels is distributed
  CHECK(text(f.mul(x, f.add(y, f.number(1)))) == "x ⊙ (y + 1)");      // nothing else is
  CHECK(text(f.power(f.power(x, 2), 0.5)) == "√(x²)");                // |x|, not x
  CHECK(text(f.power(f.power(f.mul(x, x), 0.5), 2)) == "x²");
}

TEST_CASE_METHOD(Simplified, "sums along axes keep what depends on them only") {
  CHECK(text(sum(f.mul(f.mul(c, m), x), {1})) == "c · m ⊙ sum₁(x)");
  CHECK(text(sum(f.mul(m, x), {0})) == "sum₀(m ⊙ x)");
  CHECK(text(sum(sum(x, {1}), {0})) == "sum(x)");
  CHECK(text(f.div(sum(x, {}), f.number(12))) == "mean(x)");
  CHECK(text(f.div(sum(x, {}), f.number(6))) == "sum(x) / 6");
}

TEST_CASE_METHOD(Simplified, "softmax, its logarithm and its derivative are recognized") {
  const ExprId shifted = f.sub(x, f.call(Fn::max, {x}, {{1}})), e = exp(shifted), s = sum(e, {1});
  const ExprId p = f.div(e, s);
  CHECK(text(p) == "softmax(x)");
  CHECK(text(f.sub(shifted, f.elementwise("log", {s}))) == "log(softmax(x))");
  CHECK(text(f.div(exp(f.sub(x, y)), sum(exp(f.sub(x, y)), {1}))) == "softmax(x − y)");
  CHECK(text(f.div(exp(x), sum(exp(x), {0}))) == "softmax₀(x)");
  CHECK(text(f.div(exp(x), sum(exp(y), {1}))) == "exp(x) / sum₁(exp(y))");
  // Straight from the rules: g / s · e − Σ (g / s · e / s) · e.
  const ExprId g = y, over = f.div(g, s);
  const ExprId back = f.mul(f.sub(over, sum(f.mul(over, p), {1})), e);
  CHECK(text(back) == "(y − sum₁(y ⊙ softmax(x))) ⊙ softmax(x)");
  // Of the logarithm at a label.
  const ExprId hot = f.call(Fn::onehot, {label}, {{3}});
  const ExprId loss = f.add(f.neg(hot), f.mul(f.div(sum(hot, {1}), s), e));
  CHECK(text(loss) == "softmax(x) − onehot₃(label)");
}

TEST_CASE_METHOD(Simplified, "one-hot rows choose") {
  const ExprId hot = f.call(Fn::onehot, {label}, {{3}});
  CHECK(text(sum(hot, {1})) == "1");
  CHECK(text(sum(f.mul(x, hot), {1})) == "x[label]");
  CHECK(text(sum(f.mul(m, hot), {1})) == "m");
  CHECK(text(sum(hot, {0})) == "sum₀(onehot₃(label))");
  const ExprId at = f.call(Fn::pick, {x, label});
  CHECK(text(f.mul(f.div(hot, at), x)) == "onehot₃(label)");
  CHECK(text(f.mul(x, f.sub(f.number(1), f.div(hot, at)))) == "x − onehot₃(label)");
  CHECK(text(f.div(x, at)) == "x / x[label]");
}

TEST_CASE_METHOD(Simplified, "conditions are factors") {
  const ExprId open = f.compare(">", x, f.number(0)), shut = f.compare("=", open, f.number(0));
  CHECK(text(f.elementwise("where", {open, y, f.number(0)})) == "[x > 0] ⊙ y");
  CHECK(text(f.elementwise("where", {open, f.number(0), y})) == "[x ≤ 0] ⊙ y");
  CHECK(text(f.mul(open, f.mul(open, y))) == "[x > 0] ⊙ y");
  CHECK(text(f.mul(open, f.elementwise("where", {open, y, x}))) == "[x > 0] ⊙ y");
  CHECK(text(f.mul(shut, f.elementwise("where", {open, y, x}))) == "[x ≤ 0] ⊙ x");
  // The slope of a root is 0 at 0, where that can be.
  const ExprId positive = f.add(f.power(x, 2), f.number(1e-5));
  CHECK(text(f.compare("=", positive, f.number(0))) == "0");
  CHECK(text(f.compare("=", f.power(x, 2), f.number(0))) == "[x² = 0]");
}

TEST_CASE_METHOD(Simplified, "matrices") {
  const ExprId product = f.call(Fn::matmul, {x, w});
  CHECK(text(f.call(Fn::transpose, {product})) == "wᵀ · xᵀ");
  CHECK(text(f.call(Fn::transpose, {f.call(Fn::transpose, {x})})) == "x");
  CHECK(text(f.call(Fn::matmul, {f.div(x, f.number(4)), f.mul(c, w)})) == "c · x · w / 4");
  CHECK(text(f.call(Fn::matmul, {f.mul(m, x), w})) == "(m ⊙ x) · w");
  const ExprId stack = f.symbol("s", {2, 4, 3});
  const ExprId rows = f.call(Fn::reshape, {stack}, {{8, 3}});
  CHECK(text(rows) == "flat(s)");
  CHECK(text(f.call(Fn::reshape, {f.call(Fn::matmul, {rows, w})}, {{2, 4, 5}})) == "s · w");
}

TEST_CASE_METHOD(Simplified, "values with a name stand for themselves") {
  const ExprId h = f.symbol("h", {4, 3}), tanh = f.elementwise("tanh", {x});
  f.define(h, tanh);
  CHECK(text(f.sub(f.number(1), f.power(f.elementwise("tanh", {x}), 2))) == "1 − h²");
  CHECK(text(f.add(f.elementwise("tanh", {y}), h)) == "tanh(y) + h");
}

TEST_CASE_METHOD(Simplified, "pooling and its way back") {
  const ExprId picture = f.symbol("u", {2, 4, 4}), g = f.symbol("g", {2, 2, 2});
  const ExprId windows = f.call(Fn::windows, {picture}, {{2, 2}, {2, 2}});
  CHECK(text(f.call(Fn::reshape, {f.call(Fn::max, {windows}, {{3, 4}})}, {{2, 2, 2}})) ==
        "max_pool(u, size = [2, 2], stride = [2, 2])");
  const ExprId most = f.call(Fn::argmax, {windows}, {{3, 4}}), range = f.call(Fn::range, {}, {{2}});
  const auto back = [&](double step) {
    const ExprId place = f.add(range, f.times(step, f.call(Fn::align, {range}, {{1, 0}})));
    const ExprId spread = f.call(Fn::align, {g}, {{1, 1, 1, 0, 0}});
    return f.call(Fn::unwindow, {f.mul(f.compare("=", place, most), spread)}, {{4, 4}, {2, 2}});
  };
  CHECK(text(back(2)) == "max_unpool(g, u, size = [2, 2], stride = [2, 2])");
  CHECK(text(back(3)).starts_with("unwindow("));  // not the places of the window
}

}  // namespace
}  // namespace nnc::explain
