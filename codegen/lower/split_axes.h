// An axis that subscripts take apart is two axes.
#pragma once

#include "ir/kernel/kernel.h"

namespace nnc::codegen {

// Where a subscript is the quotient or the remainder of an axis by a number that divides its extent – a tensor is read through
// a reshape that merged axes, or in blocks of such – the axis becomes two, and the subscript one of them: a place that is computed is gathered element
// by element, an axis is followed. The order of sums is row-major over the axes before and after, so no bit changes. For
// kernels without schedules; join_axes undoes what turns out to lie together.
void split_axes(kernel::Kernel& kernel);

}  // namespace nnc::codegen
