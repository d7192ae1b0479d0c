// See packing.h.
#include "ir/kernel/packing.h"

#include <algorithm>

namespace nnc::kernel {
namespace {

bool moves_along(const Index& index, AxisId axis) {
  return std::ranges::find(index.terms, axis, &Term::axis) != index.terms.end();
}

// The one dimension that moves along the axis.
std::optional<size_t> dimension_along(const Expr& load, AxisId axis) {
  std::optional<size_t> found;
  for (size_t d = 0; d < load.subscripts.size(); ++d) {
    if (!moves_along(load.subscripts[d], axis)) continue;
    if (found) return std::nullopt;
    found = d;
  }
  return found;
}

std::optional<Packing> packing_of(const Kernel& kernel, ExprId operand, AxisId lanes, AxisId first,
                                  int64_t block) {
  const Expr& load = kernel.exprs[operand];
  if (load.kind != ExprKind::load || load.dtype != DType::f32 ||
      kernel.buffers[load.buffer].space != Space::in ||
      std::ranges::any_of(load.subscripts, [](const Index& index) { return index.computed.valid(); }))
    return std::nullopt;
  const std::optional<size_t> along = dimension_along(load, lanes), passes = dimension_along(load, first);
  if (!along || !passes || *along == *passes || load.subscripts[*along] != Index::of(lanes))
    return std::nullopt;
  const Buffer& buffer = kernel.buffers[load.buffer];
  const Reach reach = reach_of(kernel, load.subscripts[*passes], first);
  if (reach.step <= 0) return std::nullopt;
  std::vector<size_t> memory(buffer.layout.order.begin(), buffer.layout.order.end());
  for (size_t d = 0; buffer.layout.order.empty() && d < load.subscripts.size(); ++d) memory.push_back(d);
  if (memory.back() == *along) return std::nullopt;
  Packing packing{operand, {*passes}, {}, 0};
  for (const size_t d : memory)
    if (d != *passes && d != *along) packing.order.push_back(d);
  packing.order.push_back(*along);
  packing.innermost =
      static_cast<size_t>(std::ranges::find(packing.order, memory.back()) - packing.order.begin());
  for (const size_t d : packing.order) packing.extents.push_back(buffer.type.shape[d]);
  const int64_t terms = std::min(block, kernel.axes[first].extent);
  packing.extents.front() = std::min(packing.extents.front(), terms * reach.step + reach.to - reach.from);
  packing.extents.back() = kernel.task_extent(lanes);
  return packing;
}

}  // namespace

Reach reach_of(const Kernel& kernel, const Index& index, AxisId axis) {
  Reach reach{0, index.constant, index.constant + 1};
  for (const Term& term : index.terms) {
    if (term.axis == axis) {
      reach.step = term.coefficient;
      continue;
    }
    const int64_t far = term.coefficient * (kernel.task_extent(term.axis) - 1);
    (far < 0 ? reach.from : reach.to) += far;
  }
  // The last of the axis's values is end - 1.
  reach.to -= reach.step;
  return reach;
}

std::optional<Packing> packing_of(const Kernel& kernel, const Contract& contract, AxisId lanes,
                                  int64_t block) {
  if (contract.order != Order::serial || contract.over.empty() || block <= 0 ||
      std::ranges::find(contract.axes, lanes) == contract.axes.end())
    return std::nullopt;
  const auto uses = [&](ExprId operand) {
    const Expr& e = kernel.exprs[operand];
    return e.kind != ExprKind::load ||
           std::ranges::any_of(e.subscripts, [&](const Index& index) { return moves_along(index, lanes); });
  };
  const bool a_moves = uses(contract.a), b_moves = uses(contract.b);
  if (a_moves == b_moves) return std::nullopt;
  return packing_of(kernel, a_moves ? contract.a : contract.b, lanes, contract.over.front(), block);
}

}  // namespace nnc::kernel
