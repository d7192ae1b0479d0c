// Between the runtime's tensors (bytes) and the reference interpreter's (doubles).
#pragma once

#include <span>
#include <vector>

#include "codegen/program.h"
#include "ir/ops/op.h"

namespace nnc::driver {

// Logical row-major bytes as numbers.
DenseTensor dense(DType dtype, const std::vector<int64_t>& shape, std::span<const unsigned char> bytes);
// A tensor in a bundle's state, whatever its layout there.
DenseTensor dense(const TensorInfo& info, const unsigned char* state);

}  // namespace nnc::driver
