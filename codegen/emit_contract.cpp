// Contractions. Three ways, all with the meaning of ir/kernel.h, so all with the same bits:
//  - plain: scalar loops (the empty schedule);
//  - tiled: a register tile of `rows` x `cols` outputs, one operand broadcast, the other in vectors along
//  `lanes`;
//  - dots: vectors along the sum, for narrow outputs in the order lanes16.
#include <llvm/IR/Intrinsics.h>

#include <algorithm>

#include "codegen/emit_kernel.h"
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
// Terms of the sum per turn of a tile's loop.
constexpr int64_t kUnroll = 4;

int count_operations(const kernel::Kernel& kernel, ExprId id) {
  const kernel::Expr& e = kernel.exprs[id];
  int count = e.kind == ExprKind::apply ? 1 : 0;
  if (e.kind == ExprKind::apply && op_def(e.op).has(kExpensive)) count += 4;
  for (ExprId operand : e.operands) count += count_operations(kernel, operand);
  return count;
}

}  // namespace

// What the parts of one tiled contraction share.
struct KernelEmitter::Tile {
  const Contract& contract;
  const kernel::Expr& vectors;    // the operand that moves along the lanes
  const kernel::Expr& broadcast;  // the other
  AxisId lanes;
  AxisId row;    // invalid: one row
  AxisId depth;  // the innermost axis of the sum
  llvm::Value* row_at = nullptr;
  llvm::Value* lane_at = nullptr;
  llvm::Value* depth_begin = nullptr;
  int64_t depth_count = 0;
  llvm::Value* mask = nullptr;  // of the last vector
};

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

// ---- register tiles
// ----------------------------------------------------------------------------------------------

