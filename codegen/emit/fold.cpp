// Sums: reductions in general, and contractions that take no register tile.
#include "codegen/emit/fold.h"

#include <llvm/IR/Intrinsics.h>

#include <algorithm>
#include <memory>

#include "codegen/lower/strides.h"
#include "ir/kernel/access.h"

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

// Sixteen times `count` partial states in memory, which stay in the first cache level.
struct FoldEmitter::Partials {
  llvm::Value* slot(size_t component, llvm::Value* i) const {
    return f.at_.element(fold.neutral[component]->getType(), memory[component], i);
  }
  Values load(llvm::Value* i) const {
    Values state;
    for (size_t c = 0; c < memory.size(); ++c)
      state.push_back(f.b_.CreateLoad(fold.neutral[c]->getType(), slot(c, i)));
    return state;
  }
  void store(const Values& state, llvm::Value* i) const {
    for (size_t c = 0; c < memory.size(); ++c) f.b_.CreateStore(state[c], slot(c, i));
  }
  // Adds what `terms` adds to the partial result that `position` says, of the sum of this number.
  void change(llvm::Value* position, llvm::Value* number, const std::function<Values(Values)>& terms) const {
    llvm::Value* lane = f.b_.CreateAnd(position, f.i64(kLanes - 1));
    llvm::Value* i = f.at_.add(f.at_.mul(lane, count), number);
    store(terms(load(i)), i);
  }
  void enter(llvm::Value* position, llvm::Value* number) const {
    llvm::Value* index = fold.last_axis ? f.e_.axis_value(fold.over.back()) : position;
    change(index, number, [&](const Values& state) { return fold.enter(state, fold.term(position)); });
  }
  Values merged(llvm::Value* number) const {
    std::vector<Values> lanes;
    for (int64_t lane = 0; lane < kLanes; ++lane) lanes.push_back(load(f.at_.add(number, lane * count)));
    for (size_t width = kLanes / 2; width >= 1; width /= 2)
      for (size_t lane = 0; lane < width; ++lane) lanes[lane] = fold.merge(lanes[lane], lanes[lane + width]);
    return lanes[0];
  }

  FoldEmitter& f;
  const Fold& fold;
  int64_t count;
  std::vector<llvm::Value*> memory;  // by component
};

FoldEmitter::Partials FoldEmitter::start_partials(const Fold& fold, int64_t count) {
  Partials partials{*this, fold, count, {}};
  for (llvm::Value* v : fold.neutral) partials.memory.push_back(e_.stack(v->getType(), kLanes * count));
  e_.loop(i64(0), i64(kLanes * count), 1, [&](llvm::Value* i) { partials.store(fold.neutral, i); });
  return partials;
}

Values FoldEmitter::partials16(const Fold& fold) {
  const Partials partials = start_partials(fold, 1);
  e_.over_loops(fold.over, {}, [&](llvm::Value* position, const Values&) -> Values {
    partials.enter(position, i64(0));
    return {};
  });
  return partials.merged(i64(0));
}

// Goes through the terms row by row; `columns` calls back with the number of each sum of a row.
void FoldEmitter::rows16(const Fold& fold, const Partials& partials,
                         const std::function<void(const std::function<void(llvm::Value*)>&)>& columns) {
  // So many terms that fall on one partial result, one after another, cost it one visit.
  constexpr int64_t kTerms = 4;
  constexpr int64_t kRows = kTerms * kLanes;
  const AxisId axis = fold.over.back();
  int64_t begin = 0;
  if (fold.over.size() == 1) {
    begin = k_.axes[axis].extent / kRows * kRows;
    e_.loop(i64(0), i64(begin), kRows, [&](llvm::Value* first) {
      e_.loop(i64(0), i64(kLanes), 1, [&](llvm::Value* lane) {
        columns([&](llvm::Value* number) {
          partials.change(lane, number, [&](Values state) {
            for (int64_t t = 0; t < kTerms; ++t) {
              Scope here(e_);
              llvm::Value* position = at_.add(at_.add(first, t * kLanes), lane);
              here.at(axis, position);
              state = fold.enter(state, fold.term(position));
            }
            return state;
          });
        });
      });
    });
  }
  e_.within(axis, {i64(begin), e_.bounds(axis).end}, [&] {
    e_.over_loops(fold.over, {}, [&](llvm::Value* position, const Values&) -> Values {
      columns([&](llvm::Value* number) { partials.enter(position, number); });
      return {};
    });
  });
}

