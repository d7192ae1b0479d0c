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
  if (summed_in_triangle(contract).valid()) return std::nullopt;
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
    const AxisId named = contract.schedule.beside;
    if (in_a && !in_b && (named.valid() ? axis == named : !dots.row.valid()))
      dots.row = axis;
    else if (in_b && !in_a && !dots.column.valid())
      dots.column = axis;
    else
      dots.outer.push_back(axis);
  }
  for (const Guard& guard : dots.guards)
    for (const kernel::Term& term : guard.index.terms)
      if (term.axis == depth || term.axis == dots.column) return std::nullopt;
  if (dots.row.valid())
    for (size_t i = dots.guards.size(); i-- > 0;) {
      if (!dots.guards[i].moves_along(dots.row)) continue;
      if (dots.guards[i].over != contract.over.front() || contract.over.size() < 2) return std::nullopt;
      dots.edges.push_back(dots.guards[i]);
      dots.guards.erase(dots.guards.begin() + static_cast<std::ptrdiff_t>(i));
    }
  if (dots.row.valid()) dots.rows = std::max<int64_t>(1, contract.schedule.rows);
  if (dots.column.valid()) dots.columns = std::max<int64_t>(1, contract.schedule.cols);
  return dots;
}

// Adds the sixteen terms from k on to the tile's accumulators: those that exist.
void DotsEmitter::dot_terms(const Dots& dots, llvm::Value* a_base, llvm::Value* b_base, llvm::Value* k,
                            const Existing& existing, int64_t rows, int64_t columns, Values& sums) {
  llvm::Type* f32 = b_.getFloatTy();
  auto* vector_type = llvm::FixedVectorType::get(f32, kLanes);
  const llvm::Align align(4);
  const int64_t row_step = stride(dots.a, dots.row);
  const int64_t column_step = stride(dots.b, dots.column);
  const auto fetch = [&](llvm::Value* base, int64_t offset, llvm::Value* mask) -> llvm::Value* {
    llvm::Value* where = at_.element(f32, base, at_.add(k, offset));
    if (!mask) return b_.CreateAlignedLoad(vector_type, where, align);
    return b_.CreateMaskedLoad(vector_type, where, align, mask, llvm::Constant::getNullValue(vector_type));
  };
  Values row_masks(static_cast<size_t>(rows), existing.lanes);
  for (size_t r = 0; r < existing.rows.size(); ++r) {
    llvm::Value* mask = splat(b_, existing.rows[r]);
    row_masks[r] = existing.lanes ? b_.CreateAnd(mask, existing.lanes) : mask;
  }
  // The rows of the next tile are asked for while this one computes, if they come from afar. What a pass reads is at hand.
  if (dots.row.valid() && dots.contract.schedule.block == 0 &&
      e_.exceeds(dots.a.buffer, e_.target().l1_bytes))
    for (int64_t r = 0; r < rows; ++r)
      e_.prefetch(at_.element(f32, a_base, at_.add(k, (rows + r) * row_step)), 2);
  const auto add_term = [&](llvm::Value* left, llvm::Value* right, int64_t r, int64_t c) {
    llvm::Value*& sum = sums[static_cast<size_t>(r * columns + c)];
    llvm::Value* more = b_.CreateIntrinsic(llvm::Intrinsic::fma, {vector_type}, {left, right, sum});
    sum = existing.rows.empty() ? more : b_.CreateSelect(row_masks[static_cast<size_t>(r)], more, sum);
  };
  const auto row = [&](int64_t r) { return fetch(a_base, r * row_step, row_masks[static_cast<size_t>(r)]); };
  const auto column = [&](int64_t c) { return fetch(b_base, c * column_step, existing.lanes); };
  // The shorter side stays in registers, the other passes by.
  Values held;
  if (rows < columns) {
    for (int64_t r = 0; r < rows; ++r) held.push_back(row(r));
    for (int64_t c = 0; c < columns; ++c) {
      llvm::Value* right = column(c);
      for (int64_t r = 0; r < rows; ++r) add_term(held[static_cast<size_t>(r)], right, r, c);
    }
    return;
  }
  for (int64_t c = 0; c < columns; ++c) held.push_back(column(c));
  for (int64_t r = 0; r < rows; ++r) {
    llvm::Value* left = row(r);
    for (int64_t c = 0; c < columns; ++c) add_term(left, held[static_cast<size_t>(c)], r, c);
  }
}

