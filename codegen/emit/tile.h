// Inside of the contraction emitter: what the parts of one tiled contraction share.
#pragma once

#include "codegen/emit/kernel.h"

namespace nnc::codegen {

// The tiles of one contraction, and the emitter's place in it.
struct KernelEmitter::Tile {
  const kernel::Contract& contract;
  kernel::ExprId vector_id;     // the operand that moves along the lanes
  kernel::ExprId broadcast_id;  // the other
  const kernel::Expr& vectors;  // what they load
  const kernel::Expr& broadcast;
  kernel::AxisId lanes;
  kernel::AxisId row;                  // invalid: one row
  kernel::AxisId depth;                // the innermost axis of the sum
  std::vector<kernel::AxisId> outer;   // loops around the tiles
  bool partials = false;               // in the order lanes16: one register, sixteen partial sums
  bool long_epilogue = false;          // the stores loop over a tile's rows
  int64_t rows = 1, columns = kLanes;  // of a whole tile
  // A schedule's block cuts the sum into passes over the task's tiles: what a pass reads of the operand along the lanes
  // stays in the cache for all rows. Accumulators wait in memory between passes. Tiles then go along a row first, so
  // that the results are written as they lie in memory. 0: one pass.
  int64_t block = 0;
  llvm::Value* waiting = nullptr;  // vectors, row-major over the task; null where there is one pass
  int64_t waiting_vectors = 0;     // in a row of them

  llvm::Value* row_at = nullptr;
  llvm::Value* lane_at = nullptr;
  llvm::Value* depth_begin = nullptr;
  int64_t depth_count = 0;
  llvm::Value* mask = nullptr;  // of the last vector
};

}  // namespace nnc::codegen
