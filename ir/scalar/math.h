// The transcendental functions as sequences of primitive operations: branch-free, the same at every vector
// width, few operations. Errors, domains and the sequences in words: docs/numerics.md;
// tests/unit/kernel/scalar_math_test.cpp asserts the bounds. Results that would be subnormal are 0; a NaN
// operand gives NaN.
#pragma once

#include "ir/scalar/scalar.h"

namespace nnc {

// f32 and f64.
ScalarValue scalar_exp(ScalarBuilder& builder, ScalarValue x);
ScalarValue scalar_log(ScalarBuilder& builder, ScalarValue x);  // 0 gives -inf, x < 0 NaN
// As C's pow: a < 0 with an integer b is right, anything^0 and 1^anything are 1.
ScalarValue scalar_pow(ScalarBuilder& builder, ScalarValue a, ScalarValue b);

// f32.
ScalarValue scalar_tanh(ScalarBuilder& builder, ScalarValue x);
ScalarValue scalar_erf(ScalarBuilder& builder, ScalarValue x);
ScalarValue scalar_sigmoid(ScalarBuilder& builder, ScalarValue x);
ScalarValue scalar_softplus(ScalarBuilder& builder, ScalarValue x);  // log(1 + exp(x))

// f32, computed in f64 (scalar/math_wide.cpp). sin, cos and tan take any finite angle, in radians.
ScalarValue scalar_sin(ScalarBuilder& builder, ScalarValue x);
ScalarValue scalar_cos(ScalarBuilder& builder, ScalarValue x);
ScalarValue scalar_tan(ScalarBuilder& builder, ScalarValue x);
ScalarValue scalar_asin(ScalarBuilder& builder, ScalarValue x);
ScalarValue scalar_acos(ScalarBuilder& builder, ScalarValue x);
ScalarValue scalar_atan(ScalarBuilder& builder, ScalarValue x);
ScalarValue scalar_atan2(ScalarBuilder& builder, ScalarValue y, ScalarValue x);  // as C's, signed zeros too
ScalarValue scalar_sinh(ScalarBuilder& builder, ScalarValue x);
ScalarValue scalar_cosh(ScalarBuilder& builder, ScalarValue x);
ScalarValue scalar_exp2(ScalarBuilder& builder, ScalarValue x);
ScalarValue scalar_expm1(ScalarBuilder& builder, ScalarValue x);
ScalarValue scalar_log1p(ScalarBuilder& builder, ScalarValue x);
ScalarValue scalar_log2(ScalarBuilder& builder, ScalarValue x);
ScalarValue scalar_log10(ScalarBuilder& builder, ScalarValue x);

// The greater and the smaller of two numbers; a NaN operand gives NaN. Where `b` is a constant the code
// generator makes one instruction of it: write maximum(x, 0), not maximum(0, x).
ScalarValue scalar_maximum(ScalarBuilder& builder, ScalarValue a, ScalarValue b);
ScalarValue scalar_minimum(ScalarBuilder& builder, ScalarValue a, ScalarValue b);

}  // namespace nnc
