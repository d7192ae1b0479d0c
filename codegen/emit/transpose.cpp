// Maps that only move elements, in blocks of 16 x 16.
#include "codegen/emit/transpose.h"

#include <algorithm>

#include "codegen/lower/strides.h"

namespace nnc::codegen {

using kernel::AxisId;

// The axes along which source and target are contiguous, if the map is such a move.
std::optional<TransposeEmitter::Transposition> TransposeEmitter::transposition(const kernel::Map& map) const {
  if (!map.schedule.lanes.valid() || map.stores.size() != 1) return std::nullopt;
  const kernel::Store& s = map.stores[0];
  const kernel::Expr& e = k_.exprs[s.value];
  if (e.kind != kernel::ExprKind::load || dtype_bytes(e.dtype) != 4 ||
      !std::ranges::all_of(e.subscripts, &kernel::Index::is_plain))
    return std::nullopt;
  AxisId source, target;
  for (AxisId axis : map.axes) {
    const auto from = stride_along(k_, e.buffer, e.subscripts, axis);
    const auto to = stride_along(k_, s.buffer, s.index, axis);
    if (!from || !to) return std::nullopt;
    if (*from == 1) source = axis;
    if (*to == 1) target = axis;
  }
  if (!source.valid() || !target.valid() || source == target) return std::nullopt;
  return Transposition{source, target};
}

bool TransposeEmitter::suits_apart(const kernel::Map& map) const {
  const auto is_alone = [&](const kernel::Store& store) {
    const kernel::Expr& e = k_.exprs[store.value];
    return e.kind == kernel::ExprKind::load && std::ranges::all_of(e.subscripts, &kernel::Index::is_plain) &&
           std::ranges::find(map.stores, e.buffer, &kernel::Store::buffer) == map.stores.end();
  };
  return std::ranges::all_of(map.stores, is_alone) &&
         std::ranges::any_of(map.stores, [&](const kernel::Store& store) {
           return transposition({map.axes, {store}, map.schedule}).has_value();
         });
}

// Sixteen rows of sixteen become sixteen columns, in four turns: each swaps the halves of squares half as large.
void TransposeEmitter::transpose16(Values& rows) {
  auto* vector_type = llvm::cast<llvm::FixedVectorType>(rows[0]->getType());
  // LLVM would look, for most of a move's compile time, for ways to merge each shuffle with those before it. The
  // fence costs no instruction and ends the search.
  auto* float_vector = llvm::FixedVectorType::get(b_.getFloatTy(), kLanes);
  const auto opaque = [&](llvm::Value* v) {
    llvm::Value* floats = b_.CreateBitCast(v, float_vector);
    return b_.CreateBitCast(b_.CreateArithmeticFence(floats, float_vector), vector_type);
  };
  for (unsigned size = kLanes / 2; size >= 1; size /= 2) {
    std::vector<int> first(kLanes), second(kLanes);
    for (unsigned l = 0; l < kLanes; ++l) {
      const bool low = (l & size) == 0;
      first[l] = static_cast<int>(low ? l : kLanes + l - size);
      second[l] = static_cast<int>(low ? l + size : kLanes + l);
    }
    for (unsigned r = 0; r < kLanes; ++r) {
      if (r & size) continue;
      llvm::Value* a = rows[r];
      llvm::Value* b = rows[r + size];
      rows[r] = opaque(b_.CreateShuffleVector(a, b, first));
      rows[r + size] = opaque(b_.CreateShuffleVector(a, b, second));
    }
  }
}

void TransposeEmitter::transpose_block(const kernel::Map& map, const Transposition& t,
                                       llvm::Value* source_mask, llvm::Value* target_mask) {
  const kernel::Store& s = map.stores[0];
  const kernel::Expr& e = k_.exprs[s.value];
  llvm::Type* element = llvm_memory_type(b_.getContext(), e.dtype);
  auto* vector_type = llvm::FixedVectorType::get(element, kLanes);
  const llvm::Align align(4);
  // Between the block's rows, which run along `source` when read and along `target` when written.
  const int64_t source_stride = *stride_along(k_, e.buffer, e.subscripts, t.target);
  const int64_t target_stride = *stride_along(k_, s.buffer, s.index, t.source);
  llvm::Value* from = e_.place(e.buffer, e.subscripts);
  llvm::Value* to = e_.place(s.buffer, s.index);
  llvm::Value* none = llvm::Constant::getNullValue(vector_type);
  const auto row_mask = [&](llvm::Value* mask, llvm::Value* rows, unsigned row) {
    return b_.CreateSelect(b_.CreateExtractElement(rows, row), mask,
                           llvm::Constant::getNullValue(mask->getType()));
  };
  Values rows(kLanes);
  for (unsigned r = 0; r < kLanes; ++r) {
    llvm::Value* where = at_.element(element, from, r * source_stride);
    rows[r] = source_mask ? static_cast<llvm::Value*>(b_.CreateMaskedLoad(
                                vector_type, where, align, row_mask(source_mask, target_mask, r), none))
                          : b_.CreateAlignedLoad(vector_type, where, align);
  }
  transpose16(rows);
  for (unsigned r = 0; r < kLanes; ++r) {
    llvm::Value* where = at_.element(element, to, r * target_stride);
    if (source_mask)
      b_.CreateMaskedStore(rows[r], where, align, row_mask(target_mask, source_mask, r));
    else
      b_.CreateAlignedStore(rows[r], where, align);
  }
}

bool TransposeEmitter::emit(const kernel::Map& map) {
  const std::optional<Transposition> found = transposition(map);
  if (!found) return false;
  const Transposition& t = *found;
  using Bounds = KernelEmitter::Bounds;
  std::vector<AxisId> outer;
  for (AxisId axis : map.axes)
    if (axis != t.source && axis != t.target) outer.push_back(axis);
  const Bounds source = e_.bounds(t.source);
  const Bounds target = e_.bounds(t.target);
  const auto whole_end = [&](const Bounds& range) { return at_.last_step(range.begin, range.end, kLanes); };
  const auto block = [&](llvm::Value* source_at, llvm::Value* target_at, bool whole) {
    Scope here(e_);
    here.at(t.source, source_at).at(t.target, target_at);
    llvm::Value* target_mask = whole ? nullptr : e_.tail_mask(target_at, target.end);
    llvm::Value* source_mask = whole ? nullptr : e_.tail_mask(source_at, source.end);
    transpose_block(map, t, source_mask, target_mask);
  };
  e_.each_in(outer, [&] {
    llvm::Value* source_whole = whole_end(source);
    llvm::Value* target_whole = whole_end(target);
    e_.loop(target.begin, target_whole, kLanes, [&](llvm::Value* target_at) {
      e_.loop(source.begin, source_whole, kLanes,
              [&](llvm::Value* source_at) { block(source_at, target_at, true); });
      e_.when_less(source_whole, source.end, [&] { block(source_whole, target_at, false); });
    });
    e_.when_less(target_whole, target.end, [&] {
      e_.loop(source.begin, source.end, kLanes,
              [&](llvm::Value* source_at) { block(source_at, target_whole, false); });
    });
  });
  return true;
}

}  // namespace nnc::codegen
