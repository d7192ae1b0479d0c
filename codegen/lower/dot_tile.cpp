// See dot_tile.h.
#include "codegen/lower/dot_tile.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "codegen/lower/cut_rows.h"
#include "ir/order.h"

namespace nnc::codegen {

using kernel::AxisId;
using kernel::Kernel;

namespace {

// How many bytes of the operand's tensor a part of the contraction looks at: so many places along the axes that are named, one
// along others.
double looked_at(const Kernel& kernel, kernel::ExprId id,
                 const std::vector<std::pair<AxisId, int64_t>>& along) {
  const kernel::Expr& load = kernel.exprs[id];
  const Shape& shape = kernel.buffers[load.buffer].type.shape;
  double bytes = 4;
  for (size_t d = 0; d < shape.size(); ++d) {
    int64_t span = 1;
    for (const kernel::Term& term : load.subscripts[d].terms)
      for (const auto& [axis, extent] : along)
        if (axis == term.axis) span += std::abs(term.coefficient) * (extent - 1);
    bytes *= static_cast<double>(std::min(span, shape[d]));
  }
  return bytes;
}

}  // namespace

double dot_cycles(const Kernel& kernel, const kernel::Contract& contract, const DotTile& t,
                  const Target& target, const std::function<int64_t(AxisId)>& extent, bool is_repeated) {
  constexpr double kFromL2 = 32, kFromAfar = 8;  // bytes in a cycle
  const AxisId first = contract.over.front();
  const bool in_passes = t.block != 0;
  const int64_t part = in_passes ? t.block : extent(first);
  const auto passes = static_cast<double>(ceil_div(extent(first), part));
  std::vector<std::pair<AxisId, int64_t>> seen;
  double terms = 1, results = 1;
  for (const AxisId axis : contract.over) {
    const int64_t count = axis == first ? part : extent(axis);
    seen.emplace_back(axis, count);
    terms *= static_cast<double>(axis == contract.over.back() ? ceil_div(count, kLanes) : count);
  }
  for (const AxisId axis : contract.axes) results *= static_cast<double>(extent(axis));
  const int64_t all_rows = t.row.valid() ? extent(t.row) : 1,
                all_columns = t.column.valid() ? extent(t.column) : 1;
  const double around = results / static_cast<double>(all_rows * all_columns);
  const auto row_tiles = static_cast<double>(ceil_div(all_rows, t.rows));
  const auto column_tiles = static_cast<double>(ceil_div(all_columns, t.columns));
  // For sixteen terms: two multiply-adds, or one vector from the second cache level, in each cycle; not all that is loaded
  // meanwhile is hidden.
  const auto vectors = static_cast<double>(t.rows + t.columns);
  const double computing = std::max(static_cast<double>(t.rows * t.columns) / 2, vectors) + vectors / 4;
  auto with_row = seen, with_column = seen;
  if (t.row.valid()) with_row.emplace_back(t.row, t.rows);
  if (t.column.valid()) with_column.emplace_back(t.column, t.columns);
  const double of_row = looked_at(kernel, contract.a, with_row),
               of_column = looked_at(kernel, contract.b, with_column);
  double of_all = 0;
  for (const kernel::ExprId operand : {contract.a, contract.b})
    of_all += static_cast<double>(kernel.buffers[kernel.exprs[operand].buffer].type.bytes()) / passes;
  // The bytes that a cache of that size fetches for a pass: columns are gone through innermost, rows around them, and what the last
  // tile has left is not fetched again.
  const auto fetched = [&](double size) {
    if (of_all < size) return is_repeated ? 0 : of_all;
    const double all_of_columns = of_column * column_tiles;
    return around * (row_tiles * of_row * (of_row + of_column < size ? 1 : column_tiles) +
                     all_of_columns * (of_row + all_of_columns < size ? 1 : row_tiles));
  };
  double from_l2 = fetched(0.8 * static_cast<double>(target.l1_bytes));
  if (in_passes) from_l2 += 2 * results * kLanes * 4;
  const double from_afar = fetched(0.5 * static_cast<double>(target.l2_bytes));
  const double busy = around * row_tiles * column_tiles * terms * computing;
  return passes * std::max({busy, from_l2 / kFromL2, from_afar / kFromAfar});
}

}  // namespace nnc::codegen
