// Small questions about subscripts that scheduling and emission both ask.
#pragma once

#include <optional>

#include "ir/kernel/kernel.h"

namespace nnc::codegen {

// Elements that `buffer[subscripts]` moves per step of `axis`; nothing if a computed or checked subscript
// depends on the axis.
std::optional<int64_t> stride_along(const kernel::Kernel& kernel, kernel::BufferId buffer,
                                    const std::vector<kernel::Index>& subscripts, kernel::AxisId axis);

// Whether the expression is an element of an f32 buffer that is found by strides alone.
bool is_plain_load(const kernel::Kernel& kernel, kernel::ExprId expr);

bool uses_axis(const kernel::Kernel& kernel, kernel::ExprId expr, kernel::AxisId axis);

// Multiply-adds, times two, of the kernel's contractions.
double flops(const kernel::Kernel& kernel);

}  // namespace nnc::codegen
