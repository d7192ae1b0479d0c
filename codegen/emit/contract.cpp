// Contractions in register tiles: which suit them, and the way over the tiles of a task.
#include <algorithm>

#include "codegen/emit/ahead.h"
#include "codegen/emit/pack.h"
#include "codegen/emit/tile.h"
#include "codegen/lower/strides.h"
#include "support/check.h"

namespace nnc::codegen {

using kernel::AxisId;
using kernel::BufferId;
using kernel::Contract;
using kernel::ExprId;
using kernel::ExprKind;

namespace {

// An epilogue of more operations than this runs in a loop over the tile's rows rather than once per register.
constexpr int kInlineEpilogue = 6;

int count_operations(const kernel::Kernel& kernel, ExprId id) {
  const kernel::Expr& e = kernel.exprs[id];
  int count = e.kind == ExprKind::apply ? 1 : 0;
  if (e.kind == ExprKind::apply && op_def(e.op).has(kExpensive)) count += 4;
  for (ExprId operand : e.operands) count += count_operations(kernel, operand);
  return count;
}

}  // namespace

std::optional<TileEmitter::Tile> TileEmitter::tile_of(const Contract& contract) const {
  const kernel::Schedule& schedule = contract.schedule;
  const AxisId lanes = schedule.lanes;
  if (!lanes.valid() || std::ranges::find(contract.axes, lanes) == contract.axes.end() ||
      contract.over.empty() || contract.accumulator != DType::f32)
    return std::nullopt;
  const bool a_moves = uses_axis(k_, contract.a, lanes);
  if (a_moves == uses_axis(k_, contract.b, lanes)) return std::nullopt;
  const ExprId vector_id = a_moves ? contract.a : contract.b;
  const ExprId broadcast_id = a_moves ? contract.b : contract.a;
  Tile tile{contract,
            vector_id,
            broadcast_id,
            unchecked(k_.exprs[vector_id]),
            unchecked(k_.exprs[broadcast_id]),
            lanes,
            {},
            {},
            {},
            contract.over.back(),
            {},
            {}};
  tile.partials = contract.order == Order::lanes16;
  if (tile.partials && contract.over.size() != 1) return std::nullopt;
  tile.row = row_axis(k_, contract, lanes, vector_id, broadcast_id);
  for (AxisId axis : contract.axes)
    if (axis != lanes && !tile.row.valid() && uses_axis(k_, broadcast_id, axis) &&
        !uses_axis(k_, vector_id, axis))
      tile.row = axis;
  if (schedule.packed.valid() && tile.row.valid()) {
    tile.packing = kernel::packing_of(k_, contract, lanes, schedule.block);
    NNC_CHECK(tile.packing && tile.packing->operand == vector_id, "what is packed is read in vectors");
    kernel::Expr copy = tile.vectors_of;
    copy.buffer = schedule.packed;
    copy.subscripts.clear();
    for (const size_t d : tile.packing->order) copy.subscripts.push_back(tile.vectors_of.subscripts[d]);
    tile.vectors_of = std::move(copy);
  }
  for (const ExprId operand : {vector_id, broadcast_id}) {
    const auto guards = guards_of(k_, operand, contract.over);
    tile.computed = tile.computed || !guards;
    if (guards) tile.guards.insert(tile.guards.end(), guards->begin(), guards->end());
  }
  for (const Guard& guard : tile.guards)
    for (const kernel::Term& term : guard.index.terms)
      tile.computed = tile.computed || term.axis == lanes || term.axis == tile.row;
  tile.computed =
      tile.computed || stride_along(k_, tile.vectors_of.buffer, tile.vectors_of.subscripts, lanes) != 1;
  if (const AxisId summed = summed_in_triangle(contract); summed.valid()) {
    tile.edge_of_sum = contract.triangle->low == summed ? contract.triangle->high : contract.triangle->low;
    tile.computed = tile.computed || contract.over.size() != 1 || !tile.guards.empty();
  }
  if (!tile.partials && !tile.computed && !contract.triangle && schedule.beside.valid())
    if (const auto along = beside(k_, contract, vector_id, broadcast_id, schedule.beside))
      tile.beside = schedule.beside, tile.edge = along->edge;
  for (AxisId axis : contract.axes)
    if (axis != lanes && axis != tile.row && axis != tile.beside) tile.outer.push_back(axis);
  if (!tile.partials) {
    if (tile.row.valid()) tile.rows = std::max<int64_t>(1, schedule.rows);
    tile.vectors = std::max<int64_t>(1, schedule.cols / kLanes);
    if (!tile.computed && tile.row.valid())
      tile.block = std::min(schedule.block, k_.axes[contract.over[0]].extent);
  }
  int operations = 0;
  for (const kernel::Store& s : contract.stores) operations += count_operations(k_, s.value);
  tile.long_epilogue = operations > kInlineEpilogue;
  return tile;
}

// The local for the accumulators of all the task's tiles is zero before the first pass.
void TileEmitter::clear_waiting(Tile& tile) {
  const BufferId local = tile.contract.schedule.waiting;
  tile.waiting = e_.pointer(local, i64(0));
  const auto bytes = static_cast<uint64_t>(element_count(k_.local_shape(local)) * dtype_bytes(DType::f32));
  b_.CreateMemSet(tile.waiting, b_.getInt8(0), bytes, llvm::MaybeAlign(64));
}

// Where the accumulator of the tile's row r, vector c waits: row-major over the task, vectors innermost.
llvm::Value* TileEmitter::waiting_at(const Tile& tile, int64_t r, int64_t c) {
  llvm::Value* at = i64(0);
  int64_t offset = 0;
  const auto next = [&](int64_t extent, llvm::Value* begin, llvm::Value* index, int64_t step,
                        int64_t further) {
    at = at_.add(at_.mul(at, extent), at_.udiv(at_.sub(index, begin), step));
    offset = offset * extent + further;
  };
  const auto axis = [&](AxisId id, llvm::Value* index, int64_t further) {
    next(k_.task_extent(id), e_.bounds(id).begin, index, 1, further);
  };
  for (AxisId outer : tile.outer) axis(outer, e_.axis_value(outer), 0);
  axis(tile.row, tile.row_at, r);
  if (tile.beside.valid()) axis(tile.beside, tile.beside_at, c);
  next((k_.task_extent(tile.lanes) + kLanes - 1) / kLanes, e_.bounds(tile.lanes).begin, tile.lane_at, kLanes,
       tile.beside.valid() ? 0 : c);
  return at_.element(vector_type(), tile.waiting, at_.add(at, offset));
}

// What waits from the passes before; zeros where there are none.
Values TileEmitter::waiting(const Tile& tile, int64_t rows, int64_t vectors) {
  Values sums(static_cast<size_t>(rows * vectors), llvm::Constant::getNullValue(vector_type()));
  for (int64_t r = 0; tile.waiting != nullptr && r < rows; ++r)
    for (int64_t c = 0; c < vectors; ++c)
      sums[static_cast<size_t>(r * vectors + c)] =
          b_.CreateAlignedLoad(vector_type(), waiting_at(tile, r, c), llvm::Align(64));
  return sums;
}

// The sums of one pass, on top of what waits from those before.
Values TileEmitter::tile_pass(const Tile& tile, int64_t rows, int64_t vectors) {
  const Values start = waiting(tile, rows, vectors);
  return tile.computed ? computed_sum(tile, rows, vectors, start) : plain_sum(tile, rows, vectors, start);
}

void TileEmitter::early_tile(const Tile& tile, int64_t rows, int64_t vectors) {
  const Values sums = tile_pass(tile, rows, vectors);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < vectors; ++c)
      b_.CreateAlignedStore(sums[static_cast<size_t>(r * vectors + c)], waiting_at(tile, r, c),
                            llvm::Align(64));
}

