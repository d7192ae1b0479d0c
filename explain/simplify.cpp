// Functions one by one: what is known of elementwise ones, products of matrices and moved elements. Sums and products of numbers:
// simplify_sum.cpp, simplify_product.cpp.
#include "explain/simplify.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "explain/functions.h"

namespace nnc::explain {

ExprId Simplifier::make(Expr expr) {
  return simplified(std::move(expr));
}

ExprId Simplifier::named(ExprId id) const {
  const auto it = names_.find(id);
  return it == names_.end() ? id : it->second;
}

void Simplifier::define(ExprId symbol, ExprId expr) {
  definitions_[symbol] = expr;
  const Fn fn = (*this)[expr].fn;
  const bool is_name = fn == Fn::number || fn == Fn::symbol || fn == Fn::step || fn == Fn::place;
  if (!is_name && shape(expr) == shape(symbol)) names_.emplace(expr, symbol);
}

std::optional<ExprId> Simplifier::definition(ExprId symbol) const {
  const auto it = definitions_.find(symbol);
  return it == definitions_.end() ? std::nullopt : std::optional(it->second);
}

ExprId Simplifier::simplified(Expr expr) {
  switch (expr.fn) {
    case Fn::add:
      return sum(expr);
    case Fn::mul: {
      Product p{expr.number, expr.over, {}};
      for (const ExprId x : expr.x) {
        const Product of = product_of(x);
        p.number *= of.number, p.over *= of.over;
        p.factors.insert(p.factors.end(), of.factors.begin(), of.factors.end());
      }
      return product(std::move(p));
    }
    case Fn::power:
      return raised(std::move(expr));
    case Fn::compare:
      return compared(std::move(expr));
    case Fn::elementwise:
      return applied(std::move(expr));
    case Fn::sum:
    case Fn::softmax:
    case Fn::logsumexp:
      return reduction(std::move(expr));
    case Fn::matmul:
      return matmul(std::move(expr));
    case Fn::transpose:
      return transpose(std::move(expr));
    case Fn::reshape:
    case Fn::expand:
    case Fn::align:
    case Fn::unwindow:
    case Fn::slice:
    case Fn::perm:
    case Fn::step:
    case Fn::place:
      return moved(std::move(expr));
    default:
      return keep(std::move(expr));
  }
}

// ---- elementwise --------------------------------------------------------------------------------------------

bool Simplifier::is_not_negative(ExprId id) const {
  const Expr& e = (*this)[id];
  const auto all = [&] { return std::ranges::all_of(e.x, [&](ExprId x) { return is_not_negative(x); }); };
  switch (e.fn) {
    case Fn::number:
      return value(id) >= 0;
    case Fn::symbol:
      return definition(id) && is_not_negative(*definition(id));
    case Fn::add:
    case Fn::sum:
      return all();
    case Fn::mul:
      return e.number / e.over >= 0 && all();
    case Fn::power:
      return is_number(e.x[1]) && (std::fmod(value(e.x[1]), 2) == 0 || value(e.x[1]) == 0.5 || all());
    case Fn::relu:
    case Fn::compare:
    case Fn::softmax:
      return true;
    case Fn::elementwise:
      return e.name == "exp" || e.name == "abs" || e.name == "sigmoid" || e.name == "softplus";
    default:
      return false;
  }
}

bool Simplifier::is_positive(ExprId id) const {
  const Expr& e = (*this)[id];
  const auto positive = [&](ExprId x) { return is_positive(x); };
  switch (e.fn) {
    case Fn::number:
      return value(id) > 0;
    case Fn::symbol:
      return definition(id) && is_positive(*definition(id));
    case Fn::add:
      return is_not_negative(id) && std::ranges::any_of(e.x, positive);
    case Fn::mul:
      return e.number / e.over > 0 && std::ranges::all_of(e.x, positive);
    case Fn::power:
      return is_number(e.x[1]) && is_positive(e.x[0]);
    case Fn::elementwise:
      return e.name == "exp";
    default:
      return false;
  }
}

namespace {

std::string_view negated(std::string_view sign) {
  constexpr std::string_view kPairs[][2] = {{"=", "≠"}, {"<", "≥"}, {">", "≤"}};
  for (const auto& [a, b] : kPairs) {
    if (sign == a) return b;
    if (sign == b) return a;
  }
  return {};
}

}  // namespace

ExprId Simplifier::compared(Expr expr) {
  const bool is_equal = expr.name == "=", is_unequal = expr.name == "≠";
  if ((is_equal || is_unequal) && is_number(expr.x[1], 0)) {
    if (is_positive(expr.x[0])) return number(is_equal ? 0 : 1);
    const Expr& inner = (*this)[expr.x[0]];
    if (inner.fn == Fn::compare && is_unequal) return expr.x[0];
    if (inner.fn == Fn::compare && !negated(inner.name).empty())
      return compare(negated(inner.name), inner.x[0], inner.x[1]);
  }
  return keep(std::move(expr));
}

ExprId Simplifier::applied(Expr expr) {
  const ExprId x = expr.x[0];
  const Expr& inner = (*this)[x];
  if (expr.name == "exp" && inner.fn == Fn::elementwise && inner.name == "log") return inner.x[0];
  if (expr.name == "log" && inner.fn == Fn::elementwise && inner.name == "exp") return inner.x[0];
  if (expr.name == "log" && inner.fn == Fn::sum) {
    const Expr& term = (*this)[inner.x[0]];
    if (term.fn == Fn::elementwise && term.name == "exp")
      return call(Fn::logsumexp, {term.x[0]}, inner.parameters);
  }
  if (expr.name == "where") {
    const ExprId a = expr.x[1], b = expr.x[2];
    if (is_number(x, 0)) return b;
    if (is_number(x, 1)) return a;
    if (is_number(b, 0)) return mul(x, a);
    if (is_number(a, 0)) return mul(compare("=", x, number(0)), b);
  }
  return keep(std::move(expr));
}

// ---- matrices -----------------------------------------------------------------------------------------------

std::pair<Product, ExprId> Simplifier::scale_of(ExprId id) {
  Product scale, rest;
  for (const Factor& f : product_of(id).factors) (shape(f.base).empty() ? scale : rest).factors.push_back(f);
  const Product whole = product_of(id);
  if (rest.factors.empty() || (scale.factors.empty() && whole.value() == 1)) return {{}, id};
  scale.number = whole.number, scale.over = whole.over;
  const ExprId left = product(std::move(rest));
  return {std::move(scale), left};
}

ExprId Simplifier::matmul(Expr expr) {
  Product scale;
  for (ExprId& x : expr.x) {
    if (is_number(x)) continue;
    auto [s, rest] = scale_of(x);
    if (shape(rest) != shape(x)) continue;
    x = rest;
    scale.number *= s.number, scale.over *= s.over;
    scale.factors.insert(scale.factors.end(), s.factors.begin(), s.factors.end());
  }
  const ExprId inner = keep(std::move(expr));
  if (scale.factors.empty() && scale.value() == 1) return inner;
  scale.factors.push_back({inner});
  return product(std::move(scale));
}

ExprId Simplifier::transpose(Expr expr) {
  const Expr inner = (*this)[expr.x[0]];
  if (inner.fn == Fn::transpose) return inner.x[0];
  if (inner.fn == Fn::matmul)
    return call(Fn::matmul, {call(Fn::transpose, {inner.x[1]}), call(Fn::transpose, {inner.x[0]})});
  // Of a sum of products of matrices, each product.
  const auto opens = [&](ExprId t) {
    const Product p = product_of(t);
    return p.factors.size() == 1 && (*this)[p.factors[0].base].fn == Fn::matmul;
  };
  if (inner.fn == Fn::add && std::ranges::all_of(inner.x, opens)) {
    std::vector<ExprId> terms;
    for (const ExprId t : inner.x) terms.push_back(call(Fn::transpose, {t}));
    return call(Fn::add, std::move(terms));
  }
  auto [scale, rest] = scale_of(expr.x[0]);
  if (rest == expr.x[0] || shape(rest) != shape(expr.x[0])) return keep(std::move(expr));
  scale.factors.push_back({call(Fn::transpose, {rest})});
  return product(std::move(scale));
}

// ---- windows ------------------------------------------------------------------------------------------------

// Whether the elements along the last axes are 0, 1, 2, … in row-major order.
bool Simplifier::counts_places(ExprId id, const Shape& window) const {
  const std::function<std::optional<Computed>(ExprId)> computed = [&](ExprId of) -> std::optional<Computed> {
    const Expr& e = (*this)[of];
    if (e.fn == Fn::symbol || e.shape.size() > window.size()) return std::nullopt;
    std::vector<Computed> x;
    for (const ExprId operand : e.x) {
      std::optional<Computed> value = computed(operand);
      if (!value) return std::nullopt;
      x.push_back(std::move(*value));
    }
    // A product's own number is no operand.
    if (e.fn == Fn::mul) {
      Computed all{{{DType::f64, {}}, {e.number / e.over}}};
      for (Computed& factor : x) all = std::get<Computed>(apply(e, {std::move(all), std::move(factor)}));
      return all;
    }
    if (e.fn == Fn::add && x.size() > 2) return std::nullopt;
    auto value = apply(e, std::move(x));
    return std::holds_alternative<Computed>(value) ? std::optional(std::get<Computed>(std::move(value)))
                                                   : std::nullopt;
  };
  const std::optional<Computed> value = computed(id);
  if (!value) return false;
  const std::optional<DenseTensor> places = with_shape(value->tensor, window);
  if (!places) return false;
  for (size_t i = 0; i < places->data.size(); ++i)
    if (places->data[i] != static_cast<double>(i)) return false;
  return true;
}

// Pooling, and its way back: each derivative goes where its window was largest.
std::optional<ExprId> Simplifier::pooled(const Expr& expr) {
  const Expr inner = (*this)[expr.x[0]];
  const auto windows_behind = [&](const Expr& e) -> std::optional<Expr> {
    const Expr windows = (*this)[e.x[0]];
    if (windows.fn != Fn::windows) return std::nullopt;
    const size_t spatial = windows.parameters[0].size(), rank = windows.shape.size();
    Numbers last;
    for (size_t i = rank - spatial; i < rank; ++i) last.push_back(static_cast<int64_t>(i));
    return formula::reduced_axes(e, rank) == last ? std::optional(windows) : std::nullopt;
  };
  if (expr.fn == Fn::reshape && (inner.fn == Fn::max || inner.fn == Fn::sum)) {
    const std::optional<Expr> windows = windows_behind(inner);
    if (!windows || expr.parameters[0].size() + windows->parameters[0].size() != windows->shape.size())
      return std::nullopt;
    if (inner.fn == Fn::max) return call(Fn::max_pool, windows->x, windows->parameters);
    const auto size = static_cast<double>(element_count(windows->parameters[0]));
    return times(size, call(Fn::avg_pool, windows->x, windows->parameters));
  }
  if (expr.fn != Fn::unwindow || inner.fn != Fn::mul || inner.x.size() != 2) return std::nullopt;
  const Expr found = (*this)[inner.x[0]], spread = (*this)[inner.x[1]];
  if (found.fn != Fn::compare || found.name != "=" || spread.fn != Fn::align) return std::nullopt;
  const Expr most = (*this)[found.x[1]];
  if (most.fn != Fn::argmax) return std::nullopt;
  const std::optional<Expr> windows = windows_behind(most);
  if (!windows || !counts_places(found.x[0], windows->parameters[0])) return std::nullopt;
  const ExprId x = windows->x[0];
  Numbers pattern(shape(x).size(), 1);
  pattern.resize(windows->shape.size(), 0);
  Expr whole = expr;
  const Shape operand[] = {inner.shape};
  formula::infer_shape(whole, operand);
  const bool is_same = shape(x) == whole.shape && spread.parameters[0] == pattern &&
                       windows->parameters[1] == expr.parameters[1];
  if (!is_same) return std::nullopt;
  const ExprId back = call(Fn::max_unpool, {spread.x[0], x}, windows->parameters);
  return inner.number == 1 && inner.over == 1 ? back : product({inner.number, inner.over, {{back, 1}}});
}

// ---- moved elements -----------------------------------------------------------------------------------------

ExprId Simplifier::moved(Expr expr) {
  const ExprId x = expr.x[0];
  const Expr inner = (*this)[x];
  const Numbers& to = expr.parameters[0];
  if (expr.fn == Fn::unwindow || expr.fn == Fn::reshape)
    if (const std::optional<ExprId> pool = pooled(expr)) return *pool;
  switch (expr.fn) {
    case Fn::expand:
      if (inner.shape == to) return x;
      break;
    case Fn::align: {
      auto [scale, rest] = scale_of(x);
      if (rest == x || shape(rest) != inner.shape) break;
      scale.factors.push_back({call(Fn::align, {rest}, {to})});
      return product(std::move(scale));
    }
    case Fn::slice:
      if (expr.parameters[1] == inner.shape && std::ranges::count(to, 0) == std::ssize(to)) return x;
      break;
    case Fn::step:
      // A sequence without its last place, or without its first one.
      if (inner.fn == Fn::slice && (*this)[inner.x[0]].fn == Fn::symbol)
        return call(Fn::step, {inner.x[0]}, {{to[0] + inner.parameters[0][0]}});
      break;
    case Fn::perm:
      if (std::ranges::is_sorted(to)) return x;
      if (inner.fn == Fn::perm) {
        Numbers both;
        for (const int64_t axis : to) both.push_back(inner.parameters[0][static_cast<size_t>(axis)]);
        return call(Fn::perm, {inner.x[0]}, {both});
      }
      break;
    case Fn::reshape: {
      if (inner.shape == to) return x;
      if (inner.fn == Fn::reshape || inner.fn == Fn::flat) return call(Fn::reshape, {inner.x[0]}, {to});
      // The rows of several samples times a matrix: each sample's rows times the matrix.
      if (inner.fn == Fn::matmul && to.size() > 2 && shape(inner.x[1]).size() == 2) {
        const Expr& rows = (*this)[inner.x[0]];
        const bool is_flat = rows.fn == Fn::flat || rows.fn == Fn::reshape;
        if (is_flat && shape(rows.x[0]).size() == to.size() &&
            std::equal(to.begin(), to.end() - 1, shape(rows.x[0]).begin()))
          return call(Fn::matmul, {rows.x[0], inner.x[1]});
      }
      auto [scale, rest] = scale_of(x);
      if (rest != x && shape(rest) == inner.shape) {
        scale.factors.push_back({call(Fn::reshape, {rest}, {to})});
        return product(std::move(scale));
      }
      if (inner.shape.size() > 2 && to.size() == 2 && to[1] == inner.shape.back()) return call(Fn::flat, {x});
      break;
    }
    default:
      break;
  }
  return keep(std::move(expr));
}

}  // namespace nnc::explain
