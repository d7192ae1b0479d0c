// Neighboring axes that lie together in memory are one axis.
#pragma once

#include "ir/kernel/kernel.h"

namespace nnc::codegen {

// Joins each pair of axes that every statement runs over one right inside the other and that no subscript tells apart: a
// map over [n, c, 8, 8] of contiguous tensors becomes one over [n * c * 64], whose vectors are full and whose tasks are cut
// anywhere. Dimensions of buffers are joined with them. The order of sums is row-major over the axes before and after, so
// no bit changes. For kernels without schedules.
void join_axes(kernel::Kernel& kernel);

}  // namespace nnc::codegen