// The sum over the contraction's axes (the innermost from depth_begin for depth_count terms) for rows x
// vectors registers, row-major; starts from `initial`.
KernelEmitter::Values KernelEmitter::tile_sum(const Tile& t, int64_t rows, int64_t vectors,
                                              const Values& initial) {
  llvm::Type* f32 = b_.getFloatTy();
  auto* vector_type = llvm::FixedVectorType::get(f32, kLanes);
  const llvm::Align align(4);
  // Operands were checked to be plain loads, so every axis has a stride.
  const auto step_of = [&](const kernel::Expr& e, AxisId axis) {
    return *stride_along(k_, e.buffer, e.subscripts, axis);
  };
  const int64_t vector_step = step_of(t.vectors, t.depth);
  const int64_t broadcast_step = step_of(t.broadcast, t.depth);
  const int64_t row_step = t.row.valid() ? step_of(t.broadcast, t.row) : 0;

  const auto multiply = [&](Values& sums, llvm::Value* vector_at, llvm::Value* broadcast_at, int64_t k) {
    Values columns;
    for (int64_t c = 0; c < vectors; ++c) {
      llvm::Value* where =
          b_.CreateConstGEP1_64(f32, vector_at, static_cast<uint64_t>(k * vector_step + c * kLanes));
      const bool partial = t.mask && c + 1 == vectors;
      columns.push_back(
          partial ? static_cast<llvm::Value*>(b_.CreateMaskedLoad(vector_type, where, align, t.mask,
                                                                  llvm::Constant::getNullValue(vector_type)))
                  : b_.CreateAlignedLoad(vector_type, where, align));
    }
    for (int64_t r = 0; r < rows; ++r) {
      llvm::Value* where =
          b_.CreateConstGEP1_64(f32, broadcast_at, static_cast<uint64_t>(k * broadcast_step + r * row_step));
      llvm::Value* factor = b_.CreateVectorSplat(kLanes, b_.CreateAlignedLoad(f32, where, align));
      for (int64_t c = 0; c < vectors; ++c) {
        llvm::Value*& sum = sums[static_cast<size_t>(r * vectors + c)];
        sum = b_.CreateIntrinsic(llvm::Intrinsic::fma, {vector_type},
                                 {factor, columns[static_cast<size_t>(c)], sum});
      }
    }
  };

  // What the next tile will read, asked for while this one computes: the same terms of the rows below, or
  // (where a task has no more rows) of the columns to the right. Operands that stay in the cache need no
  // asking.
  const bool last_rows = !t.row.valid() || k_.axes[t.row].extent <= rows;
  const bool far_rows = !last_rows && exceeds(t.broadcast.buffer, target_.l2_bytes);
  const bool far_columns = last_rows && exceeds(t.vectors.buffer, target_.l1_bytes);
  const auto fetch_ahead = [&](llvm::Value* vector_at, llvm::Value* broadcast_at) {
    const auto ask = [&](llvm::Value* base, int64_t elements, int level) {
      prefetch(b_.CreateConstGEP1_64(f32, base, static_cast<uint64_t>(elements)), level);
    };
    if (far_rows && broadcast_step == 1)
      for (int64_t r = 0; r < rows; ++r) ask(broadcast_at, (rows + r) * row_step, 2);
    if (far_rows && row_step == 1)
      for (int64_t k = 0; k < kUnroll; ++k) ask(broadcast_at, k * broadcast_step + 2 * rows, 2);
    if (far_columns)
      for (int64_t k = 0; k < kUnroll; ++k)
        for (int64_t c = 0; c < vectors; ++c) ask(vector_at, k * vector_step + (vectors + c) * kLanes, 1);
  };

  index_[t.lanes.index] = t.lane_at;
  if (t.row.valid()) index_[t.row.index] = t.row_at;
  std::vector<AxisId> outer(t.contract.over.begin(), t.contract.over.end() - 1);
  return over_loops(outer, 0, i64(0), initial, [&](llvm::Value*, const Values& before) {
    index_[t.depth.index] = t.depth_begin;
    lanes_ = t.lanes;
    llvm::Value* vector_at =
        pointer(t.vectors.buffer, address(t.vectors.buffer, t.vectors.subscripts).offset);
    llvm::Value* broadcast_at =
        pointer(t.broadcast.buffer, address(t.broadcast.buffer, t.broadcast.subscripts).offset);
    index_[t.depth.index] = nullptr;
    const int64_t whole = t.depth_count / kUnroll * kUnroll;
    Values state = before;
    state.push_back(vector_at);
    state.push_back(broadcast_at);
    state = carry(i64(0), i64(whole), kUnroll, state, [&](llvm::Value*, const Values& inside) {
      Values next = inside;
      llvm::Value* from = next.back();
      next.pop_back();
      llvm::Value* vector_from = next.back();
      next.pop_back();
      fetch_ahead(vector_from, from);
      for (int64_t k = 0; k < kUnroll; ++k) multiply(next, vector_from, from, k);
      next.push_back(b_.CreateConstGEP1_64(f32, vector_from, static_cast<uint64_t>(kUnroll * vector_step)));
      next.push_back(b_.CreateConstGEP1_64(f32, from, static_cast<uint64_t>(kUnroll * broadcast_step)));
      return next;
    });
    llvm::Value* from = state.back();
    state.pop_back();
    llvm::Value* vector_from = state.back();
    state.pop_back();
    for (int64_t k = 0; k < t.depth_count - whole; ++k) multiply(state, vector_from, from, k);
    return state;
  });
}

