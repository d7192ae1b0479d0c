// Strides, uses and work, read from subscripts and statements.
#include "codegen/lower/strides.h"

#include <algorithm>

namespace nnc::codegen {

using kernel::AxisId;
using kernel::ExprId;
using kernel::Kernel;

std::optional<int64_t> stride_along(const Kernel& kernel, kernel::BufferId id,
                                    const std::vector<kernel::Index>& subscripts, AxisId axis) {
  const kernel::Buffer& buffer = kernel.buffers[id];
  const bool local = buffer.space == kernel::Space::local;
  const std::vector<int64_t> strides =
      local ? strides_of(kernel.local_shape(id), {}) : strides_of(buffer.type.shape, buffer.layout);
  int64_t total = 0;
  for (size_t d = 0; d < subscripts.size(); ++d) {
    const kernel::Index& index = subscripts[d];
    if (index.computed.valid() && uses_axis(kernel, index.computed, axis)) return std::nullopt;
    for (const kernel::Term& term : index.terms) {
      if (term.axis != axis) continue;
      if (!index.is_plain()) return std::nullopt;
      total += term.coefficient * strides[d];
    }
  }
  return total;
}

bool Guard::moves_along(AxisId axis) const {
  return std::ranges::any_of(index.terms, [&](const kernel::Term& term) { return term.axis == axis; });
}

bool is_plain_load(const Kernel& kernel, ExprId id) {
  const kernel::Expr& e = kernel.exprs[id];
  return e.kind == kernel::ExprKind::load && e.dtype == DType::f32 &&
         std::ranges::all_of(e.subscripts, &kernel::Index::is_plain);
}

AxisId row_axis(const Kernel& kernel, const kernel::Contract& contract, AxisId lanes, ExprId vectors,
                ExprId factors) {
  constexpr int64_t kLong = 8;
  const auto moves = [&](ExprId operand, AxisId axis) {
    const kernel::Expr& e = kernel.exprs[operand];
    return e.kind == kernel::ExprKind::load ? stride_along(kernel, e.buffer, e.subscripts, axis)
                                            : std::nullopt;
  };
  AxisId best;
  int64_t best_filled = 0, best_stride = 0;
  for (const AxisId axis : contract.axes) {
    const int64_t stride = std::abs(moves(factors, axis).value_or(0));
    if (axis == lanes || stride == 0 || moves(vectors, axis) != 0) continue;
    const int64_t filled = std::min(kLong, kernel.axes[axis].extent);
    if (best.valid() && (filled < best_filled || (filled == best_filled && stride >= best_stride))) continue;
    best = axis, best_filled = filled, best_stride = stride;
  }
  return best;
}

std::optional<std::vector<Guard>> guards_of(const Kernel& kernel, ExprId id,
                                            const std::vector<AxisId>& over) {
  const kernel::Expr& e = kernel.exprs[id];
  if (e.kind != kernel::ExprKind::load || e.dtype != DType::f32) return std::nullopt;
  std::vector<Guard> guards;
  for (size_t d = 0; d < e.subscripts.size(); ++d) {
    const kernel::Index& index = e.subscripts[d];
    if (index.computed.valid()) return std::nullopt;
    if (!index.checked) continue;
    Guard guard{{}, index, kernel.buffers[e.buffer].type.shape[d]};
    for (const kernel::Term& term : index.terms) {
      if (std::ranges::find(over, term.axis) == over.end()) continue;
      if (guard.over.valid()) return std::nullopt;
      guard.over = term.axis;
    }
    if (!guard.over.valid() && over.empty()) return std::nullopt;
    if (!guard.over.valid()) guard.over = over.front();
    guards.push_back(std::move(guard));
  }
  return guards;
}

std::optional<Beside> beside(const Kernel& kernel, const kernel::Contract& contract, ExprId vectors,
                             ExprId factors, AxisId axis) {
  if (uses_axis(kernel, factors, axis)) return std::nullopt;
  const auto guards = guards_of(kernel, vectors, contract.over);
  const kernel::Expr load = unchecked(kernel.exprs[vectors]);
  if (!guards || stride_along(kernel, load.buffer, load.subscripts, axis).value_or(0) == 0)
    return std::nullopt;
  Beside found;
  for (const Guard& guard : *guards) {
    if (!guard.moves_along(axis)) continue;
    if (found.edge.valid() && found.edge != guard.over) return std::nullopt;
    found.edge = guard.over;
  }
  return found;
}

AxisId summed_in_triangle(const kernel::Contract& contract) {
  if (!contract.triangle) return {};
  for (const AxisId axis : {contract.triangle->low, contract.triangle->high})
    if (std::ranges::find(contract.over, axis) != contract.over.end()) return axis;
  return {};
}

kernel::Expr unchecked(const kernel::Expr& load) {
  kernel::Expr out = load;
  for (kernel::Index& index : out.subscripts) index.checked = false;
  return out;
}

bool uses_axis(const Kernel& kernel, ExprId id, AxisId axis) {
  const kernel::Expr& e = kernel.exprs[id];
  for (const kernel::Index& index : e.subscripts) {
    for (const kernel::Term& term : index.terms)
      if (term.axis == axis) return true;
    if (index.computed.valid() && uses_axis(kernel, index.computed, axis)) return true;
  }
  return std::any_of(e.operands.begin(), e.operands.end(),
                     [&](ExprId operand) { return uses_axis(kernel, operand, axis); });
}

std::optional<AffineAndNumber> affine_and_number(const Kernel& kernel, ExprId id, Op op) {
  const kernel::Expr& e = kernel.exprs[id];
  if (e.kind != kernel::ExprKind::apply || e.op != op) return std::nullopt;
  const kernel::Expr& value = kernel.exprs[e.operands[0]];
  const kernel::Expr& number = kernel.exprs[e.operands[1]];
  if (value.kind != kernel::ExprKind::axis || number.kind != kernel::ExprKind::constant ||
      !value.subscripts[0].is_plain())
    return std::nullopt;
  return AffineAndNumber{value.subscripts[0], static_cast<int64_t>(number.value)};
}

}  // namespace nnc::codegen
