// Along which axes the rows of a scan do not meet: each task can take some of them through all steps.
#pragma once

#include <vector>

#include "ir/graph/graph.h"

namespace nnc {

struct LoopDomain {
  Shape axes;  // the leading ones of the states
  std::vector<bool>
      by_row;  // by node of the body: its values have these axes first, and each row of them needs no other
};

// `scan`: its operands lie in memory before the first step, so any of their elements may be read.
LoopDomain loop_domain(const ScanAttrs& scan);

// Whether vectors run along the last axis of the domain: then it lies innermost in what the loop reads and writes. Fewer
// rows than lanes would leave lanes empty.
bool has_lanes_along(const LoopDomain& domain);
bool has_lanes_along(int64_t rows);

}  // namespace nnc
