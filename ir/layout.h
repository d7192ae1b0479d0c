// The layouts that passes and lowering agree on.
#pragma once

#include <vector>

#include "ir/type.h"

namespace nnc {

// A layout with its axes in this order (empty: as written) whose rows are padded: they start on a cache line,
// and rows below each other do not fall onto the same cache sets. Where the axes lie otherwise than written, or where
// `shifts` says so, planes that would start in the same sets are shifted against each other too: of a convolution's input, all
// channels are read side by side. Rows shorter than a line, vectors and scalars are not padded. Everything kept between steps has
// it with the axes as written, so that all programs of a model agree; but for a free param (ir/graph/attrs.h), which one alone reads.
Layout padded_layout(const Shape& shape, std::vector<int64_t> order = {}, bool shifts = false);

}  // namespace nnc
