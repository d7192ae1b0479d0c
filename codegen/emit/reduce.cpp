// Reductions, in the three orders of ir/order.h, with vectors along an output axis, along the sum, or none.
#include <llvm/IR/Intrinsics.h>

#include <bit>

#include "codegen/emit/kernel.h"
#include "codegen/lower/strides.h"
#include "support/check.h"

namespace nnc::codegen {

using kernel::AxisId;
using kernel::Combine;

namespace {

kernel::State state_of(const std::vector<llvm::Value*>& values, const kernel::CombineDef& how, DType dtype) {
  kernel::State state;
  for (uint32_t i = 0; i < how.components; ++i)
    state[i] = EmittingScalars::wrap(values[i], how.component_dtype(dtype, i));
  return state;
}

std::vector<llvm::Value*> values_of(const kernel::State& state, const kernel::CombineDef& how) {
  std::vector<llvm::Value*> values;
  for (uint32_t i = 0; i < how.components; ++i) values.push_back(EmittingScalars::value(state[i]));
  return values;
}

}  // namespace

KernelEmitter::Values KernelEmitter::neutral(Combine combine, DType dtype, bool vector) {
  const kernel::CombineDef& how = kernel::combine_def(combine);
  Values values = values_of(how.neutral(scalars_, dtype), how);
  for (llvm::Value*& value : values)
    if (vector) value = splat(b_, value);
  return values;
}

// The loops over `over`, row-major, carrying state and the number of terms so far.
KernelEmitter::Values KernelEmitter::over_loops(
    const std::vector<AxisId>& over, size_t at, llvm::Value* position, const Values& carried,
    const std::function<Values(llvm::Value*, const Values&)>& term) {
  if (at == over.size()) return term(position, carried);
  const AxisId axis = over[at];
  const Bounds range = bounds(axis);
  return carry(range.begin, range.end, 1, carried, [&](llvm::Value* index, const Values& inside) {
    index_[axis.index] = index;
    level_[axis.index] = loops_open_;
    llvm::Value* next = b_.CreateAdd(b_.CreateMul(position, i64(k_.axes[axis].extent)), index);
    hoist();
    Values out = over_loops(over, at + 1, next, inside, term);
    index_[axis.index] = nullptr;
    return out;
  });
}

// Pairs (l, l + 8), (l, l + 4), (l, l + 2), (l, l + 1) of a vector's lanes.
llvm::Value* KernelEmitter::tree16(llvm::Value* vector,
                                   const std::function<llvm::Value*(llvm::Value*, llvm::Value*)>& f) {
  for (int width = 8; width >= 1; width /= 2) {
    std::vector<int> low, high;
    for (int i = 0; i < width; ++i) low.push_back(i), high.push_back(i + width);
    vector = f(b_.CreateShuffleVector(vector, low), b_.CreateShuffleVector(vector, high));
  }
  return b_.CreateExtractElement(vector, uint64_t{0});
}

// lanes16 without vectors along the sum: sixteen partial states in memory, which stays in the first cache
// level.
KernelEmitter::Values KernelEmitter::partials16(const std::vector<AxisId>& over, const Values& neutral_values,
                                                const std::function<Values(llvm::Value* position)>& term,
                                                const Merge& accumulate, const Merge& merge) {
  IrBuilder entry(&function_->getEntryBlock(), function_->getEntryBlock().begin());
  std::vector<llvm::Value*> memory;
  for (llvm::Value* v : neutral_values)
    memory.push_back(entry.CreateAlloca(v->getType(), entry.getInt32(kLanes)));
  const auto slot = [&](size_t component, llvm::Value* lane) {
    return b_.CreateGEP(neutral_values[component]->getType(), memory[component], lane);
  };
  for (unsigned lane = 0; lane < kLanes; ++lane)
    for (size_t c = 0; c < memory.size(); ++c) b_.CreateStore(neutral_values[c], slot(c, i64(lane)));
  over_loops(over, 0, i64(0), {}, [&](llvm::Value* position, const Values&) -> Values {
    llvm::Value* lane = b_.CreateAnd(position, i64(kLanes - 1));
    const Values value = term(position);
    Values partial;
    for (size_t c = 0; c < memory.size(); ++c)
      partial.push_back(b_.CreateLoad(neutral_values[c]->getType(), slot(c, lane)));
    const Values sum = accumulate(partial, value);
    for (size_t c = 0; c < memory.size(); ++c) b_.CreateStore(sum[c], slot(c, lane));
    return {};
  });
  std::vector<Values> lanes(kLanes);
  for (unsigned lane = 0; lane < kLanes; ++lane)
    for (size_t c = 0; c < memory.size(); ++c)
      lanes[lane].push_back(b_.CreateLoad(neutral_values[c]->getType(), slot(c, i64(lane))));
  for (unsigned width = kLanes / 2; width >= 1; width /= 2)
    for (unsigned lane = 0; lane < width; ++lane) lanes[lane] = merge(lanes[lane], lanes[lane + width]);
  return lanes[0];
}

// The last axis of the sum runs along the lanes, a vector at a time.
KernelEmitter::Values KernelEmitter::reduce_along_lanes(const kernel::Reduce& reduce) {
  const DType dtype = k_.exprs[reduce.value].dtype;
  const kernel::CombineDef& how = kernel::combine_def(reduce.combine);
  const auto f = [&](const Values& a, const Values& b) {
    return values_of(how.merge(scalars_, state_of(a, how, dtype), state_of(b, how, dtype)), how);
  };
  const AxisId inner = reduce.over.back();
  const std::vector<AxisId> outer(reduce.over.begin(), reduce.over.end() - 1);
  const int64_t extent = k_.axes[inner].extent;
  const int64_t whole = extent / kLanes * kLanes;
  const auto step = [&](llvm::Value* index, llvm::Value* mask, const Values& before) -> Values {
    index_[inner.index] = index;
    level_[inner.index] = loops_open_;
    mask_ = mask;
    Values after = f(before, {splat(b_, expr(reduce.value))});
    if (mask) after[0] = b_.CreateSelect(mask, after[0], before[0]);
    mask_ = nullptr;
    index_[inner.index] = nullptr;
    return after;
  };
  const auto line = [&](llvm::Value*, const Values& state) {
    lanes_ = inner;
    Values sum = carry(i64(0), i64(whole), kLanes, state, [&](llvm::Value* index, const Values& before) {
      return step(index, nullptr, before);
    });
    if (whole < extent) {
      memo_.emplace_back();
      ++loops_open_;
      sum = step(i64(whole), tail_mask(i64(whole), i64(extent)), sum);
      --loops_open_;
      memo_.pop_back();
    }
    lanes_ = {};
    return sum;
  };
  const Values partial = over_loops(outer, 0, i64(0), neutral(reduce.combine, dtype, true), line);
  return {tree16(partial[0], [&](llvm::Value* a, llvm::Value* b) { return f({a}, {b})[0]; })};
}

// One state for each point of the statement's axes, or a vector of them.
KernelEmitter::Values KernelEmitter::reduce_terms(const kernel::Reduce& reduce) {
  const DType dtype = k_.exprs[reduce.value].dtype;
  const bool vector = lanes_.valid() && uses_axis(k_, reduce.value, lanes_);
  const kernel::CombineDef& how = kernel::combine_def(reduce.combine);
  const auto term_at = [&](llvm::Value* position) -> Values {
    Values term{expr(reduce.value)};
    if (how.positions) term.push_back(b_.CreateTrunc(position, b_.getInt32Ty()));
    for (llvm::Value*& value : term)
      if (vector) value = splat(b_, value);
    return term;
  };
  const auto enter = [&](const Values& state, const Values& term) {
    const auto position = EmittingScalars::wrap(how.positions ? term[1] : nullptr, DType::i32);
    const auto value = EmittingScalars::wrap(term[0], dtype);
    return values_of(how.enter(scalars_, state_of(state, how, dtype), value, position), how);
  };
  const auto merge = [&](const Values& a, const Values& b) {
    return values_of(how.merge(scalars_, state_of(a, how, dtype), state_of(b, how, dtype)), how);
  };
  const Values start = neutral(reduce.combine, dtype, vector);
  switch (reduce.order) {
    case Order::serial:
      return over_loops(reduce.over, 0, i64(0), start, [&](llvm::Value* position, const Values& state) {
        return enter(state, term_at(position));
      });
    case Order::lanes16:
      return partials16(reduce.over, start, term_at, enter, merge);
  }
  return {};
}

void KernelEmitter::emit(const kernel::Reduce& reduce) {
  std::vector<kernel::ExprId> roots{reduce.value};
  for (const kernel::Store& s : reduce.stores) roots.push_back(s.value);
  begin_statement(roots, reduce.stores);
  const AxisId lanes = reduce.schedule.lanes;
  const bool vector_over = lanes.valid() && !reduce.over.empty() && lanes == reduce.over.back();
  if (vector_over)
    NNC_CHECK(reduce.order == Order::lanes16 &&
                  kernel::combine_def(reduce.combine).components == 1 &&
                  (reduce.over.size() == 1 || k_.axes[lanes].extent % kLanes == 0),
              "vectors along a sum need its terms to fall on their lanes");
  std::vector<AxisId> order;
  for (AxisId axis : reduce.axes)
    if (axis != lanes) order.push_back(axis);
  if (lanes.valid() && !vector_over) order.push_back(lanes);
  // The axes of the sum lie inside all others.
  for (size_t i = 0; i < reduce.over.size(); ++i)
    level_[reduce.over[i].index] = loops_open_ + static_cast<int>(order.size() + i) + 1;
  nest(order, vector_over ? AxisId{} : lanes, [&] {
    results_ = vector_over ? reduce_along_lanes(reduce) : reduce_terms(reduce);
    run_stores(reduce.stores);
    results_.clear();
  });
}

}  // namespace nnc::codegen
