// Matching the arguments of a call with the types of a signature.
#pragma once

#include <span>
#include <string_view>

#include "frontend/elaborate/elaborator.h"

namespace nnc::frontend {

// Reports a size that nothing defines, with the nearest known one.
void unknown_size(Elaborator& e, const std::string& name, const Site& site);

// A type of one number that is known while compiling: a word without sizes.
struct NumberType {
  std::string_view word;  // as written: "count"
  bool whole = false;
  double least = 0, most = 0;
  bool above = false;  // `least` is not one of them
  std::string_view
      demand;  // "counts something: it is at least 1"; empty where every number of its kind will do
};

std::span<const NumberType> number_types();

// The number type of this name; null if it is another type.
const NumberType* number_type(std::string_view word);

}  // namespace nnc::frontend
