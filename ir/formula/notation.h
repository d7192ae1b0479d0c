// From a node of the graph to formulas: what the op table's rows use to say how an op is written (OpDef::formula). A value of
// the graph and its expression differ in axes of one place: the graph drops the axis of a sum and repeats values explicitly,
// the notation keeps it and repeats silently.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "ir/formula/formula.h"
#include "ir/graph/graph.h"

namespace nnc::formula {

// How a value is written. For each of its axes: where it lies in the expression's shape, counted from the end (1: the last axis);
// 0, or an axis of one place, where the value only repeats.
struct Written {
  ExprId expr;
  std::vector<size_t> axes;
};

// A node to be written, and how its operands are.
class Notation {
 public:
  Notation(Formula& to, const Graph& of, const Node& what, std::vector<Written> operands)
      : formula(to), graph(of), node(what), x(std::move(operands)) {}

  Formula& formula;
  const Graph& graph;
  const Node& node;
  std::vector<Written> x;

  const Shape& shape(size_t operand) const { return graph.type(node.operands[operand]).shape; }
  // The operand with exactly the shape that it has in the graph.
  ExprId exact(size_t operand);
  // The same, but that axes of one place may come before the others: for what reads the last two.
  ExprId matrix(size_t operand);
  // The operand with its axes where it has them in the graph, the last ones aligned; axes that only repeat may be missing.
  ExprId lined_up(size_t operand);
  // Whether the operand is one number in every element.
  bool is_uniform(size_t operand) const { return formula.shape(x[operand].expr).empty(); }
  // The node as `of` its operands, which are lined up: elementwise.
  std::vector<Written> elementwise(const std::function<ExprId(std::span<const ExprId>)>& of);
  // Operand 0 summed (or the like) along its axes.
  Written reduced(Fn fn, const std::vector<int64_t>& axes);
  // An expression with exactly the shape that the value has in the graph.
  static Written whole(ExprId expr, size_t rank);
  std::vector<Written> whole(ExprId expr) const { return {whole(expr, node.types[0].shape.size())}; }

 private:
  // Where each axis of a result lies, and how many axes there are.
  struct Frame {
    size_t rank = 0;
    std::vector<size_t> axes;
  };
  bool is_real(const Written& w, size_t axis) const;
  bool fits(const Written& w, const Frame& frame) const;
  ExprId aligned(const Written& w, const Frame& frame);
};

}  // namespace nnc::formula
