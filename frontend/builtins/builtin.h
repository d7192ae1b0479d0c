// The built-in functions of the language: one row each.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "frontend/elaborate/instance.h"
#include "ir/ops/op.h"

namespace nnc::frontend {

struct Elaborator;

// One per name of Builtin::parameters; absent where it was not given, which only those after `required` may be.
using BuiltinArguments = std::span<const std::optional<Operand>>;

struct Builtin {
  std::string_view name;
  std::string_view parameters;  // "x axis keep"
  size_t required = 1;          // how many of them must be given: the first
  size_t positional = 1;        // how many may be given by position: the first
  // Reports what is wrong and gives Poison then. Null: elementwise, by the op table.
  Datum (*run)(Elaborator&, BuiltinArguments, const Site&);
  std::optional<Op> op = std::nullopt;
};

// Those of builtins.cpp, then the ops that the language calls by their own names. BuiltinRef::index counts them.
std::span<const Builtin> builtin_table();

}  // namespace nnc::frontend
