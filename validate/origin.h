// Where a wrong value begins: the first value of a graph that is not what the value of the same name is.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>

#include "ir/graph/graph.h"
#include "validate/values.h"

namespace nnc::validate {

struct Origin {
  std::string sentence;  // "%h[0,3] is 1.5, not 0.7: before maximum(%2, %3), now linear(x, w, b)"
  SpanSet spans;         // of the node
};

// The elements of a value of `after`; empty where they are not known.
using FoundValue = std::function<std::span<const double>(Value value)>;

// Both graphs are free of `grad` nodes; `after` may be `before` itself.
std::optional<Origin> find_origin(const Graph& before, const Graph& after, const FoundValue& found,
                                  const TensorMap& inputs, uint64_t seed);

// With as many digits as tell right from wrong; NaN without a sign.
std::string digits(double value);

// "w[3,1]" of the element in row-major order.
std::string element_text(const std::string& name, const Shape& shape, size_t element);

}  // namespace nnc::validate