// Vectors along an output axis, many at a time: what lies together in memory is read together, once, and each row of terms
// goes to the partial results of its position.
void FoldEmitter::columns16(const Fold& fold, AxisId lanes, const Finish& finish) {
  // The partial results of all take half of the first cache level.
  int64_t bytes = 0;
  for (const llvm::Value* v : fold.neutral)
    bytes +=
        kLanes * static_cast<int64_t>(b_.GetInsertBlock()->getDataLayout().getTypeAllocSize(v->getType()));
  const int64_t most = (k_.task_extent(lanes) + kLanes - 1) / kLanes;
  const int64_t vectors = std::clamp<int64_t>(e_.target().l1_bytes / 2 / bytes, 1, most);
  const KernelEmitter::Bounds all = e_.bounds(lanes);
  e_.loop(all.begin, all.end, vectors * kLanes, [&](llvm::Value* first) {
    llvm::Value* end = vectors == most ? all.end : at_.smin(at_.add(first, vectors * kLanes), all.end);
    const auto number = [&] { return at_.udiv(at_.sub(e_.axis_value(lanes), first), kLanes); };
    e_.within(lanes, {first, end}, [&] {
      const Partials partials = start_partials(fold, vectors);
      rows16(fold, partials, [&](const std::function<void(llvm::Value*)>& each) {
        e_.nest({lanes}, lanes, [&] { each(number()); });
      });
      e_.nest({lanes}, lanes, [&] { finish(partials.merged(number())); });
    });
  });
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
      llvm::Value* position = fold.positions ? at_.add(at_.mul(before_line, extent), index) : nullptr;
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
                           const std::vector<kernel::Store>& stores,
                           const std::function<Fold(bool vector)>& fold, const Finish& finish) {
  const AxisId lanes = statement.schedule.lanes;
  const bool along_sum = std::ranges::find(statement.over, lanes) != statement.over.end();
  bool vector = std::ranges::any_of(
      operands, [&](kernel::ExprId id) { return lanes.valid() && uses_axis(k_, id, lanes); });
  if constexpr (requires { statement.triangle; })
    vector = vector ||
             (statement.triangle && (statement.triangle->low == lanes || statement.triangle->high == lanes));
  for (const kernel::Store& s : stores) operands.push_back(s.value);
  e_.begin_statement(operands, stores);
  std::vector<AxisId> axes;
  for (AxisId axis : statement.axes)
    if (axis != lanes) axes.push_back(axis);
  const bool has_columns = statement.order == Order::lanes16 && lanes.valid() && !along_sum && vector;
  if (has_columns && !statement.over.empty())
    return e_.nest(axes, {}, [&] { columns16(fold(true), lanes, finish); });
  if (lanes.valid() && !along_sum) axes.push_back(lanes);
  e_.nest(axes, along_sum ? AxisId{} : lanes,
          [&] { finish(along_sum ? along_lanes(fold(true)) : sum(fold(vector))); });
}

// With these results.
void FoldEmitter::store(const Values& results, const std::vector<kernel::Store>& stores) {
  Scope done(e_);
  done.results(results);
  e_.run_stores(stores);
}

