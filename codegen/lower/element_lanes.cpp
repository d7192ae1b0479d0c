// See element_lanes.h.
#include "codegen/lower/element_lanes.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "codegen/lower/strides.h"

namespace nnc::codegen {
namespace {

using kernel::AxisId;
using kernel::ExprId;
using kernel::ExprKind;
using kernel::Kernel;

// How well vectors along `axis` suit an expression's loads: unit strides are good, gathers are not. What a sum `over` some
// axes loads for each of its terms counts more than what it loads once.
double suits(const Kernel& kernel, ExprId id, AxisId axis, const std::vector<AxisId>& over,
             std::vector<ExprId>& seen) {
  constexpr double kTerms = 4;
  if (std::find(seen.begin(), seen.end(), id) != seen.end()) return 0;
  seen.push_back(id);
  const kernel::Expr& e = kernel.exprs[id];
  double score = 0;
  if (e.kind == ExprKind::load) {
    const std::optional<int64_t> stride = stride_along(kernel, e.buffer, e.subscripts, axis);
    const bool is_term = std::ranges::any_of(over, [&](AxisId o) { return uses_axis(kernel, id, o); });
    score += (!stride ? -2 : *stride == 1 ? 1 : *stride == 0 ? 0 : -2) * (is_term ? kTerms : 1);
  }
  for (ExprId operand : e.operands) score += suits(kernel, operand, axis, over, seen);
  for (const kernel::Index& index : e.subscripts)
    if (index.computed.valid()) score += suits(kernel, index.computed, axis, over, seen);
  return score;
}

// The best of `axes`, or of those and `along_sum`. Along an output axis every store must move.
AxisId best_lanes(const Kernel& kernel, const std::vector<AxisId>& axes,
                  const std::vector<kernel::Store>& stores, std::vector<ExprId> values, AxisId along_sum,
                  const std::vector<AxisId>& over, const Extent& extent, const Pick& pick) {
  for (const kernel::Store& s : stores) values.push_back(s.value);
  AxisId best;
  double best_score = 0;
  std::vector<AxisId> legal;
  const auto consider = [&](AxisId axis, bool stores_move) {
    double score = 0.5;
    if (stores_move)
      for (const kernel::Store& s : stores) {
        const std::optional<int64_t> stride = stride_along(kernel, s.buffer, s.index, axis);
        if (!stride || *stride == 0) return;
        score += *stride == 1 ? 2 : -3;
      }
    std::vector<ExprId> seen;
    for (ExprId value : values) score += suits(kernel, value, axis, over, seen);
    if (extent(axis) < kLanes) score *= score > 0 ? static_cast<double>(extent(axis)) / kLanes : 1;
    legal.push_back(axis);
    if (!best.valid() || score > best_score) {
      best = axis;
      best_score = score;
    }
  };
  for (AxisId axis : axes) consider(axis, true);
  if (along_sum.valid()) consider(along_sum, false);
  if (pick && !legal.empty()) {
    const int64_t choice = pick(0, static_cast<int64_t>(legal.size()));
    return choice < static_cast<int64_t>(legal.size()) ? legal[static_cast<size_t>(choice)] : AxisId{};
  }
  // A lone element gains nothing from vectors.
  if (best.valid() && extent(best) == 1) return {};
  return best;
}

}  // namespace

AxisId lanes_of(const Kernel& kernel, const kernel::Map& map, const Extent& extent, const Pick& pick) {
  return best_lanes(kernel, map.axes, map.stores, {}, {}, {}, extent, pick);
}

AxisId lanes_of(const Kernel& kernel, const kernel::Reduce& reduce, const Extent& extent, const Pick& pick) {
  AxisId along_sum;
  if (reduce.order == Order::lanes16 && kernel::combine_def(reduce.combine).components == 1 &&
      (reduce.over.size() == 1 || extent(reduce.over.back()) % kLanes == 0))
    along_sum = reduce.over.back();
  return best_lanes(kernel, reduce.axes, reduce.stores, {reduce.value}, along_sum, reduce.over, extent, pick);
}

}  // namespace nnc::codegen
