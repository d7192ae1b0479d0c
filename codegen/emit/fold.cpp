// Sums: reductions in general, and contractions that take no register tile.
#include "codegen/emit/fold.h"

#include <algorithm>

#include "codegen/lower/strides.h"

namespace nnc::codegen {

using kernel::AxisId;
using kernel::CombineDef;

namespace {

kernel::State state_of(const Values& values, const CombineDef& how, DType dtype) {
  kernel::State state;
  for (uint32_t i = 0; i < how.components; ++i)
    state[i] = EmittingScalars::wrap(values[i], how.component_dtype(dtype, i));
  return state;
}

Values values_of(const kernel::State& state, const CombineDef& how) {
  Values values;
  for (uint32_t i = 0; i < how.components; ++i) values.push_back(EmittingScalars::value(state[i]));
  return values;
}

}  // namespace

Values FoldEmitter::tree16(Values vectors, const Merge& merge) {
  for (int width = kLanes / 2; width >= 1; width /= 2) {
    std::vector<int> low, high;
    for (int i = 0; i < width; ++i) low.push_back(i), high.push_back(i + width);
    Values left, right;
    for (llvm::Value* v : vectors) {
      right.push_back(b_.CreateShuffleVector(v, high));
      left.push_back(b_.CreateShuffleVector(v, low));
    }
    vectors = merge(left, right);
  }
  for (llvm::Value*& v : vectors) v = b_.CreateExtractElement(v, uint64_t{0});
  return vectors;
}

// Sixteen partial states in memory, which stays in the first cache level.
Values FoldEmitter::partials16(const Fold& fold) {
  std::vector<llvm::Value*> memory;
  for (llvm::Value* v : fold.neutral) memory.push_back(e_.stack(v->getType(), kLanes));
  const auto slot = [&](size_t component, llvm::Value* lane) {
    return b_.CreateGEP(fold.neutral[component]->getType(), memory[component], lane);
  };
  const auto load = [&](llvm::Value* lane) {
    Values state;
    for (size_t c = 0; c < memory.size(); ++c)
      state.push_back(b_.CreateLoad(fold.neutral[c]->getType(), slot(c, lane)));
    return state;
  };
  const auto store = [&](const Values& state, llvm::Value* lane) {
    for (size_t c = 0; c < memory.size(); ++c) b_.CreateStore(state[c], slot(c, lane));
  };
  for (int64_t lane = 0; lane < kLanes; ++lane) store(fold.neutral, i64(lane));
  e_.over_loops(fold.over, {}, [&](llvm::Value* position, const Values&) -> Values {
    llvm::Value* lane = b_.CreateAnd(position, i64(kLanes - 1));
    const Values term = fold.term(position);
    store(fold.enter(load(lane), term), lane);
    return {};
  });
  std::vector<Values> lanes;
  for (int64_t lane = 0; lane < kLanes; ++lane) lanes.push_back(load(i64(lane)));
  for (size_t width = kLanes / 2; width >= 1; width /= 2)
    for (size_t lane = 0; lane < width; ++lane) lanes[lane] = fold.merge(lanes[lane], lanes[lane + width]);
  return lanes[0];
}

// The last axis of the sum runs along the lanes, a vector at a time. Its terms fall on their lanes, or may fall on any
// (K15).
Values FoldEmitter::along_lanes(const Fold& fold) {
  const AxisId inner = fold.over.back();
  const std::vector<AxisId> outer(fold.over.begin(), fold.over.end() - 1);
  const int64_t extent = k_.axes[inner].extent;
  const int64_t whole = extent / kLanes * kLanes;
  const auto line = [&](llvm::Value* before_line, const Values& state) {
    const auto step = [&](llvm::Value* index, llvm::Value* mask, const Values& before) {
      Scope here(e_);
      here.at(inner, index).along(inner, mask);
      llvm::Value* position =
          fold.positions ? b_.CreateAdd(b_.CreateMul(before_line, i64(extent)), index) : nullptr;
      Values after = fold.enter(before, fold.term(position));
      for (size_t c = 0; mask && c < after.size(); ++c) after[c] = b_.CreateSelect(mask, after[c], before[c]);
      return after;
    };
    const Values sum =
        e_.carry(i64(0), i64(whole), kLanes, state,
                 [&](llvm::Value* index, const Values& before) { return step(index, nullptr, before); });
    return whole == extent ? sum : step(i64(whole), e_.tail_mask(i64(whole), i64(extent)), sum);
  };
  return tree16(e_.over_loops(outer, fold.neutral, line), fold.merge);
}

Values FoldEmitter::sum(const Fold& fold) {
  switch (fold.order) {
    case Order::serial:
      return e_.over_loops(fold.over, fold.neutral, [&](llvm::Value* position, const Values& state) {
        return fold.enter(state, fold.term(position));
      });
    case Order::lanes16:
      return partials16(fold);
  }
  return {};
}

template <class Statement>
void FoldEmitter::emit_sum(const Statement& statement, std::vector<kernel::ExprId> operands,
                           const std::function<Fold(bool vector)>& fold) {
  const AxisId lanes = statement.schedule.lanes;
  const bool along_sum = std::ranges::find(statement.over, lanes) != statement.over.end();
  const bool vector = std::ranges::any_of(
      operands, [&](kernel::ExprId id) { return lanes.valid() && uses_axis(k_, id, lanes); });
  for (const kernel::Store& s : statement.stores) operands.push_back(s.value);
  e_.begin_statement(operands, statement.stores);
  std::vector<AxisId> axes;
  for (AxisId axis : statement.axes)
    if (axis != lanes) axes.push_back(axis);
  if (lanes.valid() && !along_sum) axes.push_back(lanes);
  e_.nest(axes, along_sum ? AxisId{} : lanes, [&] {
    Scope done(e_);
    done.results(along_sum ? along_lanes(fold(true)) : sum(fold(vector)));
    e_.run_stores(statement.stores);
  });
}

void FoldEmitter::emit(const kernel::Reduce& reduce) {
  const DType dtype = k_.exprs[reduce.value].dtype;
  const CombineDef& how = kernel::combine_def(reduce.combine);
  emit_sum(reduce, {reduce.value}, [&](bool vector) {
    const auto as_wide = [this, vector](llvm::Value* v) { return vector ? splat(b_, v) : v; };
    const bool along_sum = std::ranges::find(reduce.over, reduce.schedule.lanes) != reduce.over.end();
    Fold fold{reduce.over, reduce.order, values_of(how.neutral(scalars_, dtype), how), {}, {},
              {},          how.positions};
    std::ranges::transform(fold.neutral, fold.neutral.begin(), as_wide);
    fold.term = [=, this, &reduce, &how](llvm::Value* position) {
      Values term{as_wide(e_.expr(reduce.value))};
      if (!how.positions) return term;
      term.push_back(as_wide(b_.CreateTrunc(position, b_.getInt32Ty())));
      if (along_sum) {
        std::vector<llvm::Constant*> lane(kLanes);
        for (unsigned i = 0; i < kLanes; ++i) lane[i] = b_.getInt32(i);
        term[1] = b_.CreateAdd(term[1], llvm::ConstantVector::get(lane));
      }
      return term;
    };
    fold.enter = [=, this, &how](const Values& state, const Values& term) {
      const auto position = EmittingScalars::wrap(how.positions ? term[1] : nullptr, DType::i32);
      const auto value = EmittingScalars::wrap(term[0], dtype);
      return values_of(how.enter(scalars_, state_of(state, how, dtype), value, position), how);
    };
    fold.merge = [=, this, &how](const Values& a, const Values& b) {
      return values_of(how.merge(scalars_, state_of(a, how, dtype), state_of(b, how, dtype)), how);
    };
    return fold;
  });
}

void FoldEmitter::emit(const kernel::Contract& contract) {
  const DType dtype = k_.exprs[contract.a].dtype;
  const CombineDef& how = kernel::combine_def(kernel::Combine::sum);
  emit_sum(contract, {contract.a, contract.b}, [&](bool vector) {
    const auto as_wide = [this, vector](llvm::Value* v) { return vector ? splat(b_, v) : v; };
    Fold fold{contract.over, contract.order, values_of(how.neutral(scalars_, dtype), how), {}, {}, {}};
    std::ranges::transform(fold.neutral, fold.neutral.begin(), as_wide);
    fold.term = [this, &contract](llvm::Value*) {
      llvm::Value* a = e_.expr(contract.a);
      return Values{a, e_.expr(contract.b)};
    };
    fold.enter = [=, this](const Values& state, const Values& term) -> Values {
      return {EmittingScalars::value(scalars_.fma(EmittingScalars::wrap(term[0], dtype),
                                                  EmittingScalars::wrap(term[1], dtype),
                                                  EmittingScalars::wrap(state[0], dtype)))};
    };
    fold.merge = [=, this, &how](const Values& a, const Values& b) {
      return values_of(how.merge(scalars_, state_of(a, how, dtype), state_of(b, how, dtype)), how);
    };
    return fold;
  });
}

}  // namespace nnc::codegen