// Asks for what the stores will read at the tile's own elements (an optimiser's p, m, v), so that it arrives
// from memory while the sum is computed.
void KernelEmitter::tile_prefetch(const Tile& t, int64_t rows, int64_t vectors) {
  std::vector<ExprId> pending = roots_;
  std::vector<bool> seen(k_.exprs.size());
  while (!pending.empty()) {
    const ExprId id = pending.back();
    pending.pop_back();
    if (seen[id.index]) continue;
    seen[id.index] = true;
    const kernel::Expr& e = k_.exprs[id];
    pending.insert(pending.end(), e.operands.begin(), e.operands.end());
    if (e.kind != ExprKind::load || !t.row.valid() ||
        stride_along(k_, e.buffer, e.subscripts, t.lanes) != 1 ||
        stride_along(k_, e.buffer, e.subscripts, t.row).value_or(0) == 0)
      continue;
    lanes_ = t.lanes;
    index_[t.lanes.index] = t.lane_at;
    index_[t.row.index] = t.row_at;
    llvm::Value* first = pointer(e.buffer, address(e.buffer, e.subscripts).offset);
    const int64_t row_step = *stride_along(k_, e.buffer, e.subscripts, t.row);
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < vectors; ++c) {
        llvm::Value* where =
            b_.CreateConstGEP1_64(b_.getFloatTy(), first, static_cast<uint64_t>(r * row_step + c * kLanes));
        prefetch(where, 1);
      }
  }
}

void KernelEmitter::tile_stores(const Tile& t, int64_t rows, int64_t vectors, const Values& sums) {
  lanes_ = t.lanes;
  memo_.emplace_back();
  for (int64_t r = 0; r < rows; ++r) {
    if (t.row.valid()) index_[t.row.index] = b_.CreateAdd(t.row_at, i64(r));
    ++loops_open_;
    memo_.emplace_back();
    hoist();
    for (int64_t c = 0; c < vectors; ++c) {
      index_[t.lanes.index] = b_.CreateAdd(t.lane_at, i64(c * kLanes));
      mask_ = c + 1 == vectors ? t.mask : nullptr;
      results_ = {sums[static_cast<size_t>(r * vectors + c)]};
      ++loops_open_;
      memo_.emplace_back();
      run_stores(t.contract.stores);
      memo_.pop_back();
      --loops_open_;
    }
    memo_.pop_back();
    --loops_open_;
  }
  memo_.pop_back();
  mask_ = nullptr;
  results_.clear();
}

