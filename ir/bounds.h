// Between which integers a value lies, as far as the graph says so: a data column whose labels are checked when it is
// read, a constant, a position from argmax, what has been clamped. Who counts on labels being in range asks here.
#pragma once

#include <cstdint>

#include "ir/value.h"

namespace nnc {

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

}  // namespace nnc
