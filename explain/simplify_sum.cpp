// Sums of terms, and sums along axes. See simplify.h.
#include <algorithm>
#include <cmath>

#include "explain/simplify.h"

namespace nnc::explain {

// ---- terms --------------------------------------------------------------------------------------------------

void Simplifier::collect(ExprId id, double number, double over, std::vector<Term>& terms) const {
  const Expr& e = (*this)[id];
  if (e.fn == Fn::number) {
    terms.push_back({number * e.number, over * e.over, {}});
    return;
  }
  if (e.fn == Fn::add) {
    for (const ExprId x : e.x) collect(x, number, over, terms);
    return;
  }
  // -(a - b) is opened, c (a - b) is not.
  if (e.fn == Fn::mul && e.x.size() == 1 && std::fabs(e.number / e.over) == 1 &&
      (*this)[e.x[0]].fn == Fn::add) {
    collect(e.x[0], number * e.number, over * e.over, terms);
    return;
  }
  terms.push_back({number, over, id});
}

std::vector<Simplifier::Term> Simplifier::terms_of(ExprId id) const {
  std::vector<Term> terms;
  collect(id, 1, 1, terms);
  return terms;
}

ExprId Simplifier::term(const Term& t) {
  if (!t.of.valid()) return number(t.number, t.over);
  return product({t.number, t.over, {{t.of, 1}}});
}

ExprId Simplifier::sum(const Expr& expr) {
  std::vector<Term> terms;
  for (const ExprId x : expr.x) collect(x, 1, 1, terms);
  // The number of a term stands with it, and what is left is what terms are compared by.
  for (Term& t : terms) {
    if (!t.of.valid()) continue;
    Product p = product_of(t.of);
    t.number *= p.number, t.over *= p.over;
    p.number = p.over = 1;
    t.of = product(std::move(p));
  }
  return sum(std::move(terms));
}

// x - log Σ exp(x) is the logarithm of softmax(x).
bool Simplifier::to_log_softmax(std::vector<Term>& terms) {
  for (const Term& lse : terms) {
    if (!lse.of.valid() || (*this)[lse.of].fn != Fn::logsumexp) continue;
    const Expr e = (*this)[lse.of];
    std::vector<Term> left = terms;
    std::erase_if(left, [&](const Term& t) { return t.of == lse.of; });
    bool has_all = true;
    for (Term part : terms_of(e.x[0])) {
      if (part.of.valid()) {
        Product p = product_of(part.of);
        part.number *= p.number, part.over *= p.over;
        p.number = p.over = 1;
        part.of = product(std::move(p));
      }
      const auto same = std::ranges::find(left, part.of, &Term::of);
      const double wanted = -(part.number / part.over) * (lse.number / lse.over);
      if (same == left.end() || same->number / same->over != wanted) {
        has_all = false;
        break;
      }
      left.erase(same);
    }
    if (!has_all) continue;
    const Numbers axes = formula::reduced_axes(e, shape(e.x[0]).size());
    const ExprId p = call(Fn::softmax, {e.x[0]}, {axes});
    left.push_back({-lse.number, lse.over, elementwise("log", {p})});
    terms = std::move(left);
    return true;
  }
  return false;
}

// Parts that lie side by side in zeros, and fill them.
std::optional<ExprId> Simplifier::joined_parts(const std::vector<Term>& terms) {
  std::vector<Expr> parts;
  for (const Term& t : terms) {
    if (!t.of.valid() || t.number != t.over || (*this)[t.of].fn != Fn::pad) return std::nullopt;
    parts.push_back((*this)[t.of]);
  }
  const Shape& whole = parts[0].shape;
  size_t axis = 0;
  while (axis < whole.size() && shape(parts[0].x[0])[axis] == whole[axis]) ++axis;
  if (axis == whole.size()) return std::nullopt;
  std::ranges::sort(parts, {}, [&](const Expr& e) { return e.parameters[1][axis]; });
  int64_t next = 0;
  std::vector<ExprId> x;
  for (const Expr& part : parts) {
    const Shape& own = shape(part.x[0]);
    for (size_t i = 0; i < whole.size(); ++i)
      if (part.shape != whole || (i != axis && own[i] != whole[i])) return std::nullopt;
    if (part.parameters[1][axis] != next) return std::nullopt;
    next += own[axis];
    x.push_back(part.x[0]);
  }
  if (next != whole[axis]) return std::nullopt;
  return call(Fn::concat, std::move(x), {{static_cast<int64_t>(axis)}});
}

// Factors that all terms have, and a number that all have but for its sign.
std::optional<ExprId> Simplifier::common_factor(const std::vector<Term>& terms) {
  const double size = std::fabs(terms[0].number / terms[0].over);
  bool one_size = true, all_negative = true;
  Product common;
  if (terms[0].of.valid()) common = product_of(terms[0].of);
  for (const Term& t : terms) {
    one_size = one_size && std::fabs(t.number / t.over) == size;
    all_negative = all_negative && t.number / t.over < 0;
    const Product p = t.of.valid() ? product_of(t.of) : Product();
    std::erase_if(common.factors, [&](Factor& f) {
      const auto same = std::ranges::find(p.factors, f.base, &Factor::base);
      if (same == p.factors.end() || same->exponent * f.exponent < 0) return true;
      if (std::fabs(same->exponent) < std::fabs(f.exponent)) f.exponent = same->exponent;
      return false;
    });
  }
  const bool takes_number = one_size && size != 1;
  if (common.factors.empty() && !takes_number && !all_negative) return std::nullopt;
  common.number = common.over = 1;
  if (one_size) common.number = std::fabs(terms[0].number), common.over = std::fabs(terms[0].over);
  if (all_negative) common.number = -common.number;
  std::vector<Term> rest;
  for (const Term& t : terms) {
    Product p = t.of.valid() ? product_of(t.of) : Product();
    for (const Factor& f : common.factors) {
      const auto same = std::ranges::find(p.factors, f.base, &Factor::base);
      same->exponent -= f.exponent;
    }
    std::erase_if(p.factors, [](const Factor& f) { return f.exponent == 0; });
    Term left{t.number, t.over, {}};
    if (one_size) left.number = t.number / t.over < 0 ? -1 : 1, left.over = 1;
    if (all_negative) left.number = -left.number;
    if (!p.factors.empty()) left.of = product({1, 1, p.factors});
    rest.push_back(left);
  }
  common.factors.push_back({sum(std::move(rest))});
  return product(std::move(common));
}

ExprId Simplifier::sum(std::vector<Term> terms) {
  std::vector<Term> joined;
  for (const Term& t : terms) {
    const auto same = std::ranges::find(joined, t.of, &Term::of);
    if (same == joined.end()) {
      joined.push_back(t);
    } else if (same->over == t.over) {
      same->number += t.number;
    } else {
      same->number = same->number * t.over + t.number * same->over;
      same->over *= t.over;
    }
  }
  std::erase_if(joined, [](const Term& t) { return t.number == 0; });
  while (to_log_softmax(joined)) {
  }
  if (joined.empty()) return number(0);
  if (joined.size() == 1) return term(joined[0]);
  if (const std::optional<ExprId> whole = joined_parts(joined)) return *whole;
  if (const std::optional<ExprId> product = common_factor(joined)) return *product;
  Expr expr{Fn::add};
  for (const Term& t : joined) expr.x.push_back(term(t));
  return keep(std::move(expr));
}

// ---- along axes ---------------------------------------------------------------------------------------------

// `rank`: that of the expression it is part of, whose axes they are.
bool Simplifier::is_constant_along(ExprId id, const Numbers& axes, size_t rank) const {
  const Shape& s = shape(id);
  for (const int64_t axis : axes) {
    const size_t back = rank - static_cast<size_t>(axis);
    if (back <= s.size() && s[s.size() - back] > 1) return false;
  }
  return true;
}

std::pair<std::vector<Simplifier::Term>, ExprId> Simplifier::split(ExprId id, const Numbers& axes) {
  std::vector<Term> constant, other;
  for (const Term& t : terms_of(id))
    (!t.of.valid() || is_constant_along(t.of, axes, shape(id).size()) ? constant : other).push_back(t);
  if (constant.empty() || other.empty()) return {{}, id};
  return {constant, sum(std::move(other))};
}

ExprId Simplifier::reduction(Expr expr) {
  const ExprId x = expr.x[0];
  const size_t rank = shape(x).size();
  const Numbers axes = formula::reduced_axes(expr, rank);
  if (expr.fn == Fn::softmax || expr.fn == Fn::logsumexp) {
    auto [constant, rest] = split(x, axes);
    if (expr.fn == Fn::softmax && axes.size() == 1 && axes[0] + 1 == static_cast<int64_t>(rank))
      expr.parameters = {{}};
    if (constant.empty() || shape(rest) != shape(x)) return keep(std::move(expr));
    const ExprId of = call(expr.fn, {rest}, {axes});
    if (expr.fn == Fn::softmax) return of;
    constant.push_back({1, 1, of});
    return sum(std::move(constant));
  }

  // Of a product, only what depends on the axes stays in the sum.
  const Product whole = product_of(x);
  Product outside{whole.number, whole.over, {}}, inside;
  for (const Factor& f : whole.factors)
    (is_constant_along(f.base, axes, rank) ? outside : inside).factors.push_back(f);
  if (inside.factors.empty()) return keep(std::move(expr));
  const bool is_last = axes.size() == 1 && axes[0] + 1 == static_cast<int64_t>(rank);
  std::optional<ExprId> result;
  const auto hot = std::ranges::find_if(
      inside.factors, [&](const Factor& f) { return (*this)[f.base].fn == Fn::onehot && f.exponent == 1; });
  if (is_last && hot != inside.factors.end() && shape(hot->base).size() == rank) {
    const ExprId label = (*this)[hot->base].x[0];
    const Shape full = shape(hot->base);
    inside.factors.erase(hot);
    if (inside.factors.empty()) return product(std::move(outside));
    const ExprId rest = product(inside);
    if (shape(rest) == full) result = call(Fn::pick, {rest, label});
    if (!result) inside.factors.push_back({call(Fn::onehot, {label}, {{full.back()}})});
  }
  if (!result) {
    const ExprId rest = product(std::move(inside));
    const Expr inner = (*this)[rest];
    if (shape(rest).size() != rank) return keep(std::move(expr));
    if (inner.fn == Fn::sum) {
      Numbers all = formula::reduced_axes(inner, shape(inner.x[0]).size());
      all.insert(all.end(), axes.begin(), axes.end());
      std::ranges::sort(all);
      all.erase(std::unique(all.begin(), all.end()), all.end());
      const bool is_full = shape(inner.x[0]).size() == all.size();
      result = call(Fn::sum, {inner.x[0]}, {is_full ? Numbers() : all});
    } else {
      Expr sum_of{Fn::sum, {rest}, {axes.size() == rank ? Numbers() : axes}};
      result = keep(std::move(sum_of));
    }
  }
  if (outside.factors.empty() && outside.value() == 1) return *result;
  outside.factors.push_back({*result});
  return product(std::move(outside));
}

}  // namespace nnc::explain
