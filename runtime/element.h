// The elements of tensors and columns as C++ values.
#pragma once

#include <cstring>

#include "codegen/program.h"

namespace nnc::runtime {

// Calls `use` with a zero of the C++ type that elements of `type` have in memory; a bool is a byte.
template <class Use>
auto with_element(ElementType type, const Use& use) {
  switch (type) {
    case ElementType::f32:
      return use(float{});
    case ElementType::f64:
      return use(double{});
    case ElementType::i32:
      return use(int32_t{});
    case ElementType::i64:
      return use(int64_t{});
    case ElementType::boolean:
    case ElementType::u8:
      break;
  }
  return use(uint8_t{});
}

// The element at `from`, which need not be aligned; an i64 beyond 2^53 is rounded.
inline double read_element(ElementType type, const unsigned char* from) {
  return with_element(type, [&](auto value) {
    std::memcpy(&value, from, sizeof value);
    return static_cast<double>(value);
  });
}

}  // namespace nnc::runtime
