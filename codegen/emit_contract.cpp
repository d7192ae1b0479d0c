// Contractions. Three ways, all with the meaning of ir/kernel.h, so all with the same bits:
//  - plain: scalar loops (the empty schedule);
//  - tiled: a register tile of `rows` x `cols` outputs, one operand broadcast, the other in vectors along
//  `lanes`;
//  - dots: vectors along the sum, for narrow outputs in the order lanes16.
#include <llvm/IR/Intrinsics.h>

#include <algorithm>

#include "codegen/emit_tile.h"
#include "codegen/strides.h"
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
  const auto term = [&]() -> Values { return {expr(contract.a), expr(contract.b)}; };
  const Values zero = neutral(kernel::Combine::sum, dtype, false);
  nest(contract.axes, {}, [&] {
    switch (contract.order.kind) {
      case OrderKind::serial:
        results_ = over_loops(contract.over, 0, i64(0), zero,
                              [&](llvm::Value*, const Values& sum) { return accumulate(sum, term()); });
        break;
      case OrderKind::lanes16:
        results_ = partials16(contract.over, zero, term, accumulate, merge);
        break;
      case OrderKind::segments:
        NNC_CHECK(false, "contractions in segments are not emitted");
    }
    run_stores(contract.stores);
    results_.clear();
  });
}

