// Scalar operations that compute: each returns at once the number that the emitted instruction would give, to
// the bit. The kernel interpreter, the search for what is not finite (ir/graph/nonfinite.h), the reference draws of
// ops/random.cpp and the accuracy tests run on it. (NaNs are NaNs in both, but their payloads may differ.)
#pragma once

#include <bit>
#include <cstdint>

#include "ir/scalar/scalar.h"

namespace nnc {

// While it lives, the thread's f32 and f64 operations flush subnormal results to zero and read subnormal
// operands as zero, as every step does. Restores what was set before. Rounding is left alone.
class FlushToZero {
 public:
  FlushToZero();
  ~FlushToZero();
  FlushToZero(const FlushToZero&) = delete;
  FlushToZero& operator=(const FlushToZero&) = delete;

 private:
  uint32_t saved_;
};

// A handle holds the bits of the number: f32 and i32 in the low half (the upper half is 0), bool as 0 or 1.
// Numbers of the same dtype and value therefore have equal handles.
inline ScalarValue scalar_f32(float v) {
  return {std::bit_cast<uint32_t>(v), DType::f32};
}
inline ScalarValue scalar_f64(double v) {
  return {std::bit_cast<uint64_t>(v), DType::f64};
}
inline ScalarValue scalar_i32(int32_t v) {
  return {static_cast<uint32_t>(v), DType::i32};
}
inline ScalarValue scalar_i64(int64_t v) {
  return {static_cast<uint64_t>(v), DType::i64};
}
inline ScalarValue scalar_bool(bool v) {
  return {v ? uint64_t{1} : uint64_t{0}, DType::boolean};
}
inline ScalarValue scalar_u8(uint8_t v) {
  return {v, DType::u8};
}

// The number in a handle that ComputingScalars (or scalar_*) made; it must be of that dtype.
inline float f32_of(ScalarValue v) {
  return std::bit_cast<float>(static_cast<uint32_t>(v.handle));
}
inline double f64_of(ScalarValue v) {
  return std::bit_cast<double>(v.handle);
}
inline int32_t i32_of(ScalarValue v) {
  return static_cast<int32_t>(static_cast<uint32_t>(v.handle));
}
inline int64_t i64_of(ScalarValue v) {
  return static_cast<int64_t>(v.handle);
}
inline bool bool_of(ScalarValue v) {
  return v.handle != 0;
}
inline uint8_t u8_of(ScalarValue v) {
  return static_cast<uint8_t>(v.handle);
}

// Any dtype as a double (i64 beyond 2^53 rounds). Subnormals are kept whatever the thread's flushing mode.
double double_of(ScalarValue v);

// One element in memory, dtype_bytes(dtype) wide, at any alignment; a bool is one byte, and any byte but 0 is
// true.
ScalarValue read_scalar(DType dtype, const void* from);
void write_scalar(void* to, ScalarValue v);

class ComputingScalars final : public ScalarBuilder {
 public:
  ScalarValue constant(DType dtype, double value) override;  // rounds to f32; integers as cast from f64
  ScalarValue integer(DType dtype, int64_t value) override;

  ScalarValue add(ScalarValue a, ScalarValue b) override;
  ScalarValue sub(ScalarValue a, ScalarValue b) override;
  ScalarValue mul(ScalarValue a, ScalarValue b) override;
  ScalarValue div(ScalarValue a, ScalarValue b) override;
  ScalarValue fma(ScalarValue a, ScalarValue b, ScalarValue c) override;
  ScalarValue neg(ScalarValue a) override;
  ScalarValue abs(ScalarValue a) override;
  ScalarValue sqrt(ScalarValue a) override;
  ScalarValue round_even(ScalarValue a) override;
  ScalarValue floor(ScalarValue a) override;

  ScalarValue compare(Compare how, ScalarValue a, ScalarValue b) override;
  ScalarValue select(ScalarValue condition, ScalarValue a, ScalarValue b) override;
  ScalarValue logical_and(ScalarValue a, ScalarValue b) override;
  ScalarValue logical_or(ScalarValue a, ScalarValue b) override;
  ScalarValue logical_not(ScalarValue a) override;

  // Between integers the low bits are kept.
  ScalarValue cast(DType to, ScalarValue a) override;
  ScalarValue bitcast(DType to, ScalarValue a) override;
  ScalarValue bit_and(ScalarValue a, ScalarValue b) override;
  ScalarValue bit_or(ScalarValue a, ScalarValue b) override;
  ScalarValue bit_xor(ScalarValue a, ScalarValue b) override;
  ScalarValue shift_left(ScalarValue a, int bits) override;
  ScalarValue shift_right(ScalarValue a, int bits) override;
};

}  // namespace nnc
