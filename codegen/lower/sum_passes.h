// Passes over long sums: how far each goes, what waits between them, and operands of which each copies its part in vectors.
#pragma once

#include <cstdint>

#include "codegen/lower/cut_rows.h"
#include "codegen/target.h"
#include "ir/kernel/kernel.h"

namespace nnc::codegen {

// The most rows and columns a task may have; 0: no limit.
struct TaskLimits {
  int64_t rows = 0;
  int64_t columns = 0;
};

// In all of these `pick`, if there is one, makes legal choices at random, and the contraction has its lanes and its tile where
// nothing else is said.

// Passes over a sum along one axis, for operands and results that do not stay in the second cache level.
TaskLimits cut_sum(const kernel::Kernel& kernel, kernel::Contract& contract, kernel::AxisId row,
                   const Target& target, const Pick& pick);

// Passes along the first axis of a sum over several, where the tiles of a task sweep more than the second cache level holds
// again and again, each for a few results: a weight's gradient of a convolution, once per tap.
void cut_sweeps(const kernel::Kernel& kernel, kernel::Contract& contract, const Target& target,
                const Pick& pick);

// What the accumulators of a task's tiles take between the passes, with vectors along `lanes`.
TensorType waiting_type(const kernel::Kernel& kernel, const kernel::Contract& contract, kernel::AxisId lanes);

// A local for them. Where they would need much, there is one pass.
void make_waiting(kernel::Kernel& kernel, kernel::Contract& contract);

// Blocks of a long sum are tasks, where what each reads is packed: it lies apart from what the others read. Needs no lanes.
void cut_blocks(kernel::Kernel& kernel, const kernel::Contract& contract);

// Tasks and passes of a contraction that packs an operand: tasks are parts of what is packed where they can be, so that each
// packs its own, and the copy of a pass fills a quarter of the second cache level.
void cut_packed(kernel::Kernel& kernel, kernel::Contract& contract, kernel::AxisId row, const Target& target,
                int threads, const Pick& pick);

}  // namespace nnc::codegen
