// The functions of formulas on tensors in double: naive, by their definitions. See ir/formula/functions.def.
#pragma once

#include <span>
#include <string>
#include <variant>

#include "ir/formula/formula.h"
#include "ir/ops/op.h"

namespace nnc::explain {

// A value while it is computed. `masked`: its zeros came out of a condition, and stay zeros whatever they are multiplied with or
// divided by.
struct Computed {
  DenseTensor tensor;
  bool masked = false;
};

// Or what is wrong with the operands.
std::variant<Computed, std::string> apply(formula::Expr head, std::vector<Computed> x);

// The value with the shape that its equation says: with other axes of one place, or repeated. Nothing where it does not fit.
std::optional<DenseTensor> with_shape(DenseTensor x, const Shape& shape);

}  // namespace nnc::explain
