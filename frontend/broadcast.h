// The narrow broadcasting rule of the language: a number fills any shape; missing leading axes of the lower
// rank are added and its written 1s stretch; at equal rank the written 1s of both do.
#pragma once

#include "frontend/elaborator.h"

namespace nnc::frontend {

// The dims both fit, or nothing.
std::optional<Dims> broadcast_dims(const Dims& a, const Dims& b);
// What NumPy would make of it, for messages.
std::optional<Dims> numpy_dims(const Dims& a, const Dims& b);
// `message`, and what the shapes would have made, or that a batch axis equals only itself.
void report_clash(Elaborator& e, std::string message, const Dims& a, const Dims& b, const Site& site);
// "f32(x)", and "f32(a + b)" for an argument that has its parentheses already.
std::string call_text(std::string_view function, const std::string& argument);
// The operands as tensors of one dtype and shape, broadcasts and casts in the graph; reports when they do not
// fit.
std::optional<std::vector<Tensor>> meet(Elaborator& e, const Elementwise& op,
                                        std::span<const Operand* const> operands, const Site& site);

// The dtype of the op's result on operands of one dtype; run-time scalars in double become f32 where the op exists in
// f32 only. Reports, at `first`, what the op does not take.
std::optional<DType> settle_dtype(Elaborator& e, Op op, std::vector<Tensor>& tensors, const Operand& first,
                                  const Site& site);

}  // namespace nnc::frontend
