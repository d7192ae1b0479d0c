// Contractions as dot products: vectors run along the sum, so that narrow outputs waste no lanes. The sixteen
// lanes of an accumulator are the sixteen partial sums of the order lanes16.
#include <llvm/IR/Intrinsics.h>

#include <algorithm>

#include "codegen/emit/kernel.h"
#include "codegen/lower/strides.h"
#include "support/check.h"

namespace nnc::codegen {

using kernel::AxisId;
using kernel::Contract;

struct KernelEmitter::Dots {
  const Contract& contract;
  const kernel::Expr& a;
  const kernel::Expr& b;
  AxisId depth;
  AxisId row, column;             // move only a, only b; each may be missing
  std::vector<AxisId> outer;      // whatever else there is: loops around the tiles
  int64_t rows = 1, columns = 1;  // of a whole tile
  llvm::Value* row_at = nullptr;
  llvm::Value* column_at = nullptr;
};

KernelEmitter::Dots KernelEmitter::dots_of(const Contract& contract) const {
  NNC_CHECK(contract.order == Order::lanes16 && contract.over.size() == 1,
            "dot products need the order lanes16 over one axis");
  Dots dots{contract, k_.exprs[contract.a], k_.exprs[contract.b], contract.over[0], {}, {}, {}};
  NNC_CHECK(dots.a.kind == kernel::ExprKind::load && dots.b.kind == kernel::ExprKind::load,
            "operands of dot products are loads");
  NNC_CHECK(load_stride(dots.a, dots.depth) == 1 && load_stride(dots.b, dots.depth) == 1,
            "dot products read along the sum");
  for (AxisId axis : contract.axes) {
    const bool in_a = uses_axis(k_, contract.a, axis);
    const bool in_b = uses_axis(k_, contract.b, axis);
    if (in_a && !in_b && !dots.row.valid())
      dots.row = axis;
    else if (in_b && !in_a && !dots.column.valid())
      dots.column = axis;
    else
      dots.outer.push_back(axis);
  }
  if (dots.row.valid()) dots.rows = std::max<int64_t>(1, contract.schedule.rows);
  if (dots.column.valid()) dots.columns = std::max<int64_t>(1, contract.schedule.cols);
  return dots;
}

// Adds the sixteen terms from k on to the tile's accumulators; with a mask, those of its lanes.
void KernelEmitter::dot_terms(const Dots& dots, llvm::Value* a_base, llvm::Value* b_base, llvm::Value* k,
                              llvm::Value* mask, int64_t rows, int64_t columns, Values& sums) {
  llvm::Type* f32 = b_.getFloatTy();
  auto* vector_type = llvm::FixedVectorType::get(f32, kLanes);
  const llvm::Align align(4);
  const int64_t row_step = dots.row.valid() ? load_stride(dots.a, dots.row) : 0;
  const int64_t column_step = dots.column.valid() ? load_stride(dots.b, dots.column) : 0;
  const auto fetch = [&](llvm::Value* base, int64_t offset) -> llvm::Value* {
    llvm::Value* where = b_.CreateGEP(f32, base, b_.CreateAdd(k, i64(offset)));
    if (!mask) return b_.CreateAlignedLoad(vector_type, where, align);
    return b_.CreateMaskedLoad(vector_type, where, align, mask, llvm::Constant::getNullValue(vector_type));
  };
  // The rows of the next tile are asked for while this one computes, if they come from afar.
  if (dots.row.valid() && exceeds(dots.a.buffer, target_.l1_bytes))
    for (int64_t r = 0; r < rows; ++r)
      prefetch(b_.CreateGEP(f32, a_base, b_.CreateAdd(k, i64((rows + r) * row_step))), 2);
  Values right;
  for (int64_t c = 0; c < columns; ++c) right.push_back(fetch(b_base, c * column_step));
  for (int64_t r = 0; r < rows; ++r) {
    llvm::Value* left = fetch(a_base, r * row_step);
    for (int64_t c = 0; c < columns; ++c) {
      llvm::Value*& sum = sums[static_cast<size_t>(r * columns + c)];
      sum =
          b_.CreateIntrinsic(llvm::Intrinsic::fma, {vector_type}, {left, right[static_cast<size_t>(c)], sum});
    }
  }
}

// The accumulators of a tile's rows x columns, row-major, after all terms.
KernelEmitter::Values KernelEmitter::dot_sums(const Dots& dots, int64_t rows, int64_t columns) {
  if (dots.row.valid()) index_[dots.row.index] = dots.row_at;
  if (dots.column.valid()) index_[dots.column.index] = dots.column_at;
  index_[dots.depth.index] = i64(0);
  llvm::Value* a_base = pointer(dots.a.buffer, address(dots.a.buffer, dots.a.subscripts).offset);
  llvm::Value* b_base = pointer(dots.b.buffer, address(dots.b.buffer, dots.b.subscripts).offset);
  index_[dots.depth.index] = nullptr;
  auto* vector_type = llvm::FixedVectorType::get(b_.getFloatTy(), kLanes);
  Values sums(static_cast<size_t>(rows * columns), llvm::Constant::getNullValue(vector_type));
  const int64_t depth = k_.axes[dots.depth].extent;
  const int64_t whole = depth / kLanes * kLanes;
  sums = carry(i64(0), i64(whole), kLanes, sums, [&](llvm::Value* k, const Values& before) {
    Values after = before;
    dot_terms(dots, a_base, b_base, k, nullptr, rows, columns, after);
    return after;
  });
  if (whole < depth)
    dot_terms(dots, a_base, b_base, i64(whole), tail_mask(i64(whole), i64(depth)), rows, columns, sums);
  return sums;
}

void KernelEmitter::dot_tile(const Dots& dots, int64_t rows, int64_t columns) {
  const Values sums = dot_sums(dots, rows, columns);
  memo_.emplace_back();
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c) {
      if (dots.row.valid()) index_[dots.row.index] = b_.CreateAdd(dots.row_at, i64(r));
      if (dots.column.valid()) index_[dots.column.index] = b_.CreateAdd(dots.column_at, i64(c));
      results_ = {tree16(sums[static_cast<size_t>(r * columns + c)],
                         [&](llvm::Value* x, llvm::Value* y) { return b_.CreateFAdd(x, y); })};
      memo_.emplace_back();
      run_stores(dots.contract.stores);
      memo_.pop_back();
    }
  memo_.pop_back();
  results_.clear();
}

void KernelEmitter::contract_dots(const Contract& contract) {
  Dots dots = dots_of(contract);
  for (size_t i = 0; i < dots.outer.size(); ++i)
    level_[dots.outer[i].index] = loops_open_ + static_cast<int>(i) + 1;
  constexpr int kInsideTile = 1000;  // never hoisted: the loops over a tile's outputs are unrolled
  if (dots.row.valid()) level_[dots.row.index] = kInsideTile;
  if (dots.column.valid()) level_[dots.column.index] = kInsideTile;
  hoist();
  each_in(dots.outer, [&] {
    in_steps(dots.row, dots.rows, [&](llvm::Value* row_at, int64_t rows) {
      in_steps(dots.column, dots.columns, [&](llvm::Value* column_at, int64_t columns) {
        dots.row_at = row_at;
        dots.column_at = column_at;
        dot_tile(dots, rows, columns);
      });
    });
  });
  if (dots.row.valid()) index_[dots.row.index] = nullptr;
  if (dots.column.valid()) index_[dots.column.index] = nullptr;
}

}  // namespace nnc::codegen
