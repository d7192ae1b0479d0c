// Dot products, a tile of rows x columns of them at a time.
#include "codegen/emit/dots.h"

#include <llvm/IR/Intrinsics.h>

#include <algorithm>

#include "codegen/emit/fold.h"
#include "codegen/lower/strides.h"

namespace nnc::codegen {

using kernel::AxisId;
using kernel::Contract;

int64_t DotsEmitter::stride(const kernel::Expr& load, AxisId axis) const {
  return axis.valid() ? *stride_along(k_, load.buffer, load.subscripts, axis) : 0;
}

std::optional<DotsEmitter::Dots> DotsEmitter::dots_of(const Contract& contract) const {
  if (contract.accumulator != DType::f32 || contract.order != Order::lanes16 || contract.over.empty() ||
      contract.schedule.lanes != contract.over.back())
    return std::nullopt;
  const AxisId depth = contract.over.back();
  Dots dots{contract, unchecked(k_.exprs[contract.a]), unchecked(k_.exprs[contract.b]), depth, {}, {}, {},
            {}};
  for (const auto& [id, load] : {std::pair{contract.a, &dots.a}, std::pair{contract.b, &dots.b}}) {
    const auto guards = guards_of(k_, id, contract.over);
    if (!guards || stride(*load, depth) != 1) return std::nullopt;
    dots.guards.insert(dots.guards.end(), guards->begin(), guards->end());
  }
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
  for (const Guard& guard : dots.guards)
    for (const kernel::Term& term : guard.index.terms)
      if (term.axis == depth || term.axis == dots.row || term.axis == dots.column) return std::nullopt;
  if (dots.row.valid()) dots.rows = std::max<int64_t>(1, contract.schedule.rows);
  if (dots.column.valid()) dots.columns = std::max<int64_t>(1, contract.schedule.cols);
  return dots;
}

// Adds the sixteen terms from k on to the tile's accumulators; with a mask, those of its lanes.
void DotsEmitter::dot_terms(const Dots& dots, llvm::Value* a_base, llvm::Value* b_base, llvm::Value* k,
                            llvm::Value* mask, int64_t rows, int64_t columns, Values& sums) {
  llvm::Type* f32 = b_.getFloatTy();
  auto* vector_type = llvm::FixedVectorType::get(f32, kLanes);
  const llvm::Align align(4);
  const int64_t row_step = stride(dots.a, dots.row);
  const int64_t column_step = stride(dots.b, dots.column);
  const auto fetch = [&](llvm::Value* base, int64_t offset) -> llvm::Value* {
    llvm::Value* where = b_.CreateGEP(f32, base, b_.CreateAdd(k, i64(offset)));
    if (!mask) return b_.CreateAlignedLoad(vector_type, where, align);
    return b_.CreateMaskedLoad(vector_type, where, align, mask, llvm::Constant::getNullValue(vector_type));
  };
  // The rows of the next tile are asked for while this one computes, if they come from afar.
  if (dots.row.valid() && e_.exceeds(dots.a.buffer, e_.target().l1_bytes))
    for (int64_t r = 0; r < rows; ++r)
      e_.prefetch(b_.CreateGEP(f32, a_base, b_.CreateAdd(k, i64((rows + r) * row_step))), 2);
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
Values DotsEmitter::dot_sums(const Dots& dots, int64_t rows, int64_t columns) {
  auto* vector_type = llvm::FixedVectorType::get(b_.getFloatTy(), kLanes);
  const Values zeros(static_cast<size_t>(rows * columns), llvm::Constant::getNullValue(vector_type));
  const int64_t depth = k_.axes[dots.depth].extent;
  const int64_t whole = depth / kLanes * kLanes;
  const std::vector<AxisId> outer(dots.contract.over.begin(), dots.contract.over.end() - 1);
  Values sums;
  e_.inside(dots.guards, [&] {
    sums = e_.over_loops(outer, zeros, [&](llvm::Value*, const Values& line) {
      Scope here(e_);
      here.at(dots.row, dots.row_at).at(dots.column, dots.column_at).at(dots.depth, i64(0));
      llvm::Value* a_base = e_.place(dots.a.buffer, dots.a.subscripts);
      llvm::Value* b_base = e_.place(dots.b.buffer, dots.b.subscripts);
      Values in_line = e_.carry(i64(0), i64(whole), kLanes, line, [&](llvm::Value* k, const Values& before) {
        Values after = before;
        dot_terms(dots, a_base, b_base, k, nullptr, rows, columns, after);
        return after;
      });
      if (whole < depth)
        dot_terms(dots, a_base, b_base, i64(whole), e_.tail_mask(i64(whole), i64(depth)), rows, columns,
                  in_line);
      return in_line;
    });
  });
  return sums;
}

void DotsEmitter::dot_tile(const Dots& dots, int64_t rows, int64_t columns) {
  const Values sums = dot_sums(dots, rows, columns);
  const auto add = [&](const Values& x, const Values& y) -> Values { return {b_.CreateFAdd(x[0], y[0])}; };
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c) {
      Scope here(e_);
      if (dots.row.valid()) here.at(dots.row, b_.CreateAdd(dots.row_at, i64(r)));
      if (dots.column.valid()) here.at(dots.column, b_.CreateAdd(dots.column_at, i64(c)));
      here.results(FoldEmitter(e_).tree16({sums[static_cast<size_t>(r * columns + c)]}, add));
      e_.run_stores(dots.contract.stores);
    }
}

bool DotsEmitter::emit(const Contract& contract) {
  std::optional<Dots> dots = dots_of(contract);
  if (!dots) return false;
  std::vector<kernel::ExprId> roots;
  for (const kernel::Store& s : contract.stores) roots.push_back(s.value);
  e_.begin_statement(roots, contract.stores);
  e_.hoist();
  e_.each_in(dots->outer, [&] {
    e_.in_steps(dots->row, dots->rows, [&](llvm::Value* row_at, int64_t rows) {
      e_.in_steps(dots->column, dots->columns, [&](llvm::Value* column_at, int64_t columns) {
        dots->row_at = row_at;
        dots->column_at = column_at;
        dot_tile(*dots, rows, columns);
      });
    });
  });
  return true;
}

}  // namespace nnc::codegen
