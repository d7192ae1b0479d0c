// The types of elements: the same in the graph, in compiled programs and in data. A further type is a row of the table in
// dtype.cpp and a case of with_element().
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace nnc {

// f64 and i64 are for scalars (rate, step count); u8 for inputs only, converted in the first kernel.
enum class DType : uint8_t { f32, f64, i32, i64, boolean, u8 };

std::string_view dtype_name(DType dtype);  // "f32", …, "bool"
std::optional<DType> parse_dtype(std::string_view name);
int64_t dtype_bytes(DType dtype);  // of one element in memory; a bool is a byte
inline size_t dtype_size(DType dtype) {
  return static_cast<size_t>(dtype_bytes(dtype));
}
bool is_float(DType dtype);
bool is_integer(DType dtype);  // i32, i64, u8; not bool

// Whether the number is one of this type's: any is for floats, which round it, whole ones within the range for integers,
// 0 and 1 for bool.
bool holds(DType dtype, double value);

// Calls `use` with a zero of the C++ type that elements of `dtype` have in memory.
template <class Use>
auto with_element(DType dtype, const Use& use) {
  switch (dtype) {
    case DType::f32:
      return use(float{});
    case DType::f64:
      return use(double{});
    case DType::i32:
      return use(int32_t{});
    case DType::i64:
      return use(int64_t{});
    case DType::boolean:
    case DType::u8:
      break;
  }
  return use(uint8_t{});
}

// The element at `from`, which need not be aligned; an i64 beyond 2^53 is rounded, and a NaN loses its sign, which says nothing
// and would be printed.
inline double read_element(DType dtype, const void* from) {
  return with_element(dtype, [&](auto element) {
    std::memcpy(&element, from, sizeof element);
    const auto value = static_cast<double>(element);
    return std::isnan(value) ? std::numeric_limits<double>::quiet_NaN() : value;
  });
}

// Stores a number that holds() for this type; `to` need not be aligned.
inline void write_element(DType dtype, void* to, double value) {
  with_element(dtype, [&](auto element) {
    element = static_cast<decltype(element)>(value);
    std::memcpy(to, &element, sizeof element);
  });
}

// The same for elements that lie one after the other.
std::vector<double> read_elements(DType dtype, std::span<const unsigned char> from);
void write_elements(DType dtype, void* to, std::span<const double> values);

}  // namespace nnc
