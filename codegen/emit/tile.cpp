// One register tile of a contraction: the sum of its terms in rows x vectors registers, what to ask memory for
// meanwhile, and the stores of its elements.
#include "codegen/emit/tile.h"

#include <llvm/IR/Intrinsics.h>

#include "codegen/emit/ahead.h"
#include "codegen/lower/strides.h"

namespace nnc::codegen {

using kernel::AxisId;
using kernel::ExprId;
using kernel::ExprKind;

int64_t TileEmitter::stride(const kernel::Expr& load, AxisId axis) const {
  return *stride_along(k_, load.buffer, load.subscripts, axis);
}

// Adds term k from these places to those sums of a part of the tile that take it.
void TileEmitter::add_term(const Tile& t, const Part& part, const Taking& taking, llvm::Value* vector_at,
                           llvm::Value* broadcast_at, int64_t k, Values& sums) {
  llvm::Type* f32 = b_.getFloatTy();
  const llvm::Align align(4);
  const int64_t vector_step = stride(t.vectors_of, t.depth);
  const int64_t column_step = t.beside.valid() ? stride(t.vectors_of, t.beside) : kLanes;
  const int64_t broadcast_step = stride(t.broadcast, t.depth);
  const int64_t row_step = t.row.valid() ? stride(t.broadcast, t.row) : 0;
  Values columns;
  for (int64_t c = taking.vector; c < taking.vectors_end; ++c) {
    llvm::Value* where = at_.element(f32, vector_at, k * vector_step + c * column_step);
    llvm::Value* mask = t.mask_of(c, part.vectors);
    columns.push_back(
        mask ? static_cast<llvm::Value*>(b_.CreateMaskedLoad(vector_type(), where, align, mask,
                                                             llvm::Constant::getNullValue(vector_type())))
             : b_.CreateAlignedLoad(vector_type(), where, align));
  }
  for (int64_t r = taking.row; r < taking.rows_end; ++r) {
    llvm::Value* where = at_.element(f32, broadcast_at, k * broadcast_step + r * row_step);
    llvm::Value* factor = b_.CreateVectorSplat(kLanes, b_.CreateAlignedLoad(f32, where, align));
    for (int64_t c = taking.vector; c < taking.vectors_end; ++c) {
      llvm::Value*& sum = sums[static_cast<size_t>(r * part.vectors + c)];
      llvm::Value* more = b_.CreateIntrinsic(llvm::Intrinsic::fma, {vector_type()},
                                             {factor, columns[static_cast<size_t>(c - taking.vector)], sum});
      sum = only_inside(more, sum, c == taking.masked ? taking.mask : nullptr);
    }
  }
}

// What the next tile will read, asked for while this one computes: the same terms of the rows below, or (where a task
// has no more rows) of the columns to the right. Operands that stay in the cache need no asking.
void TileEmitter::fetch_ahead(const Tile& t, int64_t rows, int64_t vectors, llvm::Value* vector_at,
                              llvm::Value* broadcast_at) {
  const int64_t vector_step = stride(t.vectors_of, t.depth);
  const int64_t broadcast_step = stride(t.broadcast, t.depth);
  const int64_t row_step = t.row.valid() ? stride(t.broadcast, t.row) : 0;
  const bool last_rows = !t.row.valid() || k_.axes[t.row].extent <= rows;
  const bool far_rows = !last_rows && e_.exceeds(t.broadcast.buffer, target_.l2_bytes);
  const bool far_columns =
      last_rows && !t.beside.valid() && e_.exceeds(t.vectors_of.buffer, target_.l1_bytes);
  const auto ask = [&](llvm::Value* base, int64_t elements, int level) {
    e_.prefetch(at_.element(b_.getFloatTy(), base, elements), level);
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
Values TileEmitter::plain_sum(const Tile& t, int64_t rows, int64_t vectors, const Values& initial) {
  if (t.edge_of_sum.valid()) return triangle_sum(t, {rows, 0, vectors}, initial);
  std::vector<Guard> common, own;
  llvm::Value* is_outside = b_.getFalse();  // with all terms
  for (const Guard& guard : t.guards)
    if (t.edge.valid() && guard.over == t.edge)
      own.push_back(guard);
    else if (guard.moves_along(guard.over))
      common.push_back(guard);
    else
      is_outside = b_.CreateOr(is_outside, e_.is_outside(guard));
  const auto sum = [&] {
    Values sums;
    e_.inside(common, [&] {
      Edges edges;
      for (int64_t c = 0; t.edge.valid() && c < vectors; ++c) {
        Scope column(e_);
        column.at(t.beside, at_.add(t.beside_at, c));
        e_.inside(own, [&] { edges.push_back(e_.bounds(t.edge)); });
      }
      sums = terms(t, {rows, 0, vectors}, 0, initial, edges);
    });
    return sums;
  };
  return is_outside == b_.getFalse() ? sum() : e_.unless(is_outside, initial, sum);
}

// The terms from over[level] on, for a part of the tile. With edges, the vectors of the part see different parts of that axis.
Values TileEmitter::terms(const Tile& t, const Part& part, size_t level, const Values& before,
                          const Edges& edges) {
  const AxisId axis = t.contract.over[level];
  if (axis == t.edge && !edges.empty()) return terms_by_edge(t, part, level, before, edges);
  if (axis == t.depth) return line(t, part, before);
  const KernelEmitter::Bounds range = e_.bounds(axis);
  return e_.carry(range.begin, range.end, 1, before, [&](llvm::Value* index, const Values& inside) {
    Scope here(e_);
    here.at(axis, index);
    return terms(t, part, level + 1, inside, edges);
  });
}

// Where all vectors have terms they are added together; before and behind that, of each vector alone. Each sum keeps its order.
Values TileEmitter::terms_by_edge(const Tile& t, const Part& part, size_t level, const Values& before,
                                  const Edges& edges) {
  KernelEmitter::Bounds all = edges[0];
  for (const KernelEmitter::Bounds& edge : edges)
    all = {at_.smax(all.begin, edge.begin), at_.smin(all.end, edge.end)};
  all.end = at_.smax(all.begin, all.end);
  Values sums = before;
  const auto alone = [&](bool is_before) {
    for (int64_t c = 0; c < part.vectors; ++c) {
      KernelEmitter::Bounds own = edges[static_cast<size_t>(c)];
      if (is_before)
        own.end = at_.smin(own.end, all.begin);
      else
        own.begin = at_.smax(own.begin, all.end);
      Values column;
      for (int64_t r = 0; r < part.rows; ++r)
        column.push_back(sums[static_cast<size_t>(r * part.vectors + c)]);
      e_.within(t.edge, own, [&] { column = terms(t, {part.rows, c, 1}, level, column, {}); });
      for (int64_t r = 0; r < part.rows; ++r)
        sums[static_cast<size_t>(r * part.vectors + c)] = column[static_cast<size_t>(r)];
    }
  };
  alone(true);
  e_.within(t.edge, all, [&] { sums = terms(t, part, level, sums, {}); });
  alone(false);
  return sums;
}

// The sums, and where the operands of the term `first` lie.
Values TileEmitter::with_places(const Tile& t, const Part& part, llvm::Value* first, const Values& sums) {
  Scope here(e_);
  here.at(t.lanes, t.lane_at).at(t.row, t.row_at).at(t.depth, first);
  if (t.beside.valid()) here.at(t.beside, at_.add(t.beside_at, part.first));
  Values state = sums;
  llvm::Value* vectors = e_.place(t.vectors_of.buffer, t.vectors_of.subscripts);
  state.push_back(t.packing ? at_.element(b_.getFloatTy(), vectors, at_.sub(i64(0), t.packed_from))
                            : vectors);
  state.push_back(e_.place(t.broadcast.buffer, t.broadcast.subscripts));
  return state;
}

// A loop that takes so many terms a turn, with sums, places, and what is asked for ahead.
Values TileEmitter::turns(const Tile& t, const Part& part, KernelEmitter::Bounds range, int64_t count,
                          const Values& state) {
  llvm::Type* f32 = b_.getFloatTy();
  const size_t sums = static_cast<size_t>(part.rows * part.vectors);
  return e_.carry(range.begin, range.end, count, state, [&](llvm::Value*, const Values& inside) {
    Values next(inside.begin(), inside.begin() + static_cast<std::ptrdiff_t>(sums));
    llvm::Value* vector_from = inside[sums];
    llvm::Value* from = inside[sums + 1];
    const Values ahead(inside.begin() + static_cast<std::ptrdiff_t>(sums) + 2, inside.end());
    const Values further = ahead.empty() ? ahead : e_.ahead()->ask(ahead);
    if (count > 1) fetch_ahead(t, part.rows, part.vectors, vector_from, from);
    for (int64_t k = 0; k < count; ++k) add_term(t, part, all_of(part), vector_from, from, k, next);
    next.push_back(at_.element(f32, vector_from, count * stride(t.vectors_of, t.depth)));
    next.push_back(at_.element(f32, from, count * stride(t.broadcast, t.depth)));
    next.insert(next.end(), further.begin(), further.end());
    return next;
  });
}

// Whether the factors of a term are those of another for other rows of the tile, as of a convolution's taps along its rows. Terms
// beside each other would load each once and keep it for the others, in more registers than there are.
bool TileEmitter::shares_rows(const Tile& t, int64_t rows) {
  const int64_t term = t.row.valid() ? std::abs(stride(t.broadcast, t.depth)) : 0;
  const int64_t row = t.row.valid() ? std::abs(stride(t.broadcast, t.row)) : 0;
  return row != 0 && term != 0 && term % row == 0 && term / row < rows;
}

// The terms of the innermost axis.
Values TileEmitter::line(const Tile& t, const Part& part, const Values& before) {
  const bool is_cut = std::ranges::any_of(t.guards, [&](const Guard& g) {
    return g.over == t.depth && (t.depth == t.edge || g.moves_along(t.depth));
  });
  KernelEmitter::Bounds range = e_.bounds(t.depth);
  // A pass over the sum's only axis.
  if (is_cut && t.block != 0 && t.contract.over.size() == 1)
    range = {at_.smax(range.begin, t.depth_begin),
             at_.smin(range.end, at_.add(t.depth_begin, t.depth_count))};
  Values state = with_places(t, part, is_cut ? range.begin : t.depth_begin, before);
  if (is_cut || shares_rows(t, part.rows)) {
    if (!is_cut) range = {t.depth_begin, at_.add(t.depth_begin, t.depth_count)};
    state = turns(t, part, range, 1, state);
    state.resize(before.size());
    return state;
  }
  const int64_t whole = t.depth_count / kUnroll * kUnroll;
  state.insert(state.end(), t.ahead.begin(), t.ahead.end());
  state = turns(t, part, {i64(0), i64(whole)}, kUnroll, state);
  llvm::Value* vector_from = state[before.size()];
  llvm::Value* from = state[before.size() + 1];
  state.resize(before.size());
  for (int64_t k = 0; k < t.depth_count - whole; ++k)
    add_term(t, part, all_of(part), vector_from, from, k, state);
  return state;
}

// The same over all terms, for operands that are computed, checked or strided: each is made where it is needed.
Values TileEmitter::computed_sum(const Tile& t, int64_t rows, int64_t vectors, const Values& initial) {
  return e_.over_loops(t.contract.over, initial, [&](llvm::Value*, const Values& before) {
    Values columns, columns_inside, next;
    for (int64_t c = 0; c < vectors; ++c) {
      Scope column(e_);
      column.at(t.lanes, at_.add(t.lane_at, c * kLanes));
      column.along(t.lanes, c + 1 == vectors ? t.mask : nullptr);
      columns.push_back(splat(b_, e_.expr(t.vector_id)));
      columns_inside.push_back(e_.is_inside(t.vector_id));
    }
    for (int64_t r = 0; r < rows; ++r) {
      Scope row(e_);
      if (t.row.valid()) row.at(t.row, at_.add(t.row_at, r));
      llvm::Value* factor = splat(b_, e_.expr(t.broadcast_id));
      llvm::Value* is_inside = e_.is_inside(t.broadcast_id);
      for (size_t c = 0; c < columns.size(); ++c) {
        llvm::Value* old = before[next.size()];
        llvm::Value* sum =
            b_.CreateIntrinsic(llvm::Intrinsic::fma, {vector_type()}, {factor, columns[c], old});
        sum = only_inside(only_inside(sum, old, is_inside), old, columns_inside[c]);
        if (t.edge_of_sum.valid()) {
          Scope vector(e_);
          vector.at(t.lanes, at_.add(t.lane_at, static_cast<int64_t>(c) * kLanes)).along(t.lanes);
          sum = only_inside(sum, old, e_.is_inside(*t.contract.triangle));
        }
        next.push_back(sum);
      }
    }
    return next;
  });
}

// The sum of one vector of outputs in the order lanes16: sixteen partial sums, each over every sixteenth term,
// then the tree.
llvm::Value* TileEmitter::partial_sums(const Tile& tile) {
  llvm::Value* zero = llvm::Constant::getNullValue(vector_type());
  Scope here(e_);
  here.at(tile.lanes, tile.lane_at).at(tile.row, tile.row_at).along(tile.lanes, tile.mask);
  const auto add_term = [&](llvm::Value* sum, llvm::Value* at) -> llvm::Value* {
    Scope term(e_);
    term.at(tile.depth, at);
    const auto vector = EmittingScalars::wrap(e_.expr(tile.vector_id), DType::f32);
    const auto broadcast = EmittingScalars::wrap(e_.expr(tile.broadcast_id), DType::f32);
    llvm::Value* after =
        EmittingScalars::value(scalars_.fma(broadcast, vector, EmittingScalars::wrap(sum, DType::f32)));
    after = only_inside(after, sum, e_.is_inside(tile.vector_id));
    if (tile.edge_of_sum.valid()) after = only_inside(after, sum, e_.is_inside(*tile.contract.triangle));
    return only_inside(after, sum, e_.is_inside(tile.broadcast_id));
  };
  const int64_t whole = tile.depth_count / kLanes * kLanes;
  Values lanes16 =
      e_.carry(i64(0), i64(whole), kLanes, Values(kLanes, zero), [&](llvm::Value* k, const Values& in) {
        Values next = in;
        for (unsigned l = 0; l < kLanes; ++l) next[l] = add_term(in[l], at_.add(k, l));
        return next;
      });
  for (int64_t k = whole; k < tile.depth_count; ++k)
    lanes16[static_cast<size_t>(k - whole)] = add_term(lanes16[static_cast<size_t>(k - whole)], i64(k));
  for (unsigned width = kLanes / 2; width >= 1; width /= 2)
    for (unsigned l = 0; l < width; ++l) lanes16[l] = b_.CreateFAdd(lanes16[l], lanes16[l + width]);
  return lanes16[0];
}

// Asks for what the stores will read at the tile's own elements (an optimizer's p, m, v), so that it arrives
// from memory while the sum is computed.
void TileEmitter::prefetch_stores(const Tile& t, int64_t rows, int64_t vectors) {
  std::vector<ExprId> pending;
  for (const kernel::Store& s : t.contract.stores) pending.push_back(s.value);
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
        stride_along(k_, e.buffer, e.subscripts, t.row).value_or(0) == 0 ||
        (t.beside.valid() && !stride_along(k_, e.buffer, e.subscripts, t.beside)))
      continue;
    Scope here(e_);
    here.at(t.lanes, t.lane_at).at(t.row, t.row_at).at(t.beside, t.beside_at).along(t.lanes);
    llvm::Value* first = e_.place(e.buffer, e.subscripts);
    const int64_t row_step = stride(e, t.row);
    const int64_t column_step = t.beside.valid() ? stride(e, t.beside) : kLanes;
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < vectors; ++c) {
        e_.prefetch(at_.element(b_.getFloatTy(), first, r * row_step + c * column_step), 1);
      }
  }
}