// Where the accumulator of the tile's row r, column c waits between passes: row-major over the task's results.
llvm::Value* DotsEmitter::waiting_at(const Dots& dots, int64_t r, int64_t c) {
  auto* vector_type = llvm::FixedVectorType::get(b_.getFloatTy(), kLanes);
  llvm::Value* at = i64(0);
  const auto axis = [&](AxisId id, llvm::Value* index, int64_t further) {
    if (!id.valid()) return;
    llvm::Value* place = at_.add(at_.sub(index, e_.bounds(id).begin), further);
    at = at_.add(at_.mul(at, k_.task_extent(id)), place);
  };
  for (const AxisId outer : dots.outer) axis(outer, e_.axis_value(outer), 0);
  axis(dots.row, dots.row_at, r);
  axis(dots.column, dots.column_at, c);
  return at_.element(vector_type, e_.pointer(dots.contract.schedule.waiting, i64(0)), at);
}

Values DotsEmitter::waiting(const Dots& dots, int64_t rows, int64_t columns) {
  auto* vector_type = llvm::FixedVectorType::get(b_.getFloatTy(), kLanes);
  Values sums;
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c)
      sums.push_back(b_.CreateAlignedLoad(vector_type, waiting_at(dots, r, c), llvm::Align(64)));
  return sums;
}

// The accumulators of a tile's rows x columns, row-major, after all terms of the bounds at hand. Where rows see different parts
// of the first axis: what all see, and what lies before and after it, of which each takes its own.
Values DotsEmitter::dot_sums(const Dots& dots, int64_t rows, int64_t columns, const Values& before_all) {
  Values sums = before_all;
  e_.inside(dots.guards, [&] {
    if (dots.edges.empty()) {
      sums = dot_lines(dots, rows, columns, sums, {});
      return;
    }
    const AxisId first = dots.contract.over.front();
    std::vector<KernelEmitter::Bounds> of_rows;
    for (int64_t r = 0; r < rows; ++r) {
      Scope here(e_);
      here.at(dots.row, at_.add(dots.row_at, r));
      e_.inside(dots.edges, [&] { of_rows.push_back(e_.bounds(first)); });
    }
    KernelEmitter::Bounds any = of_rows[0], all = of_rows[0];
    for (const KernelEmitter::Bounds& row : of_rows) {
      any = {at_.smin(any.begin, row.begin), at_.smax(any.end, row.end)};
      all = {at_.smax(all.begin, row.begin), at_.smin(all.end, row.end)};
    }
    all.begin = at_.smin(all.begin, any.end);
    all.end = at_.smax(all.end, all.begin);
    e_.within(first, {any.begin, all.begin}, [&] { sums = dot_lines(dots, rows, columns, sums, of_rows); });
    e_.within(first, all, [&] { sums = dot_lines(dots, rows, columns, sums, {}); });
    e_.within(first, {all.end, any.end}, [&] { sums = dot_lines(dots, rows, columns, sums, of_rows); });
  });
  return sums;
}

