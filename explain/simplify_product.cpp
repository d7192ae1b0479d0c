// Products and powers: one number and factors with exponents, each base once. See simplify.h.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "explain/simplify.h"

namespace nnc::explain {
namespace {

bool is_whole(double x) {
  return x == std::floor(x) && std::fabs(x) < 0x1p53;
}

// Of two whole numbers, in lowest terms; a divisor that is not whole goes into the number.
void reduce(double& number, double& over) {
  if (over < 0) number = -number, over = -over;
  if (is_whole(number) && is_whole(over) && over != 0) {
    const auto divisor =
        static_cast<double>(std::gcd(static_cast<int64_t>(std::fabs(number)), static_cast<int64_t>(over)));
    if (divisor > 1) number /= divisor, over /= divisor;
  }
}

}  // namespace

Product Simplifier::product_of(ExprId id) const {
  const Expr& e = (*this)[id];
  if (e.fn == Fn::number) return {e.number, e.over, {}};
  if (e.fn == Fn::power && is_number(e.x[1])) return {1, 1, {{e.x[0], value(e.x[1])}}};
  if (e.fn != Fn::mul) return {1, 1, {{id, 1}}};
  Product p{e.number, e.over, {}};
  for (const ExprId x : e.x) {
    const Product of = product_of(x);
    p.factors.insert(p.factors.end(), of.factors.begin(), of.factors.end());
  }
  return p;
}

ExprId Simplifier::raised(Expr expr) {
  const ExprId base = expr.x[0];
  if (!is_number(expr.x[1])) return keep(std::move(expr));
  const double exponent = value(expr.x[1]);
  if (exponent == 1) return base;
  if (exponent == 0) return number(1);
  if (is_number(base)) {
    if (exponent == -1) return number((*this)[base].over, (*this)[base].number);
    if (is_whole(exponent)) return number(std::pow(value(base), exponent));
    return keep(std::move(expr));
  }
  const Expr& inner = (*this)[base];
  // (x²)^½ is not x.
  const bool opens = is_whole(exponent);
  if (opens && (inner.fn == Fn::mul || (inner.fn == Fn::power && is_number(inner.x[1])))) {
    Product p = product_of(base);
    if (exponent == -1)
      std::swap(p.number, p.over);
    else
      p.number = std::pow(p.number, exponent), p.over = std::pow(p.over, exponent);
    for (Factor& f : p.factors) f.exponent *= exponent;
    return product(std::move(p));
  }
  return keep(std::move(expr));
}

// exp(u) / Σ exp(u) along some axes.
bool Simplifier::to_softmax(Product& p) {
  for (Factor& above : p.factors) {
    const Expr& e = (*this)[above.base];
    if (above.exponent != 1 || e.fn != Fn::elementwise || e.name != "exp") continue;
    for (const Factor& below : p.factors) {
      const Expr& s = (*this)[below.base];
      if (below.exponent != -1 || s.fn != Fn::sum || s.x[0] != above.base) continue;
      const Numbers axes = formula::reduced_axes(s, shape(above.base).size());
      const ExprId of = e.x[0];
      const ExprId gone = below.base;
      above.base = call(Fn::softmax, {of}, {axes});
      std::erase_if(p.factors, [&](const Factor& f) { return f.base == gone; });
      return true;
    }
  }
  return false;
}

// [c] times something of where(c, a, b): a where it counts.
bool Simplifier::choose_where(Product& p) {
  for (Factor& f : p.factors) {
    const Expr e = (*this)[f.base];
    if (e.fn != Fn::elementwise || e.name != "where") continue;
    for (const Factor& condition : p.factors) {
      const bool is_same = condition.base == e.x[0];
      const bool is_opposite = condition.base == compare("=", e.x[0], number(0));
      if (!is_same && !is_opposite) continue;
      f.base = is_same ? e.x[1] : e.x[2];
      return true;
    }
  }
  return false;
}

// Where onehot(l) is not 0, x is x[l]: written so where that cancels or joins.
bool Simplifier::at_label(Product& p) {
  for (const Factor& hot : p.factors) {
    const Expr one = (*this)[hot.base];
    if (one.fn != Fn::onehot || hot.exponent < 1) continue;
    for (const Factor& picked : p.factors) {
      const Expr at = (*this)[picked.base];
      if (at.fn != Fn::pick || at.x[1] != one.x[0] || shape(at.x[0]) != one.shape) continue;
      const auto x = std::ranges::find(p.factors, at.x[0], &Factor::base);
      if (x == p.factors.end()) continue;
      x->base = picked.base;
      return true;
    }
  }
  return false;
}

// a · (b / a + c) as b + a · c.
std::optional<ExprId> Simplifier::distributed(const Product& p) {
  for (const Factor& s : p.factors) {
    const Expr add = (*this)[s.base];
    if (add.fn != Fn::add || s.exponent != 1) continue;
    for (const Factor& f : p.factors) {
      if (f.base == s.base) continue;
      // Also where b holds onehot(l) and a is a[l].
      const bool cancels = std::ranges::any_of(add.x, [&](ExprId t) {
        return std::ranges::any_of(product_of(t).factors, [&](const Factor& g) {
          const Expr& e = (*this)[g.base];
          const bool is_same = g.base == f.base || (e.fn == Fn::pick && e.x[0] == f.base);
          return is_same && g.exponent * f.exponent < 0;
        });
      });
      if (!cancels) continue;
      Product rest = p;
      std::erase_if(rest.factors, [&](const Factor& g) { return g.base == s.base || g.base == f.base; });
      std::vector<ExprId> terms;
      for (const ExprId t : add.x) {
        Product each = product_of(t);
        each.factors.push_back(f);
        terms.push_back(product(std::move(each)));
      }
      rest.factors.push_back({call(Fn::add, std::move(terms))});
      return product(std::move(rest));
    }
  }
  return std::nullopt;
}

ExprId Simplifier::product(Product p) {
  // Factors that are products or numbers themselves are opened; those of one base become one.
  Product flat{p.number, p.over, {}};
  for (const Factor& f : p.factors) {
    Product of{1, 1, {f}};
    const Expr& e = (*this)[f.base];
    if (is_number(f.base) && is_whole(f.exponent)) {
      of = {std::pow(f.exponent < 0 ? e.over : e.number, std::fabs(f.exponent)),
            std::pow(f.exponent < 0 ? e.number : e.over, std::fabs(f.exponent)),
            {}};
    } else if (is_whole(f.exponent) && (e.fn == Fn::mul || e.fn == Fn::power)) {
      of = product_of(f.base);
      if (f.exponent < 0) std::swap(of.number, of.over);
      of.number = std::pow(of.number, std::fabs(f.exponent)),
      of.over = std::pow(of.over, std::fabs(f.exponent));
      for (Factor& g : of.factors) g.exponent *= f.exponent;
    }
    flat.number *= of.number, flat.over *= of.over;
    for (const Factor& g : of.factors) {
      const auto same = std::ranges::find(flat.factors, g.base, &Factor::base);
      if (same == flat.factors.end())
        flat.factors.push_back(g);
      else
        same->exponent += g.exponent;
    }
  }
  for (Factor& f : flat.factors)
    if ((*this)[f.base].fn == Fn::compare && f.exponent > 1) f.exponent = 1;
  std::erase_if(flat.factors, [](const Factor& f) { return f.exponent == 0; });
  if (flat.number == 0) return number(0);
  reduce(flat.number, flat.over);
  if (choose_where(flat) || at_label(flat) || to_softmax(flat)) return product(std::move(flat));
  if (const std::optional<ExprId> spread = distributed(flat)) return *spread;

  if (flat.factors.empty()) return number(flat.number, flat.over);
  Expr expr{Fn::mul};
  expr.number = flat.number, expr.over = flat.over;
  for (const Factor& f : flat.factors) {
    Expr raised{Fn::power, {f.base, number(f.exponent)}};
    expr.x.push_back(f.exponent == 1 ? f.base : keep(std::move(raised)));
  }
  if (expr.x.size() == 1 && flat.value() == 1) return expr.x[0];
  return keep(std::move(expr));
}

}  // namespace nnc::explain
