// Formulas as they are set: a small tree of rows, scripts, fractions and brackets, the same for text, LaTeX and MathML.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "ir/formula/formula.h"

namespace nnc::explain {

struct Markup {
  enum class Kind {
    row,
    name,
    function,
    number,
    sign,
    subscript,
    superscript,
    fraction,
    root,
    parentheses,
    brackets
  };
  Kind kind = Kind::row;
  std::string text;           // of a name, function, number or sign
  std::vector<Markup> parts;  // of a row; base and script; numerator and denominator; what is in brackets
  int level = 0;              // how tightly it binds
};

// How tightly an expression binds: it needs parentheses where more is wanted.
enum Level : int { kSum = 1, kProduct = 2, kFraction = 3, kPower = 4, kAtom = 5 };

// `shown` gives the symbol that is written for an expression, or the expression itself.
using Shown = std::function<formula::ExprId(formula::ExprId)>;
Markup layout(const formula::Formula& f, formula::ExprId id, const Shown& shown);

// As it can be read back (explain/parse.h), one line of Unicode.
std::string as_text(const Markup& markup);
std::string as_latex(const Markup& markup);
std::string as_mathml(const Markup& markup);  // what stands within <math>

// The shortest decimal that is the number, to 15 digits; "√32" where it is that root, "∞".
std::string decimal_text(double value);

}  // namespace nnc::explain