Values DotsEmitter::dot_lines(const Dots& dots, int64_t rows, int64_t columns, const Values& before,
                              const std::vector<KernelEmitter::Bounds>& of_rows) {
  const int64_t depth = k_.axes[dots.depth].extent;
  const int64_t whole = depth / kLanes * kLanes;
  const std::vector<AxisId> outer(dots.contract.over.begin(), dots.contract.over.end() - 1);
  return e_.over_loops(outer, before, [&](llvm::Value*, const Values& line) {
    Scope here(e_);
    here.at(dots.row, dots.row_at).at(dots.column, dots.column_at).at(dots.depth, i64(0));
    llvm::Value* a_base = e_.place(dots.a.buffer, dots.a.subscripts);
    llvm::Value* b_base = e_.place(dots.b.buffer, dots.b.subscripts);
    Existing existing;
    for (const KernelEmitter::Bounds& row : of_rows) {
      llvm::Value* at = e_.axis_value(dots.contract.over.front());
      existing.rows.push_back(b_.CreateAnd(b_.CreateICmpSGE(at, row.begin), b_.CreateICmpSLT(at, row.end)));
    }
    Values in_line = e_.carry(i64(0), i64(whole), kLanes, line, [&](llvm::Value* k, const Values& carried) {
      Values after = carried;
      dot_terms(dots, a_base, b_base, k, existing, rows, columns, after);
      return after;
    });
    if (whole < depth) {
      existing.lanes = e_.tail_mask(i64(whole), i64(depth));
      dot_terms(dots, a_base, b_base, i64(whole), existing, rows, columns, in_line);
    }
    return in_line;
  });
}

void DotsEmitter::finish(const Dots& dots, int64_t rows, int64_t columns, const Values& sums) {
  const auto add = [&](const Values& x, const Values& y) -> Values { return {b_.CreateFAdd(x[0], y[0])}; };
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c) {
      Scope here(e_);
      if (dots.row.valid()) here.at(dots.row, at_.add(dots.row_at, r));
      if (dots.column.valid()) here.at(dots.column, at_.add(dots.column_at, c));
      Values result = FoldEmitter(e_).tree16({sums[static_cast<size_t>(r * columns + c)]}, add);
      if (const auto& triangle = dots.contract.triangle)
        result[0] = only_inside(result[0], llvm::Constant::getNullValue(result[0]->getType()),
                                e_.is_inside(*triangle));
      here.results(std::move(result));
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
  const auto each_tile = [&](const std::function<void(int64_t rows, int64_t columns)>& tile) {
    e_.each_in(dots->outer, [&] {
      e_.in_steps(dots->row, dots->rows, [&](llvm::Value* row_at, int64_t rows) {
        e_.in_steps(dots->column, dots->columns, [&](llvm::Value* column_at, int64_t columns) {
          dots->row_at = row_at;
          dots->column_at = column_at;
          tile(rows, columns);
        });
      });
    });
  };
  const AxisId first = contract.over.front();
  const int64_t block = contract.schedule.block, extent = k_.axes[first].extent;
  if (!contract.schedule.waiting.valid()) {
    auto* zero = llvm::Constant::getNullValue(llvm::FixedVectorType::get(b_.getFloatTy(), kLanes));
    each_tile([&](int64_t rows, int64_t columns) {
      const Values zeros(static_cast<size_t>(rows * columns), zero);
      finish(*dots, rows, columns, dot_sums(*dots, rows, columns, zeros));
    });
    return true;
  }
  // In passes over a part of the first axis each, which stays in the cache while every tile goes over it.
  const kernel::BufferId local = contract.schedule.waiting;
  const auto bytes = static_cast<uint64_t>(element_count(k_.local_shape(local)) * dtype_bytes(DType::f32));
  b_.CreateMemSet(e_.pointer(local, i64(0)), b_.getInt8(0), bytes, llvm::MaybeAlign(64));
  e_.loop(i64(0), i64(extent), block, [&](llvm::Value* begin) {
    llvm::Value* end = at_.add(begin, block);
    if (extent % block != 0) end = at_.smin(end, i64(extent));
    e_.within(first, {begin, end}, [&] {
      each_tile([&](int64_t rows, int64_t columns) {
        const Values sums = dot_sums(*dots, rows, columns, waiting(*dots, rows, columns));
        for (int64_t r = 0; r < rows; ++r)
          for (int64_t c = 0; c < columns; ++c)
            b_.CreateAlignedStore(sums[static_cast<size_t>(r * columns + c)], waiting_at(*dots, r, c),
                                  llvm::Align(64));
      });
    });
  });
  each_tile(
      [&](int64_t rows, int64_t columns) { finish(*dots, rows, columns, waiting(*dots, rows, columns)); });
  return true;
}

}  // namespace nnc::codegen
