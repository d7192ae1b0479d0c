// See pack.h.
#include "codegen/emit/pack.h"

#include <algorithm>
#include <functional>

#include "codegen/emit/transpose.h"

namespace nnc::codegen {

llvm::Value* PackEmitter::emit(const kernel::Contract& contract, const kernel::Packing& packing,
                               KernelEmitter::Bounds lanes, KernelEmitter::Bounds pass) {
  using Bounds = KernelEmitter::Bounds;
  const kernel::Expr& load = k_.exprs[packing.operand];
  const kernel::Buffer& source = k_.buffers[load.buffer];
  const kernel::BufferId local = contract.schedule.packed;
  const std::vector<int64_t> from = strides_of(source.type.shape, source.layout);
  const std::vector<int64_t> to = strides_of(k_.local_shape(local), {});

  std::vector<Bounds> ranges;  // by the local's dimensions, in elements of the operand
  for (const size_t d : packing.order) ranges.push_back({i64(0), i64(source.type.shape[d])});
  const kernel::Index& subscript = load.subscripts[packing.passes()];
  const kernel::Reach reach = kernel::reach_of(k_, subscript, contract.over.front());
  llvm::Value* first = i64(0);
  for (const kernel::Term& term : subscript.terms)
    if (std::ranges::find(contract.axes, term.axis) != contract.axes.end())
      first = at_.add(first, at_.mul(e_.bounds(term.axis).begin, term.coefficient));
  Bounds& rows = ranges.front();
  rows = {at_.smax(i64(0), at_.add(first, at_.add(at_.mul(pass.begin, reach.step), reach.from))),
          at_.smin(rows.end, at_.add(first, at_.add(at_.mul(pass.end, reach.step), reach.to)))};
  ranges.back() = lanes;

  llvm::Value* before = at_.add(at_.mul(rows.begin, to.front()), lanes.begin);
  llvm::Type* f32 = b_.getFloatTy();
  std::vector<llvm::Value*> at(packing.order.size());
  const auto block = [&](llvm::Value* source_at, llvm::Value* target_at, llvm::Value* source_mask,
                         llvm::Value* target_mask) {
    at[packing.innermost] = source_at;
    at.back() = target_at;
    llvm::Value *read = i64(0), *written = at_.sub(i64(0), before);
    for (size_t d = 0; d < at.size(); ++d) {
      read = at_.add(read, at_.mul(at[d], from[packing.order[d]]));
      written = at_.add(written, at_.mul(at[d], to[d]));
    }
    TransposeEmitter(e_).move_block(f32, {e_.pointer(load.buffer, read), from[packing.lanes()], source_mask},
                                    {e_.pointer(local, written), to[packing.innermost], target_mask});
  };
  const std::function<void(size_t)> each = [&](size_t d) {
    if (d + 1 == at.size())
      return TransposeEmitter(e_).each_block(ranges[packing.innermost], ranges.back(), block);
    if (d == packing.innermost) return each(d + 1);
    e_.loop(ranges[d].begin, ranges[d].end, 1, [&](llvm::Value* index) {
      at[d] = index;
      each(d + 1);
    });
  };
  each(0);
  return before;
}

}  // namespace nnc::codegen
