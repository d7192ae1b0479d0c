// Algebra on formulas: each expression is brought to a shorter one that is equal for real numbers, as it is made. Sums and
// products are flat, with one number in front; equal factors are powers; what all terms have in common stands before the sum;
// softmax, its logarithm and log Σ exp are recognized; a sum along an axis takes only what depends on that axis. Values with a
// name stand for themselves: nothing is simplified across them, and an expression equal to one is written as its name.
#pragma once

#include <optional>
#include <unordered_map>
#include <vector>

#include "ir/formula/formula.h"

namespace nnc::explain {

using formula::Expr;
using formula::ExprId;
using formula::Fn;
using formula::Formula;
using formula::Numbers;

// A factor and its exponent.
struct Factor {
  ExprId base;
  double exponent = 1;
};
// number / over, times the factors.
struct Product {
  double number = 1, over = 1;
  std::vector<Factor> factors;

  double value() const { return number / over; }
};

class Simplifier : public Formula {
 public:
  ExprId make(Expr expr) override;

  // From now on the expression is written as that symbol, and known to be what the symbol is.
  void define(ExprId symbol, ExprId expr);
  // The expression as it is written now: a value may have been given a name since it was made.
  ExprId current(ExprId id) const { return named(id); }
  // What a symbol stands for; nothing for an input.
  std::optional<ExprId> definition(ExprId symbol) const;

  // Any expression as a product: of itself, if it is none.
  Product product_of(ExprId id) const;
  ExprId product(Product p);

 private:
  ExprId simplified(Expr expr);
  ExprId named(ExprId id) const;
  ExprId keep(Expr expr) { return named(intern(std::move(expr))); }

  // products (simplify_product.cpp)
  ExprId raised(Expr expr);
  bool to_softmax(Product& p);
  bool choose_where(Product& p);
  bool at_label(Product& p);
  std::optional<ExprId> distributed(const Product& p);

  // sums (simplify_sum.cpp)
  struct Term {
    double number = 1, over = 1;
    ExprId of;  // without a number; invalid: the number alone
  };
  ExprId sum(const Expr& expr);
  ExprId sum(std::vector<Term> terms);
  void collect(ExprId id, double number, double over, std::vector<Term>& terms) const;
  std::vector<Term> terms_of(ExprId id) const;
  ExprId term(const Term& t);
  bool to_log_softmax(std::vector<Term>& terms);
  std::optional<ExprId> joined_parts(const std::vector<Term>& terms);
  std::optional<ExprId> common_factor(const std::vector<Term>& terms);
  ExprId reduction(Expr expr);
  bool is_constant_along(ExprId id, const Numbers& axes, size_t rank) const;
  // The terms that do not depend on the axes, and the sum of the others.
  std::pair<std::vector<Term>, ExprId> split(ExprId id, const Numbers& axes);

  // everything else (simplify.cpp)
  ExprId applied(Expr expr);
  ExprId compared(Expr expr);
  ExprId matmul(Expr expr);
  ExprId transpose(Expr expr);
  ExprId moved(Expr expr);
  std::optional<ExprId> pooled(const Expr& expr);
  bool counts_places(ExprId id, const Shape& window) const;
  // What every element is multiplied by, and what is left.
  std::pair<Product, ExprId> scale_of(ExprId id);
  bool is_positive(ExprId id) const;
  bool is_not_negative(ExprId id) const;

  std::unordered_map<ExprId, ExprId> names_, definitions_;
};

}  // namespace nnc::explain