void TileEmitter::last_tile(const Tile& tile, int64_t rows, int64_t vectors) {
  prefetch_stores(tile, rows, vectors);
  const auto sum = [&] {
    return tile.partials ? Values{partial_sums(tile)} : tile_pass(tile, rows, vectors);
  };
  const bool in_triangle = tile.contract.triangle && !tile.edge_of_sum.valid();
  finish(tile, rows, vectors, in_triangle ? this->in_triangle(tile, rows, vectors, sum) : sum());
}

void TileEmitter::stored_tile(const Tile& tile, int64_t rows, int64_t vectors) {
  finish(tile, rows, vectors, waiting(tile, rows, vectors));
}

void TileEmitter::finish(const Tile& tile, int64_t rows, int64_t vectors, const Values& sums) {
  if (tile.long_epilogue && rows > 1)
    stores_looped(tile, rows, vectors, sums);
  else
    stores(tile, rows, vectors, sums);
}

void TileEmitter::down_rows(Tile& tile, const std::function<void(int64_t rows)>& body) {
  e_.in_steps(tile.row, tile.rows, [&](llvm::Value* at, int64_t rows) {
    tile.row_at = at;
    body(rows);
  });
}

void TileEmitter::along_lanes(Tile& tile, const std::function<void(int64_t vectors)>& body) {
  const int64_t step = tile.beside.valid() ? kLanes : tile.vectors * kLanes;
  e_.in_steps(tile.lanes, step, [&](llvm::Value* at, int64_t columns) {
    tile.lane_at = at;
    const int64_t last = columns % kLanes;
    tile.mask = last == 0 ? nullptr : e_.tail_mask(i64(0), i64(last));
    if (tile.beside.valid())
      e_.in_steps(tile.beside, tile.vectors, [&](llvm::Value* beside_at, int64_t vectors) {
        tile.beside_at = beside_at;
        body(vectors);
      });
    else
      body((columns + kLanes - 1) / kLanes);
    tile.mask = nullptr;
  });
}

