// Contractions. Three ways, all with the meaning of ir/kernel/kernel.h, so all with the same bits:
//  - plain: scalar loops (the empty schedule);
//  - tiled: a register tile of `rows` x `cols` outputs, one operand broadcast, the other in vectors along
//  `lanes`;
//  - dots: vectors along the sum, for narrow outputs in the order lanes16.
#include <llvm/IR/Intrinsics.h>

#include <algorithm>

#include "codegen/emit/tile.h"
#include "codegen/lower/strides.h"
#include "support/check.h"

namespace nnc::codegen {

using kernel::AxisId;
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

void KernelEmitter::emit(const Contract& contract) {
  std::vector<ExprId> roots;
  for (const kernel::Store& s : contract.stores) roots.push_back(s.value);
  begin_statement(roots, contract.stores);
  const AxisId lanes = contract.schedule.lanes;
  if (!lanes.valid()) {
    contract_plain(contract);
  } else if (std::find(contract.over.begin(), contract.over.end(), lanes) != contract.over.end()) {
    contract_dots(contract);
  } else {
    contract_tiled(contract);
  }
  lanes_ = {};
}

void KernelEmitter::contract_plain(const Contract& contract) {
  roots_.push_back(contract.a);
  roots_.push_back(contract.b);
  for (size_t i = 0; i < contract.over.size(); ++i)
    level_[contract.over[i].index] = loops_open_ + static_cast<int>(contract.axes.size() + i) + 1;
  const DType dtype = k_.exprs[contract.a].dtype;
  const auto wrap = [&](llvm::Value* v) { return EmittingScalars::wrap(v, dtype); };
  const auto accumulate = [&](const Values& sum, const Values& term) -> Values {
    return {EmittingScalars::value(scalars_.fma(wrap(term[0]), wrap(term[1]), wrap(sum[0])))};
  };
  const auto merge = [&](const Values& a, const Values& b) -> Values {
    return {EmittingScalars::value(scalars_.add(wrap(a[0]), wrap(b[0])))};
  };
  const auto term = [&](llvm::Value*) -> Values { return {expr(contract.a), expr(contract.b)}; };
  const Values zero = neutral(kernel::Combine::sum, dtype, false);
  nest(contract.axes, {}, [&] {
    switch (contract.order) {
      case Order::serial:
        results_ = over_loops(contract.over, 0, i64(0), zero, [&](llvm::Value*, const Values& sum) {
          return accumulate(sum, term(nullptr));
        });
        break;
      case Order::lanes16:
        results_ = partials16(contract.over, zero, term, accumulate, merge);
        break;
    }
    run_stores(contract.stores);
    results_.clear();
  });
}

// The sum of one vector of outputs in the order lanes16: sixteen partial sums, each over every sixteenth term,
// then the tree.
llvm::Value* KernelEmitter::partial_sums(const Tile& tile) {
  NNC_CHECK(tile.contract.over.size() == 1, "partial sums over one axis");
  auto* vector_type = llvm::FixedVectorType::get(b_.getFloatTy(), kLanes);
  llvm::Value* zero = llvm::Constant::getNullValue(vector_type);
  index_[tile.lanes.index] = tile.lane_at;
  if (tile.row.valid()) index_[tile.row.index] = tile.row_at;
  lanes_ = tile.lanes;
  mask_ = tile.mask;
  const auto add_term = [&](llvm::Value* sum, llvm::Value* at) -> llvm::Value* {
    index_[tile.depth.index] = at;
    memo_.emplace_back();
    llvm::Value* out = EmittingScalars::value(scalars_.fma(
        EmittingScalars::wrap(expr(tile.broadcast_id), DType::f32),
        EmittingScalars::wrap(expr(tile.vector_id), DType::f32), EmittingScalars::wrap(sum, DType::f32)));
    memo_.pop_back();
    index_[tile.depth.index] = nullptr;
    return out;
  };
  const int64_t whole = tile.depth_count / kLanes * kLanes;
  Values lanes16 =
      carry(i64(0), i64(whole), kLanes, Values(kLanes, zero), [&](llvm::Value* k, const Values& in) {
        Values next = in;
        for (unsigned l = 0; l < kLanes; ++l) next[l] = add_term(in[l], b_.CreateAdd(k, i64(l)));
        return next;
      });
  for (int64_t k = whole; k < tile.depth_count; ++k)
    lanes16[static_cast<size_t>(k - whole)] = add_term(lanes16[static_cast<size_t>(k - whole)], i64(k));
  for (unsigned width = kLanes / 2; width >= 1; width /= 2)
    for (unsigned l = 0; l < width; ++l) lanes16[l] = b_.CreateFAdd(lanes16[l], lanes16[l + width]);
  mask_ = nullptr;
  return lanes16[0];
}

KernelEmitter::Tile KernelEmitter::tile_of(const Contract& contract) const {
  const kernel::Schedule& schedule = contract.schedule;
  const AxisId lanes = schedule.lanes;
  const bool a_moves = uses_axis(k_, contract.a, lanes);
  NNC_CHECK(a_moves != uses_axis(k_, contract.b, lanes), "exactly one operand moves along the lanes");
  const ExprId vector_id = a_moves ? contract.a : contract.b;
  const ExprId broadcast_id = a_moves ? contract.b : contract.a;
  const kernel::Expr& vectors = k_.exprs[vector_id];
  const kernel::Expr& broadcast = k_.exprs[broadcast_id];
  NNC_CHECK(vectors.kind == ExprKind::load && broadcast.kind == ExprKind::load,
            "operands of a tiled contraction are loads");
  Tile tile{contract, vector_id, broadcast_id, vectors, broadcast, lanes, {}, contract.over.back(), {}};
  for (AxisId axis : contract.axes) {
    if (axis == lanes) continue;
    if (!tile.row.valid() && uses_axis(k_, broadcast_id, axis) && !uses_axis(k_, vector_id, axis))
      tile.row = axis;
    else
      tile.outer.push_back(axis);
  }
  tile.partials = contract.order == Order::lanes16;
  if (!tile.partials) {
    if (tile.row.valid()) tile.rows = std::max<int64_t>(1, schedule.rows);
    tile.columns = std::max<int64_t>(1, schedule.cols / kLanes) * kLanes;
    if (tile.outer.empty() && contract.over.size() == 1 && tile.row.valid())
      tile.block = std::min(schedule.block, k_.axes[tile.depth].extent);
  }
  int operations = 0;
  for (const kernel::Store& s : contract.stores) operations += count_operations(k_, s.value);
  tile.long_epilogue = operations > kInlineEpilogue;
  return tile;
}

// Memory for the accumulators of all the task's tiles, zero before the first pass.
void KernelEmitter::make_waiting(Tile& tile) {
  const int64_t rows = task_extent(tile.row);
  tile.waiting_vectors = (task_extent(tile.lanes) + kLanes - 1) / kLanes;
  const auto count = static_cast<uint64_t>(rows * tile.waiting_vectors);
  auto* vector_type = llvm::FixedVectorType::get(b_.getFloatTy(), kLanes);
  IrBuilder entry(&function_->getEntryBlock(), function_->getEntryBlock().begin());
  llvm::AllocaInst* memory = entry.CreateAlloca(vector_type, entry.getInt64(count));
  memory->setAlignment(llvm::Align(64));
  tile.waiting = memory;
  b_.CreateMemSet(memory, b_.getInt8(0), count * kLanes * sizeof(float), llvm::MaybeAlign(64));
}

// Where the accumulator of the tile's row r, vector c waits.
llvm::Value* KernelEmitter::waiting_at(const Tile& tile, int64_t r, int64_t c) {
  auto* vector_type = llvm::FixedVectorType::get(b_.getFloatTy(), kLanes);
  llvm::Value* at =
      b_.CreateMul(b_.CreateSub(tile.row_at, bounds(tile.row).begin), i64(tile.waiting_vectors));
  at = b_.CreateAdd(at, b_.CreateUDiv(b_.CreateSub(tile.lane_at, bounds(tile.lanes).begin), i64(kLanes)));
  return b_.CreateConstGEP1_64(vector_type, b_.CreateGEP(vector_type, tile.waiting, at),
                               static_cast<uint64_t>(r * tile.waiting_vectors + c));
}

// The sums of one pass, on top of what waits from those before.
KernelEmitter::Values KernelEmitter::tile_pass(const Tile& tile, int64_t rows, int64_t vectors) {
  auto* vector_type = llvm::FixedVectorType::get(b_.getFloatTy(), kLanes);
  Values start(static_cast<size_t>(rows * vectors), llvm::Constant::getNullValue(vector_type));
  for (int64_t r = 0; tile.waiting != nullptr && r < rows; ++r)
    for (int64_t c = 0; c < vectors; ++c)
      start[static_cast<size_t>(r * vectors + c)] =
          b_.CreateAlignedLoad(vector_type, waiting_at(tile, r, c), llvm::Align(64));
  return tile_sum(tile, rows, vectors, start);
}

void KernelEmitter::early_tile(const Tile& tile, int64_t rows, int64_t vectors) {
  const Values sums = tile_pass(tile, rows, vectors);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < vectors; ++c)
      b_.CreateAlignedStore(sums[static_cast<size_t>(r * vectors + c)], waiting_at(tile, r, c),
                            llvm::Align(64));
}

