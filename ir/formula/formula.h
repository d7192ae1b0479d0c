// Formulas: what an op computes, as people write it. An expression is a tree of functions (functions.def) over numbers and
// named tensors; equal ones are one. Shapes follow the rules of the notation, not those of the graph: operands of elementwise
// functions are broadcast with their last axes aligned, and a sum along some axes keeps them, with one place each, so that what
// it is subtracted from needs no word about axes.
//
// Each op's row says how it is written (OpDef::formula, ir/ops/op.h); what is done with formulas is in explain/.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ir/graph/attrs.h"
#include "ir/ops/op.h"
#include "ir/type.h"
#include "support/id.h"

namespace nnc::formula {

enum class Fn : uint8_t {
#define NNC_FUNCTION(name, text, parameters) name,
#include "ir/formula/functions.def"
};
std::string_view written(Fn fn);                     // "softmax"; "" where it has signs of its own
std::vector<std::string_view> parameters_of(Fn fn);  // "stride", "padding", …
bool is_reduction(Fn fn);                            // of those whose axes stay with one place each

using Numbers = std::vector<int64_t>;
using ExprId = Id<struct ExprTag>;

struct Expr {
  Fn fn = Fn::number;
  std::vector<ExprId> x = {};
  std::vector<Numbers> parameters = {};  // as many as the function has
  double number = 0, over = 1;           // number / over: of a number; what a product is multiplied by
  std::vector<double> list = {};
  std::string name = {};  // of a symbol; the sign of a comparison; the op of an elementwise function
  Shape shape = {};
};

// The shape that both are broadcast to, the last axes being aligned; nothing where they do not fit.
bool broadcast_shapes(const Shape& a, const Shape& b, Shape& to);

// A function that moves, sums or multiplies elements as an op of the graph does: the op, with the parameters as its attributes.
struct AsOp {
  Op op;
  Attrs attrs;
};
std::optional<AsOp> as_op(const Expr& expr, std::span<const Shape> operands);
// The extents of a convolution's result where `size` does not say them: as many places as fit.
Numbers places_of(const ConvAttrs& attrs, const Shape& x, const Shape& w);
// The types that the op takes: f32, and i32 for what is an index.
std::vector<TensorType> op_types(const Expr& expr, std::span<const Shape> operands);

// What is wrong with an expression's operands and parameters, or nothing; then its shape is set.
std::string infer_shape(Expr& expr, std::span<const Shape> operands);
// Of a reduction: its axes, written out.
Numbers reduced_axes(const Expr& expr, size_t rank);

// The expressions of one text. `make` may be overridden to simplify (explain/simplify.h).
class Formula {
 public:
  virtual ~Formula() = default;

  const Expr& operator[](ExprId id) const { return exprs_[id]; }
  const Shape& shape(ExprId id) const { return exprs_[id].shape; }
  size_t size() const { return exprs_.size(); }

  // The expression; its shape is inferred. Operands that do not fit are our own mistake.
  virtual ExprId make(Expr expr) { return intern(std::move(expr)); }

  ExprId number(double value, double over = 1);
  ExprId symbol(std::string name, Shape shape);
  ExprId call(Fn fn, std::vector<ExprId> x, std::vector<Numbers> parameters = {});
  ExprId elementwise(std::string_view op, std::vector<ExprId> x);
  ExprId compare(std::string_view sign, ExprId a, ExprId b);
  ExprId add(ExprId a, ExprId b) { return call(Fn::add, {a, b}); }
  ExprId mul(ExprId a, ExprId b) { return call(Fn::mul, {a, b}); }
  ExprId times(double value, ExprId a);
  ExprId neg(ExprId a) { return times(-1, a); }
  ExprId power(ExprId a, double exponent) { return call(Fn::power, {a, number(exponent)}); }
  ExprId div(ExprId a, ExprId b);
  ExprId sub(ExprId a, ExprId b) { return add(a, neg(b)); }

  // Whether it is a number, and which.
  bool is_number(ExprId id) const { return exprs_[id].fn == Fn::number; }
  double value(ExprId id) const { return exprs_[id].number / exprs_[id].over; }
  bool is_number(ExprId id, double what) const { return is_number(id) && value(id) == what; }

 protected:
  ExprId intern(Expr expr);

 private:
  IdVector<ExprId, Expr> exprs_;
  std::unordered_map<std::string, ExprId> known_;
};

}  // namespace nnc::formula
