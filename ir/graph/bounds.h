// Between which integers a value lies, as far as the graph tells: it does for a data column whose labels are checked when
// it is read, a constant, a position from argmax, a clamped value. A rule that holds only for labels in range asks here.
#pragma once

#include <cstdint>

#include "ir/graph/value.h"

namespace nnc {

class Builder;
struct Graph;

// Both inclusive.
struct Bounds {
  int64_t low = INT64_MIN;
  int64_t high = INT64_MAX;
};

// Of an integer or bool: its dtype's range or less. Of a float: everything, since nothing is known.
Bounds bounds_of(const Graph& graph, Value value);

// Whether every element of `label` is one of 0, 1, … classes - 1.
bool lies_within(const Graph& graph, Value label, int64_t classes);

// The element of an axis of that extent that a read with this index gets: `index` clamped to 0, 1, … extent - 1, or
// `index` itself where it is known to lie there. Of index's type.
Value clamped(Builder& builder, Value index, int64_t extent);

}  // namespace nnc
