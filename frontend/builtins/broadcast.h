// The narrow broadcasting rule of the language: a number fills any shape; missing leading axes of the lower
// rank are added and its written 1s stretch; at equal rank the written 1s of both do.
#pragma once

#include "frontend/elaborate/elaborator.h"

namespace nnc::frontend {

// The dims both fit, or nothing.
std::optional<Dims> broadcast_dims(const Dims& a, const Dims& b);
// The operands as tensors of one dtype and shape, broadcasts and casts in the graph; reports when they do not
// fit.
std::optional<std::vector<Tensor>> meet(Elaborator& e, const Elementwise& op,
                                        std::span<const Operand* const> operands, const Site& site);

// The dtype of the op's result on operands of one dtype; run-time scalars in double become f32 where the op exists in
// f32 only. Reports, at `first`, what the op does not take.
std::optional<DType> settle_dtype(Elaborator& e, Op op, std::vector<Tensor>& tensors, const Operand& first,
                                  const Site& site);

}  // namespace nnc::frontend