// The same through memory, with one loop over the rows: for long epilogues.
void KernelEmitter::tile_stores_looped(const Tile& t, int64_t rows, int64_t vectors, const Values& sums) {
  IrBuilder entry(&function_->getEntryBlock(), function_->getEntryBlock().begin());
  llvm::Type* type = sums[0]->getType();
  llvm::AllocaInst* memory = entry.CreateAlloca(type, entry.getInt64(static_cast<uint64_t>(rows * vectors)));
  memory->setAlignment(llvm::Align(64));
  for (size_t i = 0; i < sums.size(); ++i) b_.CreateStore(sums[i], b_.CreateConstGEP1_64(type, memory, i));
  loop(i64(0), i64(rows), 1, [&](llvm::Value* r) {
    Tile one = t;
    if (t.row.valid()) one.row_at = b_.CreateAdd(t.row_at, r);
    Values line;
    for (int64_t c = 0; c < vectors; ++c)
      line.push_back(b_.CreateLoad(
          type, b_.CreateGEP(type, memory, b_.CreateAdd(b_.CreateMul(r, i64(vectors)), i64(c)))));
    --loops_open_;  // tile_stores opens the row's level itself
    tile_stores(one, 1, vectors, line);
    ++loops_open_;
  });
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

  const auto one_tile = [&](int64_t tile_rows, int64_t tile_vectors) {
    tile.depth_begin = i64(0);
    tile.depth_count = depth;
    const Values start(static_cast<size_t>(tile_rows * tile_vectors), zero);
    Values sums;
    tile_prefetch(tile, tile_rows, tile_vectors);
    if (!partials) {
      sums = tile_sum(tile, tile_rows, tile_vectors, start);
    } else {
      // Sixteen partial sums, each over every sixteenth term, then the tree.
      NNC_CHECK(contract.over.size() == 1, "partial sums over one axis");
      index_[lanes.index] = tile.lane_at;
      if (tile.row.valid()) index_[tile.row.index] = tile.row_at;
      lanes_ = lanes;
      mask_ = tile.mask;
      const auto add_term = [&](llvm::Value* sum, llvm::Value* at) -> llvm::Value* {
        index_[tile.depth.index] = at;
        memo_.emplace_back();
        llvm::Value* out = EmittingScalars::value(scalars_.fma(
            EmittingScalars::wrap(expr(broadcast_id), DType::f32),
            EmittingScalars::wrap(expr(vector_id), DType::f32), EmittingScalars::wrap(sum, DType::f32)));
        memo_.pop_back();
        index_[tile.depth.index] = nullptr;
        return out;
      };
      const int64_t whole = depth / kLanes * kLanes;
      Values lanes16 =
          carry(i64(0), i64(whole), kLanes, Values(kLanes, zero), [&](llvm::Value* k, const Values& in) {
            Values next = in;
            for (unsigned l = 0; l < kLanes; ++l) next[l] = add_term(in[l], b_.CreateAdd(k, i64(l)));
            return next;
          });
      for (int64_t k = whole; k < depth; ++k)
        lanes16[static_cast<size_t>(k - whole)] = add_term(lanes16[static_cast<size_t>(k - whole)], i64(k));
      for (unsigned width = kLanes / 2; width >= 1; width /= 2)
        for (unsigned l = 0; l < width; ++l) lanes16[l] = b_.CreateFAdd(lanes16[l], lanes16[l + width]);
      mask_ = nullptr;
      sums = {lanes16[0]};
    }
    if (operations > kInlineEpilogue && tile_rows > 1)
      tile_stores_looped(tile, tile_rows, tile_vectors, sums);
    else
      tile_stores(tile, tile_rows, tile_vectors, sums);
  };

  // Grid steps are multiples of the tile, so what is left over at the end of an axis is known now.
  const auto down_rows = [&](int64_t tile_vectors) {
    if (!tile.row.valid()) return one_tile(1, tile_vectors);
    const Bounds range = bounds(tile.row);
    const int64_t left = k_.axes[tile.row].extent % rows;
    llvm::Value* whole_end = range.end;
    if (left != 0) {
      llvm::Value* span = b_.CreateSub(range.end, range.begin);
      whole_end = b_.CreateSub(range.end, b_.CreateURem(span, i64(rows)));
    }
    loop(range.begin, whole_end, rows, [&](llvm::Value* at) {
      tile.row_at = at;
      one_tile(rows, tile_vectors);
    });
    if (left != 0)
      when(b_.CreateICmpSLT(whole_end, range.end), [&] {
        tile.row_at = whole_end;
        one_tile(left, tile_vectors);
      });
  };
  // Loops over lanes and rows, then (inside a tile) over its rows and vectors.
  const int inner = loops_open_ + static_cast<int>(outer.size());
  for (size_t i = 0; i < outer.size(); ++i) level_[outer[i].index] = loops_open_ + static_cast<int>(i) + 1;
  if (tile.row.valid()) level_[tile.row.index] = inner + 3;
  level_[lanes.index] = inner + 4;
  hoist();
  const auto all = [&] {
    const Bounds range = bounds(lanes);
    const int64_t columns = vectors * kLanes;
    const int64_t left = k_.axes[lanes].extent % columns;
    llvm::Value* whole_end = range.end;
    if (left != 0) {
      llvm::Value* span = b_.CreateSub(range.end, range.begin);
      whole_end = b_.CreateSub(range.end, b_.CreateURem(span, i64(columns)));
    }
    tile.mask = nullptr;
    loop(range.begin, whole_end, columns, [&](llvm::Value* at) {
      tile.lane_at = at;
      down_rows(vectors);
    });
    if (left != 0)
      when(b_.CreateICmpSLT(whole_end, range.end), [&] {
        ++loops_open_;
        tile.lane_at = whole_end;
        const int64_t last = left % kLanes;
        tile.mask = last == 0 ? nullptr : tail_mask(i64(0), i64(last));
        down_rows((left + kLanes - 1) / kLanes);
        tile.mask = nullptr;
        --loops_open_;
      });
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
