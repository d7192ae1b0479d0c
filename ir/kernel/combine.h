// How the terms of a reduction combine: one row per way, which the interpreter, the code generator, the verifier and
// the text all read. A rule is written once, over the scalar builder (ir/scalar/scalar.h), so that computing and
// emitting give the same bits. A new way is an enumerator here and a row in combine.cpp.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "ir/scalar/scalar.h"

namespace nnc::kernel {

enum class Combine : uint8_t { sum, max, min, argmax, argmin, welford, logsumexp };

inline constexpr size_t kMostComponents = 3;

// What is known of the terms so far: as many components as the row has, "acc", "acc1" and "acc2" of the stores.
using State = std::array<ScalarValue, kMostComponents>;

struct CombineDef {
  std::string_view name;
  uint32_t components = 1;
  bool positions =
      false;  // component 1 is the position of a term, an i32, counted row-major over the summed axes
  bool floats_only = false;  // of values that are f32 or f64; the others take i32 and i64 too
  // Every order of the terms gives the same bits. (A maximum does not: of 0 and -0 the later one stays.)
  bool any_order = false;
  State (*neutral)(ScalarBuilder& b, DType dtype);
  State (*enter)(ScalarBuilder& b, const State& state, ScalarValue value, ScalarValue position);
  State (*merge)(ScalarBuilder& b, const State& earlier, const State& later);

  // What a component holds when values of dtype `value` are combined.
  DType component_dtype(DType value, uint32_t number) const {
    return positions && number == 1 ? DType::i32 : value;
  }
};

const CombineDef& combine_def(Combine combine);
std::optional<Combine> find_combine(std::string_view name);
std::string combine_names();  // "sum, max, …", for messages

}  // namespace nnc::kernel
