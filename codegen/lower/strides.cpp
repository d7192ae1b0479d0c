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
    if (!guard.over.valid()) return std::nullopt;
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

namespace {

// The share of the values of its axes for which a checked subscript lies inside.
double share_inside(const Kernel& kernel, const Guard& guard) {
  constexpr int64_t kMost = 1 << 20;
  int64_t all = 1;
  for (const kernel::Term& term : guard.index.terms)
    all = std::min(kMost, all * kernel.axes[term.axis].extent);
  if (all == 0 || all == kMost) return 1;
  int64_t inside = 0;
  for (int64_t point = 0; point < all; ++point) {
    int64_t rest = point, at = guard.index.constant;
    for (const kernel::Term& term : guard.index.terms) {
      const int64_t extent = kernel.axes[term.axis].extent;
      at += term.coefficient * (rest % extent);
      rest /= extent;
    }
    inside += at >= 0 && at < guard.extent ? 1 : 0;
  }
  return static_cast<double>(inside) / static_cast<double>(all);
}

double flops(const Kernel& kernel, const kernel::Block& block) {
  double total = 0;
  for (const kernel::Statement& statement : block) {
    if (const auto* loop = std::get_if<kernel::For>(&statement.body))
      total += static_cast<double>(kernel.axes[loop->axis].extent) * flops(kernel, loop->body);
    const auto* contract = std::get_if<kernel::Contract>(&statement.body);
    if (!contract) continue;
    double terms = 2;
    for (AxisId axis : contract->axes) terms *= static_cast<double>(kernel.axes[axis].extent);
    for (AxisId axis : contract->over) terms *= static_cast<double>(kernel.axes[axis].extent);
    for (ExprId operand : {contract->a, contract->b})
      if (const auto guards = guards_of(kernel, operand, contract->over))
        for (const Guard& guard : *guards) terms *= share_inside(kernel, guard);
    total += terms;
  }
  return total;
}

}  // namespace

int64_t points(const Kernel& kernel, const kernel::Statement& statement) {
  int64_t count = 1;
  const auto times = [&](const std::vector<AxisId>& axes) {
    for (AxisId axis : axes) count *= kernel.axes[axis].extent;
  };
  if (const auto* map = std::get_if<kernel::Map>(&statement.body)) times(map->axes);
  if (const auto* reduce = std::get_if<kernel::Reduce>(&statement.body))
    times(reduce->axes), times(reduce->over);
  if (const auto* scatter = std::get_if<kernel::Scatter>(&statement.body)) times(scatter->axes);
  if (const auto* loop = std::get_if<kernel::For>(&statement.body)) {
    int64_t body = 0;
    for (const kernel::Statement& inner : loop->body) body += points(kernel, inner);
    count = body * kernel.axes[loop->axis].extent;
  }
  return count;
}

double flops(const Kernel& kernel) {
  return flops(kernel, kernel.body);
}

}  // namespace nnc::codegen
