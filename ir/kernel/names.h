// The words of kernel IR text, shared by its printer and its parser: which names are keywords (a buffer
// called so is written in quotes), how a buffer's space and a slot's kind are spelled, which ops are infix.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "ir/kernel/kernel.h"
#include "ir/words.h"

namespace nnc::kernel {

inline const Dialect kDialect = {
    "kernel IR text", DiagnosticKind::kernel_syntax, "()[]{},:=+-*/<>?@", {"==", "!=", "<=", ">=", "+="}};

// Binding strength of expressions in text; higher binds tighter.
enum Precedence : int { kComparison = 0, kSum = 1, kProduct = 2, kUnary = 3, kPrimary = 4 };

struct Infix {
  Op op;
  std::string_view spelling;
  Precedence precedence;
};
inline constexpr std::array<Infix, 10> kInfix = {{{Op::eq, "==", kComparison},
                                                  {Op::ne, "!=", kComparison},
                                                  {Op::lt, "<", kComparison},
                                                  {Op::le, "<=", kComparison},
                                                  {Op::gt, ">", kComparison},
                                                  {Op::ge, ">=", kComparison},
                                                  {Op::add, "+", kSum},
                                                  {Op::sub, "-", kSum},
                                                  {Op::mul, "*", kProduct},
                                                  {Op::div, "/", kProduct}}};

inline const Infix* find_infix(Op op) {
  for (const Infix& infix : kInfix) {
    if (infix.op == op) return &infix;
  }
  return nullptr;
}

// In the order of Slot::Kind.
inline constexpr std::array<std::string_view, 9> kSlotKinds = {
    "input", "param", "state", "moment", "sum", "scalar", "output", "temporary", "constant"};
static_assert(kSlotKinds.size() == static_cast<size_t>(Slot::Kind::constant) + 1 &&
              kSlotKinds.back() == "constant");

// "acc", "acc1", …: the number of the component it names. More than two digits are an ordinary name.
inline std::optional<uint32_t> result_number(std::string_view word) {
  if (word.substr(0, 3) != "acc" || word.size() > 5) return std::nullopt;
  if (word.size() == 3) return 0;
  uint32_t number = 0;
  for (char c : word.substr(3)) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + static_cast<uint32_t>(c - '0');
  }
  if (number == 0 || word[3] == '0') return std::nullopt;
  return number;
}

// Words with a meaning of their own wherever a name may stand.
inline bool is_reserved(std::string_view word) {
  constexpr std::string_view kWords[] = {
      "kernel",   "program", "grid", "step",  "local", "in",    "out",      "inout",  "for",     "map",
      "copy",     "reduce",  "over", "order", "pitch", "gap",   "contract", "let",    "scatter", "value",
      "schedule", "inf",     "nan",  "true",  "false", "index", "slot",     "launch", "barrier", "place"};
  for (std::string_view w : kWords) {
    if (w == word) return true;
  }
  return result_number(word).has_value() || parse_dtype(word).has_value();
}

}  // namespace nnc::kernel