// Along a row first, so that the results are written as they lie in memory.
void TileEmitter::each_tile(Tile& tile,
                            void (TileEmitter::*one)(const Tile&, int64_t rows, int64_t vectors)) {
  e_.each_in(tile.outer, [&] {
    down_rows(tile, [&](int64_t rows) {
      along_lanes(tile, [&](int64_t vectors) { (this->*one)(tile, rows, vectors); });
    });
  });
}

// All of the task's tiles, in as many passes as the schedule wants.
void TileEmitter::all_tiles(Tile& tile) {
  tile.depth_begin = i64(0);
  tile.depth_count = k_.axes[tile.depth].extent;
  if (tile.block != 0) return in_passes(tile);
  // Beyond a triangle there is nothing but stores, which come faster along a row.
  if (tile.contract.triangle && !tile.edge_of_sum.valid()) return each_tile(tile, &TileEmitter::last_tile);
  e_.each_in(tile.outer, [&] {
    along_lanes(tile, [&](int64_t vectors) {
      down_rows(tile, [&](int64_t rows) {
        find_ahead(tile);
        last_tile(tile, rows, vectors);
      });
    });
  });
}

// Tiles of one column that go through the whole sum in one line.
void TileEmitter::find_ahead(Tile& tile) {
  StepsAhead* ahead = e_.ahead();
  if (!ahead || ahead->during() != &tile.contract || !tile.row.valid() || !tile.outer.empty() ||
      tile.beside.valid() || tile.contract.over.size() != 1 || !tile.guards.empty() || tile.computed ||
      tile.partials || tile.contract.triangle || k_.task_extent(tile.lanes) > tile.vectors * kLanes)
    return;
  const int64_t rows = k_.task_extent(tile.row);
  tile.ahead = ahead->at_tile(at_.udiv(at_.sub(tile.row_at, e_.bounds(tile.row).begin), tile.rows),
                              rows / tile.rows, tile.depth_count / kUnroll);
}

// For the pass from `begin` to `end` of the first axis of the sum.
void TileEmitter::pack(Tile& tile, llvm::Value* begin, llvm::Value* end) {
  if (tile.packing)
    tile.packed_from =
        PackEmitter(e_).emit(tile.contract, *tile.packing, e_.bounds(tile.lanes), {begin, end});
}

void TileEmitter::in_passes(Tile& tile) {
  const AxisId first = tile.contract.over.front();
  const int64_t extent = k_.axes[first].extent;
  const int64_t early_passes = (extent - 1) / tile.block;
  if (early_passes == 0) {
    pack(tile, i64(0), i64(extent));
    return each_tile(tile, &TileEmitter::last_tile);
  }
  if (first != tile.depth) {
    e_.loop(i64(0), i64(extent), tile.block, [&](llvm::Value* begin) {
      llvm::Value* end = at_.smin(at_.add(begin, tile.block), i64(extent));
      pack(tile, begin, end);
      e_.within(first, {begin, end}, [&] { each_tile(tile, &TileEmitter::early_tile); });
    });
    return each_tile(tile, &TileEmitter::stored_tile);
  }
  e_.loop(i64(0), i64(early_passes * tile.block), tile.block, [&](llvm::Value* begin) {
    tile.depth_begin = begin;
    tile.depth_count = tile.block;
    pack(tile, begin, at_.add(begin, tile.block));
    each_tile(tile, &TileEmitter::early_tile);
  });
  tile.depth_begin = i64(early_passes * tile.block);
  tile.depth_count = extent - early_passes * tile.block;
  pack(tile, tile.depth_begin, i64(extent));
  each_tile(tile, &TileEmitter::last_tile);
}

bool TileEmitter::emit(const Contract& contract) {
  std::optional<Tile> tile = tile_of(contract);
  if (!tile) return false;
  std::vector<ExprId> roots;
  for (const kernel::Store& s : contract.stores) roots.push_back(s.value);
  if (tile->computed) roots.insert(roots.end(), {contract.a, contract.b});
  e_.begin_statement(roots, contract.stores);
  if (tile->block != 0 && tile->block < k_.axes[contract.over.front()].extent) clear_waiting(*tile);
  e_.hoist();
  all_tiles(*tile);
  return true;
}

}  // namespace nnc::codegen