void TileEmitter::stores(const Tile& t, int64_t rows, int64_t vectors, const Values& sums) {
  Scope tile(e_);
  for (int64_t r = 0; r < rows; ++r) {
    Scope row(e_);
    if (t.row.valid()) row.at(t.row, at_.add(t.row_at, r));
    e_.hoist();
    for (int64_t c = 0; c < vectors; ++c) {
      Scope vector(e_);
      vector.at(t.lanes, t.beside.valid() ? t.lane_at : at_.add(t.lane_at, c * kLanes));
      if (t.beside.valid()) vector.at(t.beside, at_.add(t.beside_at, c));
      vector.along(t.lanes, t.mask_of(c, vectors));
      vector.results({sums[static_cast<size_t>(r * vectors + c)]});
      e_.run_stores(t.contract.stores);
    }
  }
}

// The same through memory, with one loop over the rows: for long epilogues.
void TileEmitter::stores_looped(const Tile& t, int64_t rows, int64_t vectors, const Values& sums) {
  llvm::Type* type = sums[0]->getType();
  llvm::Value* memory = e_.stack(type, rows * vectors);
  for (size_t i = 0; i < sums.size(); ++i) b_.CreateStore(sums[i], b_.CreateConstGEP1_64(type, memory, i));
  e_.loop(i64(0), i64(rows), 1, [&](llvm::Value* r) {
    Tile one = t;
    if (t.row.valid()) one.row_at = at_.add(t.row_at, r);
    Values line;
    for (int64_t c = 0; c < vectors; ++c)
      line.push_back(b_.CreateLoad(type, at_.element(type, memory, at_.add(at_.mul(r, vectors), c))));
    stores(one, 1, vectors, line);
  });
}

}  // namespace nnc::codegen
