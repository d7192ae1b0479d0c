// The axis that the vectors of maps and reductions run along.
#pragma once

#include <cstdint>
#include <functional>

#include "codegen/lower/cut_rows.h"
#include "ir/kernel/kernel.h"

namespace nnc::codegen {

// Values of an axis that a task has, as far as that is known.
using Extent = std::function<int64_t(kernel::AxisId axis)>;

// The best axis for vectors; invalid if none serves. With `pick`, any that does.
kernel::AxisId lanes_of(const kernel::Kernel& kernel, const kernel::Map& map, const Extent& extent,
                        const Pick& pick);
kernel::AxisId lanes_of(const kernel::Kernel& kernel, const kernel::Reduce& reduce, const Extent& extent,
                        const Pick& pick);

}  // namespace nnc::codegen
