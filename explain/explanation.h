// A differentiated graph as equations. Every value that has a name in the model has an equation of that name; other values are
// written where they are used, or get a name of their own (u1, u2, …) where they are used several times. A recurrence is a block
// of equations for each step: hₜ₊₁ from hₜ, and back.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ir/formula/formula.h"
#include "ir/graph/graph.h"
#include "support/diagnostic.h"
#include "support/result.h"

namespace nnc::explain {

struct Equation {
  formula::ExprId left;   // a symbol, or a place of a sequence
  formula::ExprId right;  // invalid: the values are given
  TensorType type;
  std::optional<Value> of;  // of the graph; none within a block of steps
  SpanSet spans;
  std::string given;  // where `right` is invalid: what draws or keeps the values, "bernoulli(0.5)"
};

// Equations, or those of each step t = 0 … length - 1 of a recurrence; `reversed`: from the last one to the first.
struct Block {
  int64_t length = 0;  // 0: no recurrence
  bool reversed = false;
  std::vector<Equation> equations;
};

struct Explanation {
  std::unique_ptr<formula::Formula> formula;
  std::vector<Block> blocks;
};

struct ExplainOptions {
  bool raw = false;  // an equation per node, straight from the rules of differentiation
  std::vector<std::string>
      wrt;  // the derivatives that are shown, by the name of a parameter or value; empty: of all parameters
};

// The loss and the derivatives that the graph (`gradients`, differentiated) has as its outputs, and what they need. Fails where an
// op has no formula, and where `wrt` names nothing that the loss is differentiated by.
Result<Explanation> explain(const Graph& graph, const ExplainOptions& options, Diagnostics& diagnostics);

// A line per equation: "z = x · Wᵀ + b", its type and place in the source; reads back (explain/parse.h).
std::string text_of(const Explanation& explanation, const Sources& sources);
// A document's worth of display mathematics: lines of an aligned environment.
std::string latex_of(const Explanation& explanation);
// One <math> element, a table of equations.
std::string mathml_of(const Explanation& explanation);

}  // namespace nnc::explain
