// The language's elementwise operations: how messages call them, and what they make of numbers while compiling.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "frontend/elaborate/value.h"
#include "ir/ops/op.h"

namespace nnc::frontend {

// An elementwise operation, on numbers while compiling and on tensors.
struct Elementwise {
  Op op;
  std::string_view name;  // "maximum", "-"
  std::string_view verb;  // "cannot VERB a JOINER b"
  std::string_view joiner;
  bool swapped = false;  // "subtract b from a"
  bool compares = false;
};
// Of an operator with a row NNC_ELEMENTWISE in binary.def (tensor_ops.cpp).
const Elementwise& elementwise_of(ast::BinaryOp op);
// An op that the language calls by its name (builtins/op.cpp).
const Elementwise& elementwise_of(Op named);

// The result of two numbers, or what is wrong ("division by zero"): whole numbers stay exact where OpDef::whole says
// how, and what depends on the batch still says so.
std::variant<Number, bool, std::string> compute(Op op, const Number& a, const Number& b);
// Any elementwise op by its reference semantics; whole numbers stay whole where the op takes integers.
Number compute_op(Op op, std::span<const Number* const> numbers);

}  // namespace nnc::frontend
