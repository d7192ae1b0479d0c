// Tiles of dot products, and what they cost: what schedules choose between.
#pragma once

#include <functional>

#include "codegen/target.h"
#include "ir/kernel/kernel.h"

namespace nnc::codegen {

// Rows lie along an axis that only the first operand moves along, columns along one that only the second does; each may be missing.
// `block`: how far each of several passes goes along the first axis of the sum; 0: one pass.
struct DotTile {
  kernel::AxisId row, column;
  int64_t rows = 1, columns = 1, block = 0;
};

// About how many cycles the whole contraction takes in such tiles: for its multiply-adds and loads, or for what the caches can
// deliver, whichever takes longest. `extent`: of each axis. `is_repeated`: it is computed again and again, and finds in a cache
// what that can hold.
double dot_cycles(const kernel::Kernel& kernel, const kernel::Contract& contract, const DotTile& tile,
                  const Target& target, const std::function<int64_t(kernel::AxisId)>& extent,
                  bool is_repeated);

}  // namespace nnc::codegen
