// The text of an explanation, read back: equations as trees. Nothing but the text is known here, so that what is computed from
// the trees (explain/evaluate.h) is what the text says.
//
//   line      = "for t =" n "…" n ":" | left ("=" sum | "~" anything) [type] [place in the source]
//   left      = name | name "ₜ" | name "ₜ₊₁" | name "₀"
//   sum       = ["−"] product {("+" | "−") product}
//   product   = power {("·" | "⊙" | "/") power}          · scales by a number, and multiplies matrices
//   power     = "√" atom | atom ["ᵀ" | "²" | "^" atom]
//   atom      = number | name | function "(" sum, …, word "=" "[" n, … "]" ")" | "(" sum ")"
//             | "[" sum sign sum "]" | "[" number, … "]" | atom "[" index, … "]"
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "ir/formula/formula.h"

namespace nnc::explain {

// A function of other trees. `head` is without operands and shape.
struct Tree {
  formula::Expr head;
  std::vector<Tree> x;
};

// What an equation is about: a name, or a place of a sequence.
struct Subject {
  std::string name;
  enum class Kind { whole, step, place } kind = Kind::whole;
  int64_t at = 0;  // the offset from step t, or the place
};

struct Line {
  size_t number = 0;  // in the text, from 1
  Subject left;
  bool is_given = false;
  Tree right;
  std::vector<int64_t> shape;  // as the line says
  bool has_shape = false;
};

// Lines, or those of each step from `first` to `last`.
struct ParsedBlock {
  bool is_loop = false;
  int64_t first = 0, last = 0;
  std::vector<Line> lines;
};

// Or what is wrong: "line 3: expected …".
std::variant<std::vector<ParsedBlock>, std::string> parse_explanation(std::string_view text);

}  // namespace nnc::explain