// The sum of one vector of outputs in the order lanes16: sixteen partial sums, each over every sixteenth term,
// then the tree.
llvm::Value* KernelEmitter::partial_sums(const Tile& tile, ExprId broadcast, ExprId vectors) {
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
    llvm::Value* out = EmittingScalars::value(scalars_.fma(EmittingScalars::wrap(expr(broadcast), DType::f32),
                                                           EmittingScalars::wrap(expr(vectors), DType::f32),
                                                           EmittingScalars::wrap(sum, DType::f32)));
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

void KernelEmitter::contract_tiled(const Contract& contract) {
  const kernel::Schedule& schedule = contract.schedule;
  const AxisId lanes = schedule.lanes;
  const bool a_moves = uses_axis(k_, contract.a, lanes);
  NNC_CHECK(a_moves != uses_axis(k_, contract.b, lanes), "exactly one operand moves along the lanes");
  const ExprId vector_id = a_moves ? contract.a : contract.b;
  const ExprId broadcast_id = a_moves ? contract.b : contract.a;
  NNC_CHECK(k_.exprs[vector_id].kind == ExprKind::load && k_.exprs[broadcast_id].kind == ExprKind::load,
            "operands of a tiled contraction are loads");
  Tile tile{contract, k_.exprs[vector_id], k_.exprs[broadcast_id], lanes, {}, contract.over.back()};
  std::vector<AxisId> outer;
  for (AxisId axis : contract.axes) {
    if (axis == lanes) continue;
    if (!tile.row.valid() && uses_axis(k_, broadcast_id, axis) && !uses_axis(k_, vector_id, axis))
      tile.row = axis;
    else
      outer.push_back(axis);
  }

  const int64_t depth = k_.axes[tile.depth].extent;
  const bool partials = contract.order.kind == OrderKind::lanes16;
  const int64_t rows = partials || !tile.row.valid() ? 1 : std::max<int64_t>(1, schedule.rows);
  const int64_t vectors = partials ? 1 : std::max<int64_t>(1, schedule.cols / kLanes);
  int operations = 0;
  for (const kernel::Store& s : contract.stores) operations += count_operations(k_, s.value);
  auto* vector_type = llvm::FixedVectorType::get(b_.getFloatTy(), kLanes);
  llvm::Value* zero = llvm::Constant::getNullValue(vector_type);

  // A schedule's block cuts the sum into passes over the task's tiles: what a pass reads of the operand along
  // the lanes stays in the cache for all rows. Accumulators wait in memory between passes. Tiles then go along
  // a row first, so that the results are written as they lie in memory.
  const int64_t block = partials || !outer.empty() || contract.over.size() != 1 || !tile.row.valid()
                            ? 0
                            : std::min(schedule.block, depth);
  const int64_t early_passes = block == 0 ? 0 : (depth - 1) / block;
  const int64_t task_rows = tile.row.valid() ? task_extent(tile.row) : 1;
  const int64_t task_vectors = (task_extent(lanes) + kLanes - 1) / kLanes;
  llvm::Value* waiting = nullptr;
  if (early_passes > 0) {
    IrBuilder entry(&function_->getEntryBlock(), function_->getEntryBlock().begin());
    llvm::AllocaInst* memory =
        entry.CreateAlloca(vector_type, entry.getInt64(static_cast<uint64_t>(task_rows * task_vectors)));
    memory->setAlignment(llvm::Align(64));
    waiting = memory;
    b_.CreateMemSet(waiting, b_.getInt8(0),
                    static_cast<uint64_t>(task_rows * task_vectors * kLanes) * sizeof(float),
                    llvm::MaybeAlign(64));
  }
  // Where the tile's accumulator of row r, vector c waits.
  const auto waiting_at = [&](int64_t r, int64_t c) {
    llvm::Value* at = b_.CreateMul(b_.CreateSub(tile.row_at, bounds(tile.row).begin), i64(task_vectors));
    at = b_.CreateAdd(at, b_.CreateUDiv(b_.CreateSub(tile.lane_at, bounds(lanes).begin), i64(kLanes)));
    return b_.CreateConstGEP1_64(vector_type, b_.CreateGEP(vector_type, waiting, at),
                                 static_cast<uint64_t>(r * task_vectors + c));
  };
  const auto begin_tile = [&](int64_t tile_rows, int64_t tile_vectors) {
    Values start(static_cast<size_t>(tile_rows * tile_vectors), zero);
    if (waiting == nullptr) return start;
    for (int64_t r = 0; r < tile_rows; ++r)
      for (int64_t c = 0; c < tile_vectors; ++c)
        start[static_cast<size_t>(r * tile_vectors + c)] =
            b_.CreateAlignedLoad(vector_type, waiting_at(r, c), llvm::Align(64));
    return start;
  };
  const auto early_tile = [&](int64_t tile_rows, int64_t tile_vectors) {
    const Values sums = tile_sum(tile, tile_rows, tile_vectors, begin_tile(tile_rows, tile_vectors));
    for (int64_t r = 0; r < tile_rows; ++r)
      for (int64_t c = 0; c < tile_vectors; ++c)
        b_.CreateAlignedStore(sums[static_cast<size_t>(r * tile_vectors + c)], waiting_at(r, c),
                              llvm::Align(64));
  };
  const auto last_tile = [&](int64_t tile_rows, int64_t tile_vectors) {
    tile_prefetch(tile, tile_rows, tile_vectors);
    const Values sums = partials
                            ? Values{partial_sums(tile, broadcast_id, vector_id)}
                            : tile_sum(tile, tile_rows, tile_vectors, begin_tile(tile_rows, tile_vectors));
    if (operations > kInlineEpilogue && tile_rows > 1)
      tile_stores_looped(tile, tile_rows, tile_vectors, sums);
    else
      tile_stores(tile, tile_rows, tile_vectors, sums);
  };

  // Grid steps are multiples of the tile, so what is left over at the end of an axis is known now.
  using Sized = std::function<void(int64_t)>;
  const auto along = [&](AxisId axis, int64_t size, llvm::Value*& at, const Sized& whole_tile,
                         const Sized& last_tile_of_axis) {
    const Bounds range = bounds(axis);
    const int64_t left = k_.axes[axis].extent % size;
    llvm::Value* whole_end = range.end;
    if (left != 0) {
      llvm::Value* span = b_.CreateSub(range.end, range.begin);
      whole_end = b_.CreateSub(range.end, b_.CreateURem(span, i64(size)));
    }
    loop(range.begin, whole_end, size, [&](llvm::Value* index) {
      at = index;
      whole_tile(size);
    });
    if (left != 0)
      when(b_.CreateICmpSLT(whole_end, range.end), [&] {
        ++loops_open_;
        at = whole_end;
        last_tile_of_axis(left);
        --loops_open_;
      });
  };
  const auto down_rows = [&](const Sized& body) {
    if (!tile.row.valid()) return body(1);
    along(tile.row, rows, tile.row_at, body, body);
  };
  const auto along_lanes = [&](const Sized& body) {
    tile.mask = nullptr;
    along(
        lanes, vectors * kLanes, tile.lane_at, [&](int64_t columns) { body(columns / kLanes); },
        [&](int64_t left) {
          const int64_t last = left % kLanes;
          tile.mask = last == 0 ? nullptr : tail_mask(i64(0), i64(last));
          body((left + kLanes - 1) / kLanes);
          tile.mask = nullptr;
        });
  };
  // Loops over lanes and rows, then (inside a tile) over its rows and vectors.
  const int inner = loops_open_ + static_cast<int>(outer.size());
  for (size_t i = 0; i < outer.size(); ++i) level_[outer[i].index] = loops_open_ + static_cast<int>(i) + 1;
  if (tile.row.valid()) level_[tile.row.index] = inner + 3;
  level_[lanes.index] = inner + 4;
  hoist();
  const auto all = [&] {
    tile.depth_begin = i64(0);
    tile.depth_count = depth;
    if (block == 0)
      return along_lanes([&](int64_t tile_vectors) {
        down_rows([&](int64_t tile_rows) { last_tile(tile_rows, tile_vectors); });
      });
    const auto pass = [&](const std::function<void(int64_t, int64_t)>& one_tile) {
      down_rows([&](int64_t tile_rows) {
        along_lanes([&](int64_t tile_vectors) { one_tile(tile_rows, tile_vectors); });
      });
    };
    if (early_passes > 0)
      loop(i64(0), i64(early_passes * block), block, [&](llvm::Value* begin) {
        --loops_open_;  // nothing is hoisted out of a pass
        tile.depth_begin = begin;
        tile.depth_count = block;
        pass(early_tile);
        ++loops_open_;
      });
    tile.depth_begin = i64(early_passes * block);
    tile.depth_count = depth - early_passes * block;
    pass(last_tile);
  };
  std::function<void(size_t)> level = [&](size_t at) {
    if (at == outer.size()) return all();
    const Bounds range = bounds(outer[at]);
    loop(range.begin, range.end, 1, [&](llvm::Value* index) {
      index_[outer[at].index] = index;
      level(at + 1);
      index_[outer[at].index] = nullptr;
    });
  };
  level(0);
  index_[lanes.index] = nullptr;
  if (tile.row.valid()) index_[tile.row.index] = nullptr;
}

}  // namespace nnc::codegen
