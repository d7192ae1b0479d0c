// How far a pass over a sum goes, by cache sizes.
#include "codegen/lower/sum_passes.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "codegen/lower/strides.h"
#include "ir/kernel/packing.h"
#include "ir/layout.h"

namespace nnc::codegen {

using kernel::AxisId;
using kernel::Contract;
using kernel::ExprId;
using kernel::GridAxis;
using kernel::Kernel;

namespace {

constexpr int64_t kFloatBytes = 4;

kernel::BufferId local(Kernel& k, std::string name, TensorType type) {
  const auto taken = [&](const kernel::Buffer& b) { return b.name == name; };
  while (std::ranges::any_of(k.buffers, taken)) name += "_";
  return k.buffers.push_back({name, std::move(type), {}, kernel::Space::local, {}});
}

// Cuts the axis for the threads, in whole tiles. Returns whether it could.
bool cut_axis(Kernel& k, AxisId axis, int64_t tile, bool whole_tiles, int threads, const Pick& pick) {
  GridAxis* g = axis.valid() ? k.grid_axis(axis) : nullptr;
  if (!g) return false;
  const int64_t extent = k.axes[axis].extent;
  const int64_t tiles = ceil_div(extent, tile);
  if (!pick && tiles < threads) return false;
  const int64_t tasks = pick ? pick(1, tiles) : threads;
  // Few tiles cannot be shared evenly: better a smaller one at the end of each share.
  const int64_t share = ceil_div(extent, tasks);
  g->step = std::min(extent, 4 * tasks <= tiles || whole_tiles ? ceil_div(share, tile) * tile : share);
  return true;
}

}  // namespace

TaskLimits cut_sum(const Kernel& k, Contract& contract, AxisId row, const Target& target, const Pick& pick) {
  constexpr int64_t kAccumulators = 64 << 10;  // bytes that wait between passes
  const int64_t depth = k.axes[contract.over.back()].extent;
  const int64_t columns = k.axes[contract.schedule.lanes].extent;
  if (pick) {
    if (pick(0, 2) != 0) contract.schedule.block = pick(1, depth);
    return {};
  }
  const auto clamp_columns = [&](int64_t most) {
    const int64_t tile = contract.schedule.cols;
    return std::max<int64_t>(1, most / tile) * tile;
  };
  // A deep sum: of the operand along the lanes, a tile reads in a pass what stays in the first level beside the other's, for all
  // tiles of rows.
  if (depth * columns * kFloatBytes > target.l2_bytes / 4) {
    const int64_t most =
        std::max<int64_t>(128, 2 * target.l1_bytes / 3 / (contract.schedule.cols * kFloatBytes));
    if (most < depth) {
      const int64_t together = std::min(columns, clamp_columns(128));
      const int64_t passes = ceil_div(depth, most);
      contract.schedule.block = ceil_div(ceil_div(depth, passes), 4) * 4;
      return {kAccumulators / (ceil_div(together, kLanes) * kLanes * kFloatBytes), together};
    }
  }
  // A sum so shallow that a tile's operands fit the first level, with large results, as of a weight's gradient
  // with its optimizer: all terms in one pass, so that the results are gone through row by row.
  if (k.axes[row].extent * columns * kFloatBytes > target.l2_bytes &&
      depth * (contract.schedule.rows + contract.schedule.cols) * kFloatBytes <= target.l1_bytes) {
    const int64_t together = clamp_columns(target.l2_bytes / 4 / (depth * kFloatBytes));
    if (together < 4 * contract.schedule.cols) return {};
    contract.schedule.block = depth;
    return {0, together};
  }
  return {};
}

void cut_sweeps(const Kernel& k, Contract& contract, const Target& target, const Pick& pick) {
  const int64_t terms = k.axes[contract.over.front()].extent;
  if (pick) {
    if (pick(0, 1) == 0) contract.schedule.block = pick(1, terms);
    return;
  }
  int64_t swept = 0, results = 1;
  for (ExprId operand : {contract.a, contract.b}) swept += k.buffers[k.exprs[operand].buffer].type.bytes();
  for (AxisId axis : contract.axes) results *= k.axes[axis].extent;
  // Where the sum is shorter than the results are many, it is they that would be swept.
  if (swept <= target.l2_bytes || results * kFloatBytes > target.l2_bytes / 4) return;
  contract.schedule.block = std::max<int64_t>(1, target.l2_bytes / 4 / ceil_div(swept, terms));
}

TensorType waiting_type(const Kernel& k, const Contract& contract, AxisId lanes) {
  int64_t waiting = kLanes;
  for (AxisId axis : contract.axes) {
    const int64_t count = k.task_extent(axis);
    waiting *= axis == lanes ? ceil_div(count, kLanes) : count;
  }
  return {DType::f32, {waiting}};
}

void make_waiting(Kernel& k, Contract& contract) {
  if (contract.schedule.block >= k.axes[contract.over.front()].extent) return;
  const TensorType type = waiting_type(k, contract, contract.schedule.lanes);
  if (type.elements() > kernel::kMostSumsWaiting)
    contract.schedule.block = 0;
  else
    contract.schedule.waiting = local(k, "waiting", type);
}

void cut_blocks(Kernel& k, const Contract& contract) {
  const AxisId first = contract.over.front();
  for (const ExprId operand : {contract.a, contract.b})
    for (const kernel::Index& index : k.exprs[operand].subscripts) {
      const auto along = std::ranges::find(index.terms, first, &kernel::Term::axis);
      if (along == index.terms.end()) continue;
      for (const kernel::Term& term : index.terms)
        if (GridAxis* g = k.grid_axis(term.axis);
            g && std::abs(term.coefficient) >= std::abs(along->coefficient) * k.axes[first].extent)
          g->step = 1;
    }
}

void cut_packed(Kernel& k, Contract& contract, AxisId row, const Target& target, int threads,
                const Pick& pick) {
  kernel::Schedule& s = contract.schedule;
  const int64_t tile_columns = s.beside.valid() ? kLanes : s.cols;
  int64_t blocks = 1;
  for (const GridAxis& g : k.grid) blocks *= ceil_div(k.axes[g.axis].extent, g.step);
  if (blocks < threads || pick)
    if (!cut_axis(k, s.lanes, tile_columns, true, threads, pick) || pick)
      cut_axis(k, row, s.rows, false, threads, pick);
  const int64_t terms = k.axes[contract.over.front()].extent;
  const auto copy_of = [&](int64_t block) {
    TensorType type{DType::f32, kernel::packing_of(k, contract, s.lanes, block)->extents};
    type.shape.back() = std::max(type.shape.back(), padded_layout(type.shape).pitch);
    return type;
  };
  // Rows that lie along the sum are read in long pieces, or most of the time goes to finding their pages: rather of fewer rows.
  constexpr int64_t kPiece = 64;  // terms
  const std::optional<kernel::Packing> packing = kernel::packing_of(k, contract, s.lanes, 1);
  const kernel::Expr& packed = k.exprs[packing->operand];
  const ExprId other = packing->operand == contract.a ? contract.b : contract.a;
  if (contract.over.size() == 1 && stride_along(k, packed.buffer, packed.subscripts, contract.over[0]) == 1 &&
      k.buffers[k.exprs[other].buffer].type.bytes() <= target.l2_bytes / 4 && !pick)
    for (GridAxis* g = k.grid_axis(s.lanes);
         g && g->step > tile_columns && copy_of(std::min(terms, kPiece)).bytes() > target.l2_bytes / 4;)
      g->step = ceil_div(ceil_div(g->step, tile_columns), 2) * tile_columns;
  const int64_t unit = contract.over.size() == 1 ? 4 : 1;  // terms of a turn of a tile's loop
  int64_t passes = pick ? pick(1, terms) : 1;
  while (passes < terms && copy_of(ceil_div(terms, passes)).bytes() > target.l2_bytes / 4) ++passes;
  s.block = std::min(terms, ceil_div(ceil_div(terms, passes), unit) * unit);
  make_waiting(k, contract);
  s.packed = local(k, "packed", copy_of(s.block));
}

}  // namespace nnc::codegen
