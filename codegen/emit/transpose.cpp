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

void TransposeEmitter::move_block(llvm::Type* element, const Side& source, const Side& target) {
  auto* vector_type = llvm::FixedVectorType::get(element, kLanes);
  const llvm::Align align(4);
  llvm::Value* none = llvm::Constant::getNullValue(vector_type);
  const auto row_mask = [&](llvm::Value* mask, llvm::Value* rows, unsigned row) {
    return b_.CreateSelect(b_.CreateExtractElement(rows, row), mask,
                           llvm::Constant::getNullValue(mask->getType()));
  };
  Values rows(kLanes);
  for (unsigned r = 0; r < kLanes; ++r) {
    llvm::Value* where = at_.element(element, source.at, r * source.stride);
    rows[r] = source.mask ? static_cast<llvm::Value*>(b_.CreateMaskedLoad(
                                vector_type, where, align, row_mask(source.mask, target.mask, r), none))
                          : b_.CreateAlignedLoad(vector_type, where, align);
  }
  transpose16(rows);
  for (unsigned r = 0; r < kLanes; ++r) {
    llvm::Value* where = at_.element(element, target.at, r * target.stride);
    if (source.mask)
      b_.CreateMaskedStore(rows[r], where, align, row_mask(target.mask, source.mask, r));
    else
      b_.CreateAlignedStore(rows[r], where, align);
  }
}

void TransposeEmitter::each_block(KernelEmitter::Bounds source, KernelEmitter::Bounds target,
                                  const Block& block) {
  const auto whole_end = [&](const KernelEmitter::Bounds& range) {
    return at_.last_step(range.begin, range.end, kLanes);
  };
  const auto at = [&](llvm::Value* source_at, llvm::Value* target_at, bool whole) {
    block(source_at, target_at, whole ? nullptr : e_.tail_mask(source_at, source.end),
          whole ? nullptr : e_.tail_mask(target_at, target.end));
  };
  llvm::Value* source_whole = whole_end(source);
  llvm::Value* target_whole = whole_end(target);
  e_.loop(target.begin, target_whole, kLanes, [&](llvm::Value* target_at) {
    e_.loop(source.begin, source_whole, kLanes,
            [&](llvm::Value* source_at) { at(source_at, target_at, true); });
    e_.when_less(source_whole, source.end, [&] { at(source_whole, target_at, false); });
  });
  e_.when_less(target_whole, target.end, [&] {
    e_.loop(source.begin, source.end, kLanes,
            [&](llvm::Value* source_at) { at(source_at, target_whole, false); });
  });
}

bool TransposeEmitter::emit(const kernel::Map& map) {
  const std::optional<Transposition> t = transposition(map);
  if (!t) return false;
  std::vector<AxisId> outer;
  for (AxisId axis : map.axes)
    if (axis != t->source && axis != t->target) outer.push_back(axis);
  const kernel::Store& s = map.stores[0];
  const kernel::Expr& e = k_.exprs[s.value];
  e_.each_in(outer, [&] {
    each_block(e_.bounds(t->source), e_.bounds(t->target),
               [&](llvm::Value* source_at, llvm::Value* target_at, llvm::Value* source_mask,
                   llvm::Value* target_mask) {
                 Scope here(e_);
                 here.at(t->source, source_at).at(t->target, target_at);
                 move_block(llvm_memory_type(b_.getContext(), e.dtype),
                            {e_.place(e.buffer, e.subscripts),
                             *stride_along(k_, e.buffer, e.subscripts, t->target), source_mask},
                            {e_.place(s.buffer, s.index), *stride_along(k_, s.buffer, s.index, t->source),
                             target_mask});
               });
  });
  return true;
}

}  // namespace nnc::codegen
