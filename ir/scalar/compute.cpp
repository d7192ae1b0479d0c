// The computing ScalarBuilder. f32 and f64 operations are the C++ ones, which this project compiles to the
// plain SSE instructions (no contraction, no fast-math); sign changes work on bits, as the vector
// instructions do, so that they neither flush nor signal.
#include "ir/scalar/compute.h"

#include <xmmintrin.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "support/check.h"

namespace nnc {
namespace {

constexpr uint32_t kFlush = 0x8040;  // MXCSR: flush to zero | denormals are zero

// Truncates and saturates; NaN gives 0.
template <class Int>
Int to_integer(double v) {
  if (std::isnan(v)) return 0;
  // 2^bits is exact in double while the largest i64 is not: compare with the former.
  const double limit = std::ldexp(1.0, std::numeric_limits<Int>::digits);
  if (v >= limit) return std::numeric_limits<Int>::max();
  if (v <= static_cast<double>(std::numeric_limits<Int>::min())) return std::numeric_limits<Int>::min();
  return static_cast<Int>(v);
}

template <class Int>
Int floor_div(Int a, Int b) {
  if (b == 0) return 0;
  if (b == -1) return static_cast<Int>(-static_cast<std::make_unsigned_t<Int>>(a));  // wraps for the least
  const Int quotient = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

[[noreturn]] void wrong_dtype(const char* operation, DType dtype) {
  check_failed("dtype fits operation", __FILE__, __LINE__,
               std::string("scalar ") + operation + " on " + std::string(dtype_name(dtype)));
}

void check_same(ScalarValue a, ScalarValue b) {
  NNC_CHECK(a.dtype == b.dtype, "scalar operands of different dtypes");
}

// `on_float(x, y)` for f32 and f64, `on_bits(x, y)` for i32 and i64 as unsigned numbers (which wrap).
template <class OnFloat, class OnBits>
ScalarValue arithmetic(const char* name, ScalarValue a, ScalarValue b, OnFloat on_float, OnBits on_bits) {
  check_same(a, b);
  switch (a.dtype) {
    case DType::f32:
      return scalar_f32(on_float(f32_of(a), f32_of(b)));
    case DType::f64:
      return scalar_f64(on_float(f64_of(a), f64_of(b)));
    case DType::i32:
      return {
          static_cast<uint32_t>(on_bits(static_cast<uint32_t>(a.handle), static_cast<uint32_t>(b.handle))),
          DType::i32};
    case DType::i64:
      return {on_bits(a.handle, b.handle), DType::i64};
    default:
      wrong_dtype(name, a.dtype);
  }
}

template <class Function>
ScalarValue on_float(const char* name, ScalarValue a, Function function) {
  if (a.dtype == DType::f32) return scalar_f32(function(f32_of(a)));
  if (a.dtype == DType::f64) return scalar_f64(function(f64_of(a)));
  wrong_dtype(name, a.dtype);
}

template <class Function>
ScalarValue on_bits(const char* name, ScalarValue a, ScalarValue b, Function function) {
  check_same(a, b);
  if (a.dtype != DType::i32 && a.dtype != DType::i64) wrong_dtype(name, a.dtype);
  return {function(a.handle, b.handle), a.dtype};
}

template <class T>
bool compare_numbers(Compare how, T a, T b) {
  switch (how) {
    case Compare::eq:
      return a == b;
    case Compare::ne:
      return a != b;
    case Compare::lt:
      return a < b;
    case Compare::le:
      return a <= b;
    case Compare::gt:
      return a > b;
    case Compare::ge:
      return a >= b;
  }
  return false;
}

uint64_t width_mask(DType dtype) {
  return dtype == DType::i32 ? uint64_t{UINT32_MAX} : ~uint64_t{0};
}

}  // namespace

FlushToZero::FlushToZero() : saved_(_mm_getcsr()) {
  _mm_setcsr(saved_ | kFlush);
}
FlushToZero::~FlushToZero() {
  _mm_setcsr(saved_);
}

double double_of(ScalarValue v) {
  switch (v.dtype) {
    case DType::f32: {
      const uint32_t bits = static_cast<uint32_t>(v.handle);
      if ((bits & 0x7f800000u) != 0) return f32_of(v);
      // Zero or subnormal: built from the integer, since a conversion may flush it.
      const double magnitude = static_cast<double>(bits & 0x7fffffu) * 0x1p-149;
      return (bits >> 31) != 0 ? -magnitude : magnitude;
    }
    case DType::f64:
      return f64_of(v);
    case DType::i32:
      return i32_of(v);
    case DType::i64:
      return static_cast<double>(i64_of(v));
    case DType::boolean:
      return bool_of(v) ? 1 : 0;
    case DType::u8:
      return u8_of(v);
  }
  return 0;
}

ScalarValue read_scalar(DType dtype, const void* from) {
  ScalarValue v{0, dtype};
  std::memcpy(&v.handle, from, dtype_size(dtype));
  if (dtype == DType::boolean) v.handle = v.handle != 0 ? 1 : 0;
  return v;
}

void write_scalar(void* to, ScalarValue v) {
  std::memcpy(to, &v.handle, dtype_size(v.dtype));
}

ScalarValue ComputingScalars::constant(DType dtype, double value) {
  return cast(dtype, scalar_f64(value));
}

ScalarValue ComputingScalars::integer(DType dtype, int64_t value) {
  if (dtype == DType::i32) return scalar_i32(static_cast<int32_t>(value));
  if (dtype == DType::i64) return scalar_i64(value);
  wrong_dtype("integer", dtype);
}

ScalarValue ComputingScalars::add(ScalarValue a, ScalarValue b) {
  return arithmetic(
      "add", a, b, [](auto x, auto y) { return x + y; }, [](auto x, auto y) { return x + y; });
}

ScalarValue ComputingScalars::sub(ScalarValue a, ScalarValue b) {
  return arithmetic(
      "sub", a, b, [](auto x, auto y) { return x - y; }, [](auto x, auto y) { return x - y; });
}

ScalarValue ComputingScalars::mul(ScalarValue a, ScalarValue b) {
  return arithmetic(
      "mul", a, b, [](auto x, auto y) { return x * y; }, [](auto x, auto y) { return x * y; });
}

ScalarValue ComputingScalars::div(ScalarValue a, ScalarValue b) {
  check_same(a, b);
  switch (a.dtype) {
    case DType::f32:
      return scalar_f32(f32_of(a) / f32_of(b));
    case DType::f64:
      return scalar_f64(f64_of(a) / f64_of(b));
    case DType::i32:
      return scalar_i32(floor_div(i32_of(a), i32_of(b)));
    case DType::i64:
      return scalar_i64(floor_div(i64_of(a), i64_of(b)));
    default:
      wrong_dtype("div", a.dtype);
  }
}

ScalarValue ComputingScalars::fma(ScalarValue a, ScalarValue b, ScalarValue c) {
  check_same(a, b);
  check_same(a, c);
  if (a.dtype == DType::f32) return scalar_f32(std::fma(f32_of(a), f32_of(b), f32_of(c)));
  if (a.dtype == DType::f64) return scalar_f64(std::fma(f64_of(a), f64_of(b), f64_of(c)));
  wrong_dtype("fma", a.dtype);
}

ScalarValue ComputingScalars::neg(ScalarValue a) {
  switch (a.dtype) {
    case DType::f32:
      return {a.handle ^ 0x80000000u, DType::f32};
    case DType::f64:
      return {a.handle ^ 0x8000000000000000u, DType::f64};
    case DType::i32:
      return {(~a.handle + 1) & UINT32_MAX, DType::i32};
    case DType::i64:
      return {~a.handle + 1, DType::i64};
    default:
      wrong_dtype("neg", a.dtype);
  }
}

ScalarValue ComputingScalars::abs(ScalarValue a) {
  switch (a.dtype) {
    case DType::f32:
      return {a.handle & 0x7fffffffu, DType::f32};
    case DType::f64:
      return {a.handle & 0x7fffffffffffffffu, DType::f64};
    case DType::i32:
      return i32_of(a) < 0 ? neg(a) : a;
    case DType::i64:
      return i64_of(a) < 0 ? neg(a) : a;
    default:
      wrong_dtype("abs", a.dtype);
  }
}

ScalarValue ComputingScalars::sqrt(ScalarValue a) {
  return on_float("sqrt", a, [](auto x) { return std::sqrt(x); });
}

ScalarValue ComputingScalars::round_even(ScalarValue a) {
  return on_float("round_even", a, [](auto x) { return std::nearbyint(x); });
}

ScalarValue ComputingScalars::floor(ScalarValue a) {
  return on_float("floor", a, [](auto x) { return std::floor(x); });
}

ScalarValue ComputingScalars::compare(Compare how, ScalarValue a, ScalarValue b) {
  check_same(a, b);
  switch (a.dtype) {
    case DType::f32:
      return scalar_bool(compare_numbers(how, f32_of(a), f32_of(b)));
    case DType::f64:
      return scalar_bool(compare_numbers(how, f64_of(a), f64_of(b)));
    case DType::i32:
      return scalar_bool(compare_numbers(how, i32_of(a), i32_of(b)));
    case DType::i64:
      return scalar_bool(compare_numbers(how, i64_of(a), i64_of(b)));
    case DType::boolean:
    case DType::u8:
      return scalar_bool(compare_numbers(how, a.handle, b.handle));
  }
  return scalar_bool(false);
}

ScalarValue ComputingScalars::select(ScalarValue condition, ScalarValue a, ScalarValue b) {
  check_same(a, b);
  NNC_CHECK(condition.dtype == DType::boolean, "select needs a bool");
  return bool_of(condition) ? a : b;
}

ScalarValue ComputingScalars::logical_and(ScalarValue a, ScalarValue b) {
  return scalar_bool(bool_of(a) && bool_of(b));
}

ScalarValue ComputingScalars::logical_or(ScalarValue a, ScalarValue b) {
  return scalar_bool(bool_of(a) || bool_of(b));
}

ScalarValue ComputingScalars::logical_not(ScalarValue a) {
  return scalar_bool(!bool_of(a));
}

ScalarValue ComputingScalars::cast(DType to, ScalarValue a) {
  if (to == a.dtype) return a;
  const bool from_float = is_float(a.dtype);
  const double real = a.dtype == DType::f32 ? double{f32_of(a)} : from_float ? f64_of(a) : 0.0;
  const int64_t whole = a.dtype == DType::i32 ? int64_t{i32_of(a)} : i64_of(a);  // i64, bool, u8: the handle
  switch (to) {
    // An i64 goes to f32 in one rounding, not through double.
    case DType::f32:
      return scalar_f32(from_float ? static_cast<float>(real) : static_cast<float>(whole));
    case DType::f64:
      return scalar_f64(from_float ? real : static_cast<double>(whole));
    case DType::i32:
      return scalar_i32(from_float ? to_integer<int32_t>(real) : static_cast<int32_t>(whole));
    case DType::i64:
      return scalar_i64(from_float ? to_integer<int64_t>(real) : whole);
    case DType::boolean:
      return scalar_bool(from_float ? real != 0 : whole != 0);
    case DType::u8:
      return scalar_u8(from_float ? to_integer<uint8_t>(real) : static_cast<uint8_t>(whole));
  }
  wrong_dtype("cast", to);
}

ScalarValue ComputingScalars::bitcast(DType to, ScalarValue a) {
  NNC_CHECK(dtype_bytes(to) == dtype_bytes(a.dtype) && dtype_bytes(to) >= 4,
            "bitcast between different widths");
  return {a.handle, to};
}

ScalarValue ComputingScalars::bit_and(ScalarValue a, ScalarValue b) {
  return on_bits("bit_and", a, b, [](uint64_t x, uint64_t y) { return x & y; });
}

ScalarValue ComputingScalars::bit_or(ScalarValue a, ScalarValue b) {
  return on_bits("bit_or", a, b, [](uint64_t x, uint64_t y) { return x | y; });
}

ScalarValue ComputingScalars::bit_xor(ScalarValue a, ScalarValue b) {
  return on_bits("bit_xor", a, b, [](uint64_t x, uint64_t y) { return x ^ y; });
}

ScalarValue ComputingScalars::shift_left(ScalarValue a, int bits) {
  return on_bits("shift_left", a, a, [&](uint64_t x, uint64_t) { return (x << bits) & width_mask(a.dtype); });
}

ScalarValue ComputingScalars::shift_right(ScalarValue a, int bits) {
  return on_bits("shift_right", a, a, [&](uint64_t x, uint64_t) { return x >> bits; });
}

}  // namespace nnc
