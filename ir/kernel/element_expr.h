// The element of a graph value at an index, as a kernel expression: ElementRules are inlined through any
// number of nodes until a leaf that the caller provides (a load from a buffer). Grouping asks it what a node
// reads; lowering builds kernels with it.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "ir/graph/graph.h"
#include "ir/kernel/kernel.h"

namespace nnc {

class ElementExpr {
 public:
  // The expression for a value that is not to be inlined; nothing for one that is.
  using Leaf = std::function<std::optional<kernel::ExprId>(Value, std::span<const kernel::Index>)>;

  ElementExpr(const Graph& graph, kernel::Kernel& kernel, Leaf leaf)
      : graph_(graph), kernel_(kernel), leaf_(std::move(leaf)) {}

  // Checked: a value that is not a leaf has an ElementRule.
  kernel::ExprId at(Value value, std::vector<kernel::Index> index);

  // Forget what was inlined: after this, values may have become leaves.
  void forget() { known_.clear(); }

 private:
  struct Known {
    std::vector<kernel::Index> index;
    kernel::ExprId expr;
  };
  const Graph& graph_;
  kernel::Kernel& kernel_;
  Leaf leaf_;
  std::unordered_multimap<Value, Known> known_;
};

// Whether a value is computed wherever it is read: it lies in no memory and belongs to no kernel.
bool is_inlined(const Graph& graph, Value value);

// Whether the node is a view: it has no place in memory, and is read where its operand is, at plain subscripts: an op with
// that trait, or a reshape that does no more than split axes.
bool is_view(const Graph& graph, NodeId node);

// What one element of each result of a node reads: a value (looked at through those that are inlined) and the
// subscripts, in terms of axes numbered like the result's. For reductions, contractions and scatters the axes summed over follow
// those of the result.
struct Read {
  Value value;
  std::vector<kernel::Index> index;
};
std::vector<Read> reads_of(const Graph& graph, NodeId node);
// The same of its operands, whatever becomes of them.
std::vector<Read> operand_reads_of(const Graph& graph, NodeId node);
// Which axes each of the node's is, where it reads the value place by place, in any order of axes, and this is said of the
// value's; nothing where it reads it otherwise.
std::optional<std::vector<size_t>> axes_through(const Read& read, const std::vector<size_t>& of_value);

}  // namespace nnc
