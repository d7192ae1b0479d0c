// Inside of passes/simplify*.cpp: a builder that knows algebra. Not part of the interface of passes/.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "ir/graph/builder.h"
#include "passes/rewrite.h"

namespace nnc::passes {

// What a rule sees: a node with one result that is about to be made. Its operands are simplified already.
// `graph` grows when something is built, so rules copy what they need of a node before that.
struct Candidate {
  Op op;
  std::span<const Value> x;
  const Attrs& attrs;
  TensorType type;  // of the result
};

class Simplifier {
 public:
  Simplifier(Builder& builder, bool without_detach) : b(builder), drop_detach(without_detach) {}

  // The value of that node, as simple as the rules can make it.
  Value make(Op op, std::vector<Value> operands, Attrs attrs = NoAttrs());

  const Graph& graph() const { return b.graph(); }
  const TensorType& type(Value value) const { return b.type(value); }
  const Node* made(Value value, Op op) const { return made_by(b.graph(), value, op); }
  std::optional<double> number(Value value) const { return uniform_value(b.graph(), value); }
  bool is_number(Value value, double x) const { return number(value) == x; }
  // A constant of that type, filled.
  Value fill(const TensorType& type, double x) { return b.constant(type, {x}); }
  // A constant that combines others in double, if the result is an ordinary number of the dtype: not zero,
  // subnormal or infinite.
  std::optional<Value> combined(const TensorType& type, double x);

  // Simplified shorthands.
  Value neg(Value a) { return make(Op::neg, {a}); }
  Value mul(Value a, Value c) { return make(Op::mul, {a, c}); }
  Value reshape(Value a, const Shape& shape);
  Value broadcast(Value a, const Shape& shape, const std::vector<int64_t>& axes);

  Builder& b;
  const bool drop_detach;
};

// A reshape cuts both shapes into the shortest runs of equal products: axes [from, from_end) of the operand
// hold the same elements, in the same order, as axes [to, to_end) of the result.
struct Run {
  size_t from, from_end;
  size_t to, to_end;
};
std::vector<Run> runs_of(const Shape& from, const Shape& to);

// A broadcast of `shape` (how) followed by a reshape to `to`, as a reshape of the operand and a broadcast of
// that: when each run is repeated as a whole or not at all.
struct ReshapedBroadcast {
  Shape inner;
  BroadcastAttrs how;
};
std::optional<ReshapedBroadcast> reshape_of_broadcast(const Shape& shape, const BroadcastAttrs& how,
                                                      const Shape& to);

struct Rule {
  Op op;
  std::optional<Value> (*apply)(Simplifier& s, const Candidate& c);
};
std::span<const Rule> algebra_rules();  // simplify_algebra.cpp
std::span<const Rule> shape_rules();    // simplify_shapes.cpp
std::span<const Rule> reduce_rules();   // simplify_reduce.cpp

}  // namespace nnc::passes
