// The first half of an explanation: every value of a graph as an expression, and equations for those with a name. See
// explanation.h.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "explain/explanation.h"
#include "explain/simplify.h"
#include "ir/formula/notation.h"

namespace nnc::explain {

class Writer {
 public:
  // `formula` is a Simplifier unless raw.
  // Values called `inlined` are written out where they are used.
  Writer(Formula& formula, Simplifier* simplifier, std::set<std::string> inlined, Diagnostics& diagnostics)
      : f_(formula), simplifier_(simplifier), inlined_(std::move(inlined)), diagnostics_(diagnostics) {}

  // Equations for the graph's named values, in order, and how each output is written. Fails where an op has no formula.
  bool run(const Graph& graph);

  std::vector<Block> take_blocks() { return std::move(blocks_); }
  const std::vector<formula::Written>& outputs() const { return outputs_; }
  // A name that no equation has yet: this one, or "name#2".
  std::string unused(const std::string& name);
  // The first of "u1", "u2", … that no equation has.
  std::string numbered(const std::string& letter);
  // A symbol for an expression: `name = expr`, in the last block.
  ExprId define(const std::string& name, ExprId expr, const TensorType& type, const SpanSet& spans,
                std::optional<Value> of);
  // The expression as an equation for a value of that shape may say it: with its axes where the value has them.
  ExprId in_place(const formula::Written& written, const Shape& shape);

 private:
  using Written = formula::Written;
  using Known = std::vector<std::vector<Written>>;
  // The steps of a recurrence that are being written.
  struct Loop {
    int64_t length = 0;
    bool reversed = false;
    // Which sequence a value of the body is the next place of.
    std::map<Value, ExprId> next;
    // Names of the body's that mean nothing outside it: what the step reads from outside has its own name there.
    std::set<std::string> hidden;
  };

  bool write(const Graph& graph, Known& known, Loop* loop);
  bool write_node(const Graph& graph, NodeId id, Known& known, Loop* loop);
  bool write_scan(const Graph& graph, NodeId id, Known& known);
  Written settle(const Graph& graph, Value value, Written written, bool is_new, const Loop* loop);
  Written given(const Graph& graph, Value value, const std::string& how);
  ExprId sequence_of(const Written& written, const TensorType& type, const std::string& name);
  std::string name_of(const Graph& graph, Value value, const Loop* loop) const;
  // As it is written now, where it has got a name since.
  Written current(Written written) const;
  std::string shown(const std::string& name) const;
  Block& block();

  Formula& f_;
  Simplifier* simplifier_;
  const std::set<std::string> inlined_;
  Diagnostics& diagnostics_;
  std::vector<Block> blocks_;
  std::vector<Written> outputs_;
  std::set<std::string> taken_;
  bool after_loss_ = false;  // whether the loss has been written
};

}  // namespace nnc::explain
