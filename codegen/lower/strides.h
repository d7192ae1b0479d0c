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

// A subscript that may lie outside, and the one axis of a sum that it moves with; the first, if it moves with none: all terms are
// inside, or none.
struct Guard {
  kernel::AxisId over;
  kernel::Index index;
  int64_t extent;  // of what it addresses
  bool moves_along(kernel::AxisId axis) const;
};
// The checked subscripts of an operand of a sum over these axes, if it is an element of an f32 buffer that is found by
// strides alone wherever it exists, and each such subscript moves with one axis of the sum at most.
std::optional<std::vector<Guard>> guards_of(const kernel::Kernel& kernel, kernel::ExprId operand,
                                            const std::vector<kernel::AxisId>& over);
// Whether a tile of the contraction can have vectors of one operand beside each other along this axis of the results, each at
// its own place, with one factor of the other operand for all of them; and the one axis of the sum, if any, of which they
// see different parts: those that lie inside.
struct Beside {
  kernel::AxisId edge;
};
std::optional<Beside> beside(const kernel::Kernel& kernel, const kernel::Contract& contract,
                             kernel::ExprId vectors, kernel::ExprId factors, kernel::AxisId axis);
// The axis of a contraction's triangle that it sums over; invalid where there is none.
kernel::AxisId summed_in_triangle(const kernel::Contract& contract);

// The load as if all its subscripts were inside.
kernel::Expr unchecked(const kernel::Expr& load);

// The axis of the results along which the rows of a register tile lie, of those that the operand `factors` alone moves along: of
// those that are long enough to fill a tile the one whose places lie closest together, else the longest. Invalid if there is none.
kernel::AxisId row_axis(const kernel::Kernel& kernel, const kernel::Contract& contract, kernel::AxisId lanes,
                        kernel::ExprId vectors, kernel::ExprId factors);

// An op on a value that is affine in axes and a number: floordiv(64 * axis + other + 3, number).
struct AffineAndNumber {
  kernel::Index affine;
  int64_t number;
};
std::optional<AffineAndNumber> affine_and_number(const kernel::Kernel& kernel, kernel::ExprId expr, Op op);

bool uses_axis(const kernel::Kernel& kernel, kernel::ExprId expr, kernel::AxisId axis);

}  // namespace nnc::codegen
