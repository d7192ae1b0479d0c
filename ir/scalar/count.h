// Scalar operations that are only counted: what an elementwise op costs, in instructions of the processor's vector units.
#pragma once

#include <span>

#include "ir/scalar/scalar.h"

namespace nnc {

// Instructions for one element of an elementwise op, whose operands have these types; a division or a root counts as many as
// go through the units meanwhile.
double scalar_operations(ScalarFn op, std::span<const DType> operands, DType result);

}  // namespace nnc
