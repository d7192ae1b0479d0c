// Reductions, in the three orders of ir/order.h, with vectors along an output axis, along the sum, or none.
#include <llvm/IR/Intrinsics.h>

#include <bit>
#include <cmath>
#include <limits>

#include "codegen/emit/kernel.h"
#include "codegen/lower/strides.h"
#include "support/check.h"

namespace nnc::codegen {

using kernel::AxisId;
using kernel::Combine;

KernelEmitter::Values KernelEmitter::neutral(Combine how, DType dtype, bool vector) {
  const double infinity = std::numeric_limits<double>::infinity();
  const auto make = [&](DType type, double value) -> llvm::Value* {
    if (!is_float(type) && std::isinf(value)) {
      const bool high = value > 0;
      const int64_t limit =
          type == DType::i32 ? (high ? INT32_MAX : INT32_MIN) : (high ? INT64_MAX : INT64_MIN);
      llvm::Value* v = EmittingScalars::value(scalars_.integer(type, limit));
      return vector ? splat(b_, v) : v;
    }
    llvm::Value* v = EmittingScalars::value(scalars_.constant(type, value));
    return vector ? splat(b_, v) : v;
  };
  switch (how) {
    case Combine::sum:
      return {make(dtype, 0)};
    case Combine::max:
      return {make(dtype, -infinity)};
    case Combine::min:
      return {make(dtype, infinity)};
    case Combine::argmax:
      return {make(dtype, -infinity), make(DType::i32, -1)};
    case Combine::argmin:
      return {make(dtype, infinity), make(DType::i32, -1)};
    case Combine::welford:
      return {make(dtype, 0), make(dtype, 0), make(dtype, 0)};
  }
  return {};
}

KernelEmitter::Values KernelEmitter::combine(Combine how, const Values& a, const Values& b, DType dtype) {
  const auto wrap = [&](llvm::Value* v) { return EmittingScalars::wrap(v, dtype); };
  switch (how) {
    case Combine::sum:
      return {EmittingScalars::value(scalars_.add(wrap(a[0]), wrap(b[0])))};
    case Combine::max:
    case Combine::min: {
      // a stays where it wins or is a NaN; otherwise b (which may be one).
      ScalarValue keep =
          scalars_.compare(how == Combine::max ? Compare::gt : Compare::lt, wrap(a[0]), wrap(b[0]));
      if (is_float(dtype))
        keep = scalars_.logical_or(keep, scalars_.compare(Compare::ne, wrap(a[0]), wrap(a[0])));
      return {EmittingScalars::value(scalars_.select(keep, wrap(a[0]), wrap(b[0])))};
    }
    case Combine::argmax:
    case Combine::argmin: {
      // b replaces a where it is better, or the first NaN, or where a is still empty (index -1).
      ScalarValue take =
          scalars_.compare(how == Combine::argmax ? Compare::gt : Compare::lt, wrap(b[0]), wrap(a[0]));
      if (is_float(dtype)) {
        const ScalarValue b_nan = scalars_.compare(Compare::ne, wrap(b[0]), wrap(b[0]));
        const ScalarValue a_nan = scalars_.compare(Compare::ne, wrap(a[0]), wrap(a[0]));
        take = scalars_.logical_or(take, scalars_.logical_and(b_nan, scalars_.logical_not(a_nan)));
      }
      const ScalarValue at = EmittingScalars::wrap(a[1], DType::i32);
      take = scalars_.logical_or(take, scalars_.compare(Compare::lt, at, scalars_.constant(DType::i32, 0)));
      return {EmittingScalars::value(scalars_.select(take, wrap(b[0]), wrap(a[0]))),
              EmittingScalars::value(scalars_.select(take, EmittingScalars::wrap(b[1], DType::i32), at))};
    }
    case Combine::welford:
      NNC_CHECK(false, "welford reductions are not emitted");
      return {};
  }
  return {};
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
                                                const std::function<Values()>& term, const Merge& accumulate,
                                                const Merge& merge) {
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
    const Values value = term();
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
  const auto f = [&](const Values& a, const Values& b) { return combine(reduce.combine, a, b, dtype); };
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
  const bool has_index = kernel::components(reduce.combine) == 2;
  const auto f = [&](const Values& a, const Values& b) { return combine(reduce.combine, a, b, dtype); };
  const auto term_at = [&](llvm::Value* position) -> Values {
    llvm::Value* value = expr(reduce.value);
    if (vector) value = splat(b_, value);
    if (!has_index) return {value};
    llvm::Value* index = b_.CreateTrunc(position, b_.getInt32Ty());
    return {value, vector ? splat(b_, index) : index};
  };
  const Values start = neutral(reduce.combine, dtype, vector);
  switch (reduce.order) {
    case Order::serial:
      return over_loops(reduce.over, 0, i64(0), start, [&](llvm::Value* position, const Values& state) {
        return f(state, term_at(position));
      });
    case Order::lanes16:
      NNC_CHECK(!has_index, "argmax is serial");
      return partials16(
          reduce.over, start, [&] { return term_at(nullptr); }, f, f);
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
    NNC_CHECK(reduce.order == Order::lanes16 && kernel::components(reduce.combine) == 1 &&
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
