// Scalar arithmetic from primitive operations whose results IEEE 754 fixes to the bit. An elementwise op is written
// once, as a sequence of these (ir/ops/*.cpp, ir/scalar/math.h); the kernel interpreter computes the sequence and the
// code generator emits it, at every vector width, so that both give the same bits.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "ir/type.h"

namespace nnc {

// A handle into a ScalarBuilder: a number it has computed, or an instruction it has emitted.
struct ScalarValue {
  uint64_t handle = 0;
  DType dtype = DType::f32;
};

enum class Compare : uint8_t { eq, ne, lt, le, gt, ge };  // ordered but for ne: a NaN equals nothing

// Two implementations live at once: computing (kernel interpreter) and emitting (LLVM). Both operands of a binary
// operation have the same dtype. Integer arithmetic wraps. Rounding is to nearest even; subnormal results and
// operands of f32 operations are flushed to zero while a step runs.
class ScalarBuilder {
 public:
  virtual ~ScalarBuilder() = default;

  virtual ScalarValue constant(DType dtype, double value) = 0;
  virtual ScalarValue integer(DType dtype, int64_t value) = 0;  // i32, i64: exact beyond 2^53

  virtual ScalarValue add(ScalarValue a, ScalarValue b) = 0;  // floats and integers
  virtual ScalarValue sub(ScalarValue a, ScalarValue b) = 0;
  virtual ScalarValue mul(ScalarValue a, ScalarValue b) = 0;
  virtual ScalarValue div(ScalarValue a, ScalarValue b) = 0;  // floats; integers floor, x / 0 is 0
  virtual ScalarValue fma(ScalarValue a, ScalarValue b, ScalarValue c) = 0;  // a * b + c, rounded once
  virtual ScalarValue neg(ScalarValue a) = 0;
  virtual ScalarValue abs(ScalarValue a) = 0;
  virtual ScalarValue sqrt(ScalarValue a) = 0;
  virtual ScalarValue round_even(ScalarValue a) = 0;
  virtual ScalarValue floor(ScalarValue a) = 0;

  virtual ScalarValue compare(Compare how, ScalarValue a, ScalarValue b) = 0;  // -> bool
  virtual ScalarValue select(ScalarValue condition, ScalarValue a, ScalarValue b) = 0;
  virtual ScalarValue logical_and(ScalarValue a, ScalarValue b) = 0;  // bool
  virtual ScalarValue logical_or(ScalarValue a, ScalarValue b) = 0;
  virtual ScalarValue logical_not(ScalarValue a) = 0;

  // Float to integer truncates and saturates (NaN gives 0); to bool is "not zero"; from bool is 0 or 1.
  virtual ScalarValue cast(DType to, ScalarValue a) = 0;
  virtual ScalarValue bitcast(DType to, ScalarValue a) = 0;       // f32 <-> i32, f64 <-> i64
  virtual ScalarValue bit_and(ScalarValue a, ScalarValue b) = 0;  // integers
  virtual ScalarValue bit_or(ScalarValue a, ScalarValue b) = 0;
  virtual ScalarValue bit_xor(ScalarValue a, ScalarValue b) = 0;
  virtual ScalarValue shift_left(ScalarValue a, int bits) = 0;
  virtual ScalarValue shift_right(ScalarValue a, int bits) = 0;  // logical: zeros come in

  // `state` after `body` has been applied to it so many times, with round = 0, 1, … in i64. Emitted as a loop: less code.
  using ScalarValues = std::vector<ScalarValue>;
  using Body = std::function<ScalarValues(ScalarValue round, const ScalarValues& state)>;
  virtual ScalarValues repeat(int times, ScalarValues state, const Body& body) {
    for (int i = 0; i < times; ++i) state = body(integer(DType::i64, i), state);
    return state;
  }
};

// An elementwise op on scalars of the given result dtype.
using ScalarFn = ScalarValue (*)(ScalarBuilder& builder, std::span<const ScalarValue> operands, DType result);

}  // namespace nnc
