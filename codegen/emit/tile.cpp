// One register tile of a contraction: the sum of its terms in rows x vectors registers, what to ask memory for
// meanwhile, and the stores of its elements.
#include "codegen/emit/tile.h"

#include <llvm/IR/Intrinsics.h>

#include "codegen/lower/strides.h"

namespace nnc::codegen {

using kernel::AxisId;
using kernel::ExprId;
using kernel::ExprKind;

namespace {

// Terms of the sum per turn of a tile's loop.
constexpr int64_t kUnroll = 4;

}  // namespace

int64_t KernelEmitter::load_stride(const kernel::Expr& load, AxisId axis) const {
  return *stride_along(k_, load.buffer, load.subscripts, axis);
}

// Adds term k from these places to each of the tile's sums.
void KernelEmitter::tile_term(const Tile& t, int64_t rows, int64_t vectors, llvm::Value* vector_at,
                              llvm::Value* broadcast_at, int64_t k, Values& sums) {
  llvm::Type* f32 = b_.getFloatTy();
  auto* vector_type = llvm::FixedVectorType::get(f32, kLanes);
  const llvm::Align align(4);
  const int64_t vector_step = load_stride(t.vectors, t.depth);
  const int64_t broadcast_step = load_stride(t.broadcast, t.depth);
  const int64_t row_step = t.row.valid() ? load_stride(t.broadcast, t.row) : 0;
  Values columns;
  for (int64_t c = 0; c < vectors; ++c) {
    llvm::Value* where =
        b_.CreateConstGEP1_64(f32, vector_at, static_cast<uint64_t>(k * vector_step + c * kLanes));
    const bool partial = t.mask && c + 1 == vectors;
    columns.push_back(partial
                          ? static_cast<llvm::Value*>(b_.CreateMaskedLoad(
                                vector_type, where, align, t.mask, llvm::Constant::getNullValue(vector_type)))
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
}

// What the next tile will read, asked for while this one computes: the same terms of the rows below, or (where a task
// has no more rows) of the columns to the right. Operands that stay in the cache need no asking.
void KernelEmitter::fetch_ahead(const Tile& t, int64_t rows, int64_t vectors, llvm::Value* vector_at,
                                llvm::Value* broadcast_at) {
  const int64_t vector_step = load_stride(t.vectors, t.depth);
  const int64_t broadcast_step = load_stride(t.broadcast, t.depth);
  const int64_t row_step = t.row.valid() ? load_stride(t.broadcast, t.row) : 0;
  const bool last_rows = !t.row.valid() || k_.axes[t.row].extent <= rows;
  const bool far_rows = !last_rows && exceeds(t.broadcast.buffer, target_.l2_bytes);
  const bool far_columns = last_rows && exceeds(t.vectors.buffer, target_.l1_bytes);
  const auto ask = [&](llvm::Value* base, int64_t elements, int level) {
    prefetch(b_.CreateConstGEP1_64(b_.getFloatTy(), base, static_cast<uint64_t>(elements)), level);
  };
  if (far_rows && broadcast_step == 1)
    for (int64_t r = 0; r < rows; ++r) ask(broadcast_at, (rows + r) * row_step, 2);
  if (far_rows && row_step == 1)
    for (int64_t k = 0; k < kUnroll; ++k) ask(broadcast_at, k * broadcast_step + 2 * rows, 2);
  if (far_columns)
    for (int64_t k = 0; k < kUnroll; ++k)
      for (int64_t c = 0; c < vectors; ++c) ask(vector_at, k * vector_step + (vectors + c) * kLanes, 1);
}

// The sum over the contraction's axes (the innermost from depth_begin for depth_count terms) for rows x
// vectors registers, row-major; starts from `initial`.
KernelEmitter::Values KernelEmitter::tile_sum(const Tile& t, int64_t rows, int64_t vectors,
                                              const Values& initial) {
  llvm::Type* f32 = b_.getFloatTy();
  const auto vector_turn = static_cast<uint64_t>(kUnroll * load_stride(t.vectors, t.depth));
  const auto broadcast_turn = static_cast<uint64_t>(kUnroll * load_stride(t.broadcast, t.depth));
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
      fetch_ahead(t, rows, vectors, vector_from, from);
      for (int64_t k = 0; k < kUnroll; ++k) tile_term(t, rows, vectors, vector_from, from, k, next);
      next.push_back(b_.CreateConstGEP1_64(f32, vector_from, vector_turn));
      next.push_back(b_.CreateConstGEP1_64(f32, from, broadcast_turn));
      return next;
    });
    llvm::Value* from = state.back();
    state.pop_back();
    llvm::Value* vector_from = state.back();
    state.pop_back();
    for (int64_t k = 0; k < t.depth_count - whole; ++k)
      tile_term(t, rows, vectors, vector_from, from, k, state);
    return state;
  });
}

// Asks for what the stores will read at the tile's own elements (an optimizer's p, m, v), so that it arrives
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

}  // namespace nnc::codegen