FoldEmitter::Fold FoldEmitter::fold_of(const kernel::Reduce& reduce, bool vector) {
  const DType dtype = k_.exprs[reduce.value].dtype;
  const CombineDef& how = kernel::combine_def(reduce.combine);
  const auto as_wide = [this, vector](llvm::Value* v) { return vector ? splat(b_, v) : v; };
  const bool along_sum = std::ranges::find(reduce.over, reduce.schedule.lanes) != reduce.over.end();
  Fold fold{reduce.over, reduce.order, values_of(how.neutral(scalars_, dtype), how), {}, {},
            {},          how.positions};
  std::ranges::transform(fold.neutral, fold.neutral.begin(), as_wide);
  fold.term = [=, this, &reduce, &how](llvm::Value* position) {
    Values term{as_wide(e_.expr(reduce.value))};
    if (!how.positions) return term;
    term.push_back(as_wide(b_.CreateTrunc(position, b_.getInt32Ty())));
    if (along_sum) term[1] = b_.CreateAdd(term[1], lane_numbers(b_));
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
}

FoldEmitter::Fold FoldEmitter::side_by_side(std::vector<Fold> folds) {
  if (folds.size() == 1) return folds.front();
  const auto parts = std::make_shared<const std::vector<Fold>>(std::move(folds));
  // What `of` makes of each, whose number it gets; a state has one value of each.
  const auto each = [parts](const auto& of) {
    Values all;
    for (size_t i = 0; i < parts->size(); ++i) all.push_back(of((*parts)[i], i)[0]);
    return all;
  };
  const Fold& first = parts->front();
  Fold fold{first.over, first.order, each([](const Fold& f, size_t) { return f.neutral; }), {}, {}, {}};
  fold.term = [each](llvm::Value* position) {
    return each([&](const Fold& f, size_t) { return f.term(position); });
  };
  fold.enter = [each](const Values& state, const Values& term) {
    return each([&](const Fold& f, size_t i) { return f.enter({state[i]}, {term[i]}); });
  };
  fold.merge = [each](const Values& a, const Values& b) {
    return each([&](const Fold& f, size_t i) { return f.merge({a[i]}, {b[i]}); });
  };
  return fold;
}

bool FoldEmitter::stores_meet(const kernel::Statement& a, const kernel::Statement& b) const {
  bool meet = false;
  kernel::each_store(a, [&](const kernel::Store& of_a) {
    meet = meet || !kernel::loads_of(k_, b, of_a.buffer).empty();
    kernel::each_store(b, [&](const kernel::Store& of_b) { meet = meet || of_a.buffer == of_b.buffer; });
  });
  kernel::each_store(
      b, [&](const kernel::Store& of_b) { meet = meet || !kernel::loads_of(k_, a, of_b.buffer).empty(); });
  return meet;
}

size_t FoldEmitter::together(const kernel::Block& block, size_t first) const {
  constexpr size_t kMost = 8;  // whose partial results leave room for some vectors in the first cache level
  const auto* leader = std::get_if<kernel::Reduce>(&block[first].body);
  if (leader == nullptr || kernel::combine_def(leader->combine).components > 1) return 1;
  size_t end = first + 1;
  for (; end < block.size() && end - first < kMost; ++end) {
    const auto* next = std::get_if<kernel::Reduce>(&block[end].body);
    if (next == nullptr || next->axes != leader->axes || next->over != leader->over ||
        next->order != leader->order || next->schedule.lanes != leader->schedule.lanes ||
        kernel::combine_def(next->combine).components > 1)
      break;
    bool meets = false;
    for (size_t i = first; i < end; ++i) meets = meets || stores_meet(block[i], block[end]);
    if (meets) break;
  }
  return end - first;
}

void FoldEmitter::emit(const std::vector<const kernel::Reduce*>& reduces) {
  std::vector<kernel::ExprId> values;
  std::vector<kernel::Store> stores;
  for (const kernel::Reduce* reduce : reduces) {
    values.push_back(reduce->value);
    stores.insert(stores.end(), reduce->stores.begin(), reduce->stores.end());
  }
  const auto fold = [&](bool vector) {
    std::vector<Fold> folds;
    for (const kernel::Reduce* reduce : reduces) folds.push_back(fold_of(*reduce, vector));
    return side_by_side(std::move(folds));
  };
  emit_sum(*reduces.front(), values, stores, fold, [&](const Values& results) {
    if (reduces.size() == 1) return store(results, stores);
    for (size_t i = 0; i < reduces.size(); ++i) store({results[i]}, reduces[i]->stores);
  });
}

void FoldEmitter::emit(const kernel::Contract& contract) {
  const DType dtype = contract.accumulator;
  const CombineDef& how = kernel::combine_def(kernel::Combine::sum);
  const auto made = [&](bool vector) {
    const auto as_wide = [this, vector](llvm::Value* v) { return vector ? splat(b_, v) : v; };
    Fold fold{contract.over, contract.order, values_of(how.neutral(scalars_, dtype), how), {}, {}, {}};
    std::ranges::transform(fold.neutral, fold.neutral.begin(), as_wide);
    fold.term = [=, this, &contract](llvm::Value*) {
      const auto operand = [&](kernel::ExprId id) {
        return EmittingScalars::value(
            scalars_.cast(dtype, EmittingScalars::wrap(e_.expr(id), k_.exprs[id].dtype)));
      };
      llvm::Value* a = operand(contract.a);
      return Values{a, operand(contract.b), e_.is_inside(contract.a), e_.is_inside(contract.b),
                    contract.triangle ? e_.is_inside(*contract.triangle) : nullptr};
    };
    fold.enter = [=, this](const Values& state, const Values& term) -> Values {
      llvm::Value* sum = EmittingScalars::value(scalars_.fma(EmittingScalars::wrap(term[0], dtype),
                                                             EmittingScalars::wrap(term[1], dtype),
                                                             EmittingScalars::wrap(state[0], dtype)));
      for (const size_t condition : {2, 3, 4}) sum = only_inside(sum, state[0], term[condition]);
      return {sum};
    };
    fold.last_axis = !contract.over.empty();
    fold.merge = [=, this, &how](const Values& a, const Values& b) {
      return values_of(how.merge(scalars_, state_of(a, how, dtype), state_of(b, how, dtype)), how);
    };
    return fold;
  };
  emit_sum(contract, {contract.a, contract.b}, contract.stores, made,
           [&](const Values& results) { store(results, contract.stores); });
}

}  // namespace nnc::codegen
