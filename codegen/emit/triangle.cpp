// Register tiles of contractions that leave out the terms beyond a triangle. What is left of a sum are the terms that all of
// the tile takes, in a loop as of any tile, and before or behind them those at the tile's own rows or lanes, of which each row
// or lane takes its part. Where the triangle's axes are both of the results, a tile beyond it has no sum.
#include <algorithm>

#include "codegen/emit/tile.h"
#include "codegen/lower/strides.h"

namespace nnc::codegen {

using kernel::AxisId;

// From the first term to the last that a triangle leaves.
Values TileEmitter::triangle_sum(const Tile& t, const Part& part, const Values& initial) {
  const KernelEmitter::Bounds all = e_.bounds(t.depth);
  const bool ends = t.contract.triangle->low == t.depth;
  const bool of_rows = t.edge_of_sum == t.row;
  if (!of_rows && t.edge_of_sum != t.lanes) {
    llvm::Value* at = e_.axis_value(t.edge_of_sum);
    return whole_terms(
        t, part, ends ? KernelEmitter::Bounds{all.begin, at_.add(at, 1)} : KernelEmitter::Bounds{at, all.end},
        initial);
  }
  const auto own = [&](const Values& before) {
    return of_rows ? terms_of_rows(t, part, before) : terms_of_lanes(t, part, before);
  };
  llvm::Value* first = of_rows ? t.row_at : t.lane_at;
  if (ends) return own(whole_terms(t, part, {all.begin, first}, initial));
  llvm::Value* behind = at_.smin(at_.add(first, of_rows ? part.rows : part.vectors * kLanes), all.end);
  return whole_terms(t, part, {behind, all.end}, own(initial));
}

// Terms that all rows and lanes take.
Values TileEmitter::whole_terms(const Tile& t, const Part& part, KernelEmitter::Bounds range,
                                const Values& before) {
  llvm::Value* middle = at_.last_step(range.begin, range.end, kUnroll);
  Values state = with_places(t, part, range.begin, before);
  state = turns(t, part, {range.begin, middle}, kUnroll, state);
  state = turns(t, part, {middle, range.end}, 1, state);
  state.resize(before.size());
  return state;
}

// A term for each row: the one of its own number is its last, or its first.
Values TileEmitter::terms_of_rows(const Tile& t, const Part& part, const Values& before) {
  const bool ends = t.contract.triangle->low == t.depth;
  Values sums = with_places(t, part, t.row_at, before);
  llvm::Value* vector_from = sums[before.size()];
  llvm::Value* from = sums[before.size() + 1];
  sums.resize(before.size());
  for (int64_t r = 0; r < part.rows; ++r)
    add_term(t, part, {ends ? r : 0, ends ? part.rows : r + 1, 0, part.vectors}, vector_from, from, r, sums);
  return sums;
}

// A term for each lane: vectors before or behind that of the lane take all of it.
Values TileEmitter::terms_of_lanes(const Tile& t, const Part& part, const Values& before) {
  llvm::Type* f32 = b_.getFloatTy();
  const bool ends = t.contract.triangle->low == t.depth;
  Values sums = before;
  for (int64_t c = 0; c < part.vectors; ++c) {
    llvm::Value* first = at_.add(t.lane_at, c * kLanes);
    llvm::Value* end = at_.smin(at_.add(first, kLanes), e_.bounds(t.depth).end);
    Values state = with_places(t, part, first, sums);
    state = e_.carry(first, end, 1, state, [&](llvm::Value* at, const Values& inside) {
      Values next(inside.begin(), inside.end() - 2);
      llvm::Value* vector_from = inside[next.size()];
      llvm::Value* from = inside[next.size() + 1];
      llvm::Value* mask = ends ? b_.CreateNot(e_.tail_mask(first, at)) : e_.tail_mask(first, at_.add(at, 1));
      const Taking taking{0, part.rows, ends ? c : 0, ends ? part.vectors : c + 1, c, mask};
      add_term(t, part, taking, vector_from, from, 0, next);
      next.push_back(at_.element(f32, vector_from, stride(t.vectors_of, t.depth)));
      next.push_back(at_.element(f32, from, stride(t.broadcast, t.depth)));
      return next;
    });
    state.resize(before.size());
    sums = std::move(state);
  }
  return sums;
}

// The sums of a tile, zeros beyond the triangle.
Values TileEmitter::in_triangle(const Tile& t, int64_t rows, int64_t vectors,
                                const std::function<Values()>& sum) {
  const kernel::Triangle& triangle = *t.contract.triangle;
  const auto place = [&](AxisId axis, bool last) {
    if (axis == t.row) return at_.add(t.row_at, last ? rows - 1 : 0);
    if (axis == t.lanes) return at_.add(t.lane_at, last ? vectors * kLanes - 1 : 0);
    return e_.axis_value(axis);
  };
  const auto ordered = [&](bool last_of_low, bool last_of_high) {
    return b_.CreateICmpSLE(place(triangle.low, last_of_low), place(triangle.high, last_of_high));
  };
  llvm::Value* zero = llvm::Constant::getNullValue(vector_type());
  const Values zeros(static_cast<size_t>(rows * vectors), zero);
  return e_.unless(b_.CreateNot(ordered(false, true)), zeros, [&] {
    const Values sums = sum();
    return e_.unless(ordered(true, false), sums, [&] {
      Values inside;
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t c = 0; c < vectors; ++c) {
          Scope here(e_);
          if (t.row.valid()) here.at(t.row, at_.add(t.row_at, r));
          here.at(t.lanes, at_.add(t.lane_at, c * kLanes)).along(t.lanes);
          inside.push_back(only_inside(sums[inside.size()], zero, e_.is_inside(triangle)));
        }
      return inside;
    });
  });
}

}  // namespace nnc::codegen
