// Inside of the contraction emitter: what the parts of one tiled contraction share.
#pragma once

#include "codegen/emit_kernel.h"

namespace nnc::codegen {

struct KernelEmitter::Tile {
  const kernel::Contract& contract;
  const kernel::Expr& vectors;    // the operand that moves along the lanes
  const kernel::Expr& broadcast;  // the other
  kernel::AxisId lanes;
  kernel::AxisId row;    // invalid: one row
  kernel::AxisId depth;  // the innermost axis of the sum
  llvm::Value* row_at = nullptr;
  llvm::Value* lane_at = nullptr;
  llvm::Value* depth_begin = nullptr;
  int64_t depth_count = 0;
  llvm::Value* mask = nullptr;  // of the last vector
};

}  // namespace nnc::codegen