void KernelEmitter::last_tile(const Tile& tile, int64_t rows, int64_t vectors) {
  tile_prefetch(tile, rows, vectors);
  const Values sums = tile.partials ? Values{partial_sums(tile)} : tile_pass(tile, rows, vectors);
  if (tile.long_epilogue && rows > 1)
    tile_stores_looped(tile, rows, vectors, sums);
  else
    tile_stores(tile, rows, vectors, sums);
}

void KernelEmitter::down_rows(Tile& tile, const std::function<void(int64_t rows)>& body) {
  in_steps(tile.row, tile.rows, [&](llvm::Value* at, int64_t rows) {
    tile.row_at = at;
    body(rows);
  });
}

void KernelEmitter::along_lanes(Tile& tile, const std::function<void(int64_t vectors)>& body) {
  in_steps(tile.lanes, tile.columns, [&](llvm::Value* at, int64_t columns) {
    tile.lane_at = at;
    const int64_t last = columns % kLanes;
    tile.mask = last == 0 ? nullptr : tail_mask(i64(0), i64(last));
    body((columns + kLanes - 1) / kLanes);
    tile.mask = nullptr;
  });
}

// All of the task's tiles, in as many passes as the schedule wants.
void KernelEmitter::all_tiles(Tile& tile) {
  const int64_t depth = k_.axes[tile.depth].extent;
  tile.depth_begin = i64(0);
  tile.depth_count = depth;
  if (tile.block == 0)
    return along_lanes(tile, [&](int64_t vectors) {
      down_rows(tile, [&](int64_t rows) { last_tile(tile, rows, vectors); });
    });
  const auto pass = [&](void (KernelEmitter::*one_tile)(const Tile&, int64_t, int64_t)) {
    down_rows(tile, [&](int64_t rows) {
      along_lanes(tile, [&](int64_t vectors) { (this->*one_tile)(tile, rows, vectors); });
    });
  };
  const int64_t early_passes = (depth - 1) / tile.block;
  if (early_passes > 0)
    loop(i64(0), i64(early_passes * tile.block), tile.block, [&](llvm::Value* begin) {
      --loops_open_;  // nothing is hoisted out of a pass
      tile.depth_begin = begin;
      tile.depth_count = tile.block;
      pass(&KernelEmitter::early_tile);
      ++loops_open_;
    });
  tile.depth_begin = i64(early_passes * tile.block);
  tile.depth_count = depth - early_passes * tile.block;
  pass(&KernelEmitter::last_tile);
}

void KernelEmitter::contract_tiled(const Contract& contract) {
  Tile tile = tile_of(contract);
  if (tile.block != 0 && tile.block < k_.axes[tile.depth].extent) make_waiting(tile);
  // Loops over lanes and rows, then (inside a tile) over its rows and vectors.
  const int inner = loops_open_ + static_cast<int>(tile.outer.size());
  for (size_t i = 0; i < tile.outer.size(); ++i)
    level_[tile.outer[i].index] = loops_open_ + static_cast<int>(i) + 1;
  if (tile.row.valid()) level_[tile.row.index] = inner + 3;
  level_[tile.lanes.index] = inner + 4;
  hoist();
  each_in(tile.outer, [&] { all_tiles(tile); });
  index_[tile.lanes.index] = nullptr;
  if (tile.row.valid()) index_[tile.row.index] = nullptr;
}

}  // namespace nnc::codegen
