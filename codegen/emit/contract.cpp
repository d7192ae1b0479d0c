// Contractions in register tiles: which suit them, and the way over the tiles of a task.
#include <algorithm>

#include "codegen/emit/tile.h"
#include "codegen/lower/strides.h"

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
            contract.over.back(),
            {},
            {}};
  tile.partials = contract.order == Order::lanes16;
  if (tile.partials && contract.over.size() != 1) return std::nullopt;
  for (AxisId axis : contract.axes) {
    if (axis == lanes) continue;
    if (!tile.row.valid() && uses_axis(k_, broadcast_id, axis) && !uses_axis(k_, vector_id, axis))
      tile.row = axis;
    else
      tile.outer.push_back(axis);
  }
  for (const ExprId operand : {vector_id, broadcast_id}) {
    const auto guards = guards_of(k_, operand, contract.over);
    tile.computed = tile.computed || !guards;
    if (guards) tile.guards.insert(tile.guards.end(), guards->begin(), guards->end());
  }
  for (const Guard& guard : tile.guards)
    for (const kernel::Term& term : guard.index.terms)
      tile.computed = tile.computed || term.axis == lanes || term.axis == tile.row;
  tile.computed = tile.computed || stride_along(k_, tile.vectors.buffer, tile.vectors.subscripts, lanes) != 1;
  if (!tile.partials) {
    if (tile.row.valid()) tile.rows = std::max<int64_t>(1, schedule.rows);
    tile.columns = std::max<int64_t>(1, schedule.cols / kLanes) * kLanes;
    if (!tile.computed && tile.outer.empty() && contract.over.size() == 1 && tile.row.valid())
      tile.block = std::min(schedule.block, k_.axes[tile.depth].extent);
  }
  int operations = 0;
  for (const kernel::Store& s : contract.stores) operations += count_operations(k_, s.value);
  tile.long_epilogue = operations > kInlineEpilogue;
  return tile;
}

// The local for the accumulators of all the task's tiles is zero before the first pass.
void TileEmitter::clear_waiting(Tile& tile) {
  const BufferId local = tile.contract.schedule.waiting;
  const int64_t width = k_.local_shape(local)[1];
  tile.waiting_vectors = width / kLanes;
  tile.waiting = e_.pointer(local, i64(0));
  const auto bytes = static_cast<uint64_t>(k_.task_extent(tile.row) * width * dtype_bytes(DType::f32));
  b_.CreateMemSet(tile.waiting, b_.getInt8(0), bytes, llvm::MaybeAlign(64));
}

// Where the accumulator of the tile's row r, vector c waits.
llvm::Value* TileEmitter::waiting_at(const Tile& tile, int64_t r, int64_t c) {
  llvm::Value* at =
      b_.CreateMul(b_.CreateSub(tile.row_at, e_.bounds(tile.row).begin), i64(tile.waiting_vectors));
  at = b_.CreateAdd(at, b_.CreateUDiv(b_.CreateSub(tile.lane_at, e_.bounds(tile.lanes).begin), i64(kLanes)));
  return b_.CreateConstGEP1_64(vector_type(), b_.CreateGEP(vector_type(), tile.waiting, at),
                               static_cast<uint64_t>(r * tile.waiting_vectors + c));
}

// The sums of one pass, on top of what waits from those before.
Values TileEmitter::tile_pass(const Tile& tile, int64_t rows, int64_t vectors) {
  Values start(static_cast<size_t>(rows * vectors), llvm::Constant::getNullValue(vector_type()));
  for (int64_t r = 0; tile.waiting != nullptr && r < rows; ++r)
    for (int64_t c = 0; c < vectors; ++c)
      start[static_cast<size_t>(r * vectors + c)] =
          b_.CreateAlignedLoad(vector_type(), waiting_at(tile, r, c), llvm::Align(64));
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
  const Values sums = tile.partials ? Values{partial_sums(tile)} : tile_pass(tile, rows, vectors);
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
  e_.in_steps(tile.lanes, tile.columns, [&](llvm::Value* at, int64_t columns) {
    tile.lane_at = at;
    const int64_t last = columns % kLanes;
    tile.mask = last == 0 ? nullptr : e_.tail_mask(i64(0), i64(last));
    body((columns + kLanes - 1) / kLanes);
    tile.mask = nullptr;
  });
}

// All of the task's tiles, in as many passes as the schedule wants.
void TileEmitter::all_tiles(Tile& tile) {
  const int64_t depth = k_.axes[tile.depth].extent;
  tile.depth_begin = i64(0);
  tile.depth_count = depth;
  if (tile.block == 0)
    return along_lanes(tile, [&](int64_t vectors) {
      down_rows(tile, [&](int64_t rows) { last_tile(tile, rows, vectors); });
    });
  const auto pass = [&](void (TileEmitter::*one_tile)(const Tile&, int64_t, int64_t)) {
    down_rows(tile, [&](int64_t rows) {
      along_lanes(tile, [&](int64_t vectors) { (this->*one_tile)(tile, rows, vectors); });
    });
  };
  const int64_t early_passes = (depth - 1) / tile.block;
  if (early_passes > 0)
    e_.loop(i64(0), i64(early_passes * tile.block), tile.block, [&](llvm::Value* begin) {
      tile.depth_begin = begin;
      tile.depth_count = tile.block;
      pass(&TileEmitter::early_tile);
    });
  tile.depth_begin = i64(early_passes * tile.block);
  tile.depth_count = depth - early_passes * tile.block;
  pass(&TileEmitter::last_tile);
}

bool TileEmitter::emit(const Contract& contract) {
  std::optional<Tile> tile = tile_of(contract);
  if (!tile) return false;
  std::vector<ExprId> roots;
  for (const kernel::Store& s : contract.stores) roots.push_back(s.value);
  if (tile->computed) roots.insert(roots.end(), {contract.a, contract.b});
  e_.begin_statement(roots, contract.stores);
  if (tile->block != 0 && tile->block < k_.axes[tile->depth].extent) clear_waiting(*tile);
  e_.hoist();
  e_.each_in(tile->outer, [&] { all_tiles(*tile); });
  return true;
}

}  // namespace nnc::codegen
