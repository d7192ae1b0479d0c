// What a node costs by its types alone, before any pass: multiplications and additions of products. (codegen/lower/work.h counts
// kernels.)
#pragma once

#include "ir/graph/graph.h"

namespace nnc {

// Multiply-adds, times two, of a product or a convolution, without the terms that lie in the padding; of a scan those of all
// its steps. Of anything else 0.
double flops(const Graph& graph, const Node& node);

}  // namespace nnc
