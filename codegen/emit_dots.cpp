// Contractions as dot products: vectors run along the sum, so that narrow outputs waste no lanes. The sixteen
// lanes of an accumulator are the sixteen partial sums of the order lanes16.
#include <llvm/IR/Intrinsics.h>

#include "codegen/emit_kernel.h"
#include "codegen/strides.h"
#include "support/check.h"

namespace nnc::codegen {

using kernel::AxisId;
using kernel::Contract;

void KernelEmitter::contract_dots(const Contract& contract) {
  NNC_CHECK(contract.order.kind == OrderKind::lanes16 && contract.over.size() == 1,
            "dot products need the order lanes16 over one axis");
  const AxisId depth_axis = contract.over[0];
  const kernel::Expr& a = k_.exprs[contract.a];
  const kernel::Expr& b = k_.exprs[contract.b];
  NNC_CHECK(a.kind == kernel::ExprKind::load && b.kind == kernel::ExprKind::load,
            "operands of dot products are loads");
  // `row` moves only a, `column` only b; whatever else there is loops outside.
  AxisId row, column;
  std::vector<AxisId> outer;
  for (AxisId axis : contract.axes) {
    const bool in_a = uses_axis(k_, contract.a, axis);
    const bool in_b = uses_axis(k_, contract.b, axis);
    if (in_a && !in_b && !row.valid())
      row = axis;
    else if (in_b && !in_a && !column.valid())
      column = axis;
    else
      outer.push_back(axis);
  }
  const int64_t rows = row.valid() ? std::max<int64_t>(1, contract.schedule.rows) : 1;
  const int64_t columns = column.valid() ? std::max<int64_t>(1, contract.schedule.cols) : 1;
  const int64_t depth = k_.axes[depth_axis].extent;
  llvm::Type* f32 = b_.getFloatTy();
  auto* vector_type = llvm::FixedVectorType::get(f32, kLanes);
  const llvm::Align align(4);

  // Operands were checked to be plain loads, so every axis has a stride.
  const auto step_of = [&](const kernel::Expr& e, AxisId axis) {
    return *stride_along(k_, e.buffer, e.subscripts, axis);
  };
  NNC_CHECK(step_of(a, depth_axis) == 1 && step_of(b, depth_axis) == 1, "dot products read along the sum");

  const auto tile = [&](llvm::Value* row_at, llvm::Value* column_at, int64_t tile_rows,
                        int64_t tile_columns) {
    if (row.valid()) index_[row.index] = row_at;
    if (column.valid()) index_[column.index] = column_at;
    index_[depth_axis.index] = i64(0);
    llvm::Value* a_base = pointer(a.buffer, address(a.buffer, a.subscripts).offset);
    llvm::Value* b_base = pointer(b.buffer, address(b.buffer, b.subscripts).offset);
    index_[depth_axis.index] = nullptr;
    const int64_t row_step = row.valid() ? step_of(a, row) : 0;
    const int64_t column_step = column.valid() ? step_of(b, column) : 0;
    const auto fetch = [&](llvm::Value* base, llvm::Value* k, int64_t offset,
                           llvm::Value* mask) -> llvm::Value* {
      llvm::Value* where = b_.CreateGEP(f32, base, b_.CreateAdd(k, i64(offset)));
      if (!mask) return b_.CreateAlignedLoad(vector_type, where, align);
      return b_.CreateMaskedLoad(vector_type, where, align, mask, llvm::Constant::getNullValue(vector_type));
    };
    // The rows of the next tile are asked for while this one computes, if they come from afar.
    const bool far_rows = row.valid() && exceeds(a.buffer, target_.l1_bytes);
    const auto step = [&](llvm::Value* k, const Values& before, llvm::Value* mask) {
      Values sums = before;
      for (int64_t r = 0; far_rows && r < tile_rows; ++r)
        prefetch(b_.CreateGEP(f32, a_base, b_.CreateAdd(k, i64((tile_rows + r) * row_step))), 2);
      Values right;
      for (int64_t c = 0; c < tile_columns; ++c) right.push_back(fetch(b_base, k, c * column_step, mask));
      for (int64_t r = 0; r < tile_rows; ++r) {
        llvm::Value* left = fetch(a_base, k, r * row_step, mask);
        for (int64_t c = 0; c < tile_columns; ++c) {
          llvm::Value*& sum = sums[static_cast<size_t>(r * tile_columns + c)];
          sum = b_.CreateIntrinsic(llvm::Intrinsic::fma, {vector_type},
                                   {left, right[static_cast<size_t>(c)], sum});
        }
      }
      return sums;
    };
    const int64_t whole = depth / kLanes * kLanes;
    Values sums(static_cast<size_t>(tile_rows * tile_columns), llvm::Constant::getNullValue(vector_type));
    sums = carry(i64(0), i64(whole), kLanes, sums,
                 [&](llvm::Value* k, const Values& before) { return step(k, before, nullptr); });
    if (whole < depth) sums = step(i64(whole), sums, tail_mask(i64(whole), i64(depth)));

    memo_.emplace_back();
    for (int64_t r = 0; r < tile_rows; ++r)
      for (int64_t c = 0; c < tile_columns; ++c) {
        if (row.valid()) index_[row.index] = b_.CreateAdd(row_at, i64(r));
        if (column.valid()) index_[column.index] = b_.CreateAdd(column_at, i64(c));
        results_ = {tree16(sums[static_cast<size_t>(r * tile_columns + c)],
                           [&](llvm::Value* x, llvm::Value* y) { return b_.CreateFAdd(x, y); })};
        memo_.emplace_back();
        run_stores(contract.stores);
        memo_.pop_back();
      }
    memo_.pop_back();
    results_.clear();
  };

  // Loops over an axis in steps of `size`, and what is left over (known now: grid steps are multiples of the
  // tile).
  const auto split = [&](AxisId axis, int64_t size, const std::function<void(llvm::Value*, int64_t)>& body) {
    if (!axis.valid()) return body(nullptr, 1);
    const Bounds range = bounds(axis);
    const int64_t left = k_.axes[axis].extent % size;
    llvm::Value* whole_end = range.end;
    if (left != 0)
      whole_end = b_.CreateSub(range.end, b_.CreateURem(b_.CreateSub(range.end, range.begin), i64(size)));
    loop(range.begin, whole_end, size, [&](llvm::Value* at) { body(at, size); });
    if (left != 0) when(b_.CreateICmpSLT(whole_end, range.end), [&] { body(whole_end, left); });
  };
  const int base = loops_open_;
  for (size_t i = 0; i < outer.size(); ++i) level_[outer[i].index] = base + static_cast<int>(i) + 1;
  constexpr int kInsideTile = 1000;  // never hoisted: the loops over a tile's outputs are unrolled
  if (row.valid()) level_[row.index] = kInsideTile;
  if (column.valid()) level_[column.index] = kInsideTile;
  hoist();
  std::function<void(size_t)> level = [&](size_t at) {
    if (at == outer.size()) {
      split(row, rows, [&](llvm::Value* row_at, int64_t tile_rows) {
        split(column, columns, [&](llvm::Value* column_at, int64_t tile_columns) {
          tile(row_at, column_at, tile_rows, tile_columns);
        });
      });
      return;
    }
    const Bounds range = bounds(outer[at]);
    loop(range.begin, range.end, 1, [&](llvm::Value* index) {
      index_[outer[at].index] = index;
      level(at + 1);
      index_[outer[at].index] = nullptr;
    });
  };
  level(0);
  if (row.valid()) index_[row.index] = nullptr;
  if (column.valid()) index_[column.index] = nullptr;
}

}  // namespace nnc::codegen
