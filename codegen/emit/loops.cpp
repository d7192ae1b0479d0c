// Loops, and the scopes that they open.
#include "codegen/emit/kernel.h"

#include <algorithm>
#include <array>
#include <utility>

#include "support/check.h"

namespace nnc::codegen {

using kernel::AxisId;

Scope::Scope(KernelEmitter& emitter) : emitter_(emitter), outer_(std::exchange(emitter.scope_, this)) {
  if (!outer_) {
    index_.resize(emitter.kernel().axes.size());
    return;
  }
  index_ = outer_->index_;
  lanes_ = outer_->lanes_;
  mask_ = outer_->mask_;
  results_ = outer_->results_;
}

Scope::~Scope() {
  emitter_.scope_ = outer_;
}

Scope& Scope::at(AxisId axis, llvm::Value* index) {
  if (axis.valid()) index_[axis.index] = index;
  return *this;
}

Scope& Scope::along(AxisId axis, llvm::Value* mask) {
  lanes_ = axis;
  mask_ = mask;
  return *this;
}

Scope& Scope::results(Values values) {
  results_ = std::move(values);
  return *this;
}

void KernelEmitter::when(llvm::Value* condition, const std::function<void()>& body) {
  if (auto* constant = llvm::dyn_cast<llvm::ConstantInt>(condition)) {
    if (constant->isOne()) body();
    return;
  }
  auto* then = llvm::BasicBlock::Create(b_.getContext(), "then", function_);
  auto* after = llvm::BasicBlock::Create(b_.getContext(), "after", function_);
  b_.CreateCondBr(condition, then, after);
  b_.SetInsertPoint(then);
  {
    Scope inside(*this);
    const Indices::Block known(at_);
    body();
  }
  b_.CreateBr(after);
  b_.SetInsertPoint(after);
}

void KernelEmitter::when_less(llvm::Value* a, llvm::Value* b, const std::function<void()>& body) {
  const std::optional<int64_t> length = at_.distance(a, b);
  when(length ? b_.getInt1(*length > 0) : b_.CreateICmpSLT(a, b), body);
}

Values KernelEmitter::from_either(const Values& one, llvm::BasicBlock* from_one, const Values& other,
                                  llvm::BasicBlock* from_other) {
  Values out;
  for (size_t i = 0; i < one.size(); ++i) {
    llvm::PHINode* phi = b_.CreatePHI(one[i]->getType(), 2);
    phi->addIncoming(one[i], from_one);
    phi->addIncoming(other[i], from_other);
    out.push_back(phi);
  }
  return out;
}

Values KernelEmitter::unless(llvm::Value* condition, const Values& values,
                             const std::function<Values()>& body) {
  llvm::BasicBlock* before = b_.GetInsertBlock();
  auto* otherwise = llvm::BasicBlock::Create(b_.getContext(), "otherwise", function_);
  auto* after = llvm::BasicBlock::Create(b_.getContext(), "after", function_);
  b_.CreateCondBr(condition, after, otherwise);
  b_.SetInsertPoint(otherwise);
  Values made;
  {
    Scope inside(*this);
    const Indices::Block known(at_);
    made = body();
  }
  llvm::BasicBlock* end = b_.GetInsertBlock();
  b_.CreateBr(after);
  b_.SetInsertPoint(after);
  return from_either(values, before, made, end);
}

Values KernelEmitter::carry(llvm::Value* begin, llvm::Value* end, int64_t step, const Values& initial,
                            const CarriedBody& body) {
  const std::optional<int64_t> length = at_.distance(begin, end);
  if (length && *length <= 0) return initial;
  if (length && *length <= step) {
    Scope inside(*this);
    return body(begin, initial);
  }
  const bool never_empty = length.has_value();
  llvm::BasicBlock* before = b_.GetInsertBlock();
  auto* head = llvm::BasicBlock::Create(b_.getContext(), "loop", function_);
  auto* exit = llvm::BasicBlock::Create(b_.getContext(), "end", function_);
  if (never_empty)
    b_.CreateBr(head);
  else
    b_.CreateCondBr(b_.CreateICmpSLT(begin, end), head, exit);
  b_.SetInsertPoint(head);
  llvm::PHINode* index = b_.CreatePHI(b_.getInt64Ty(), 2, "i");
  index->addIncoming(begin, before);
  Values carried;
  for (llvm::Value* value : initial) {
    llvm::PHINode* phi = b_.CreatePHI(value->getType(), 2);
    phi->addIncoming(value, before);
    carried.push_back(phi);
  }
  Values next;
  {
    Scope inside(*this);
    const Indices::Block known(at_);
    next = body(index, carried);
  }
  llvm::Value* following = b_.CreateAdd(index, i64(step), "i.next", true, true);
  llvm::BasicBlock* latch = b_.GetInsertBlock();
  b_.CreateCondBr(b_.CreateICmpSLT(following, end), head, exit);
  index->addIncoming(following, latch);
  for (size_t i = 0; i < carried.size(); ++i)
    llvm::cast<llvm::PHINode>(carried[i])->addIncoming(next[i], latch);
  b_.SetInsertPoint(exit);
  if (never_empty) return next;
  return from_either(initial, before, next, latch);
}

void KernelEmitter::loop(llvm::Value* begin, llvm::Value* end, int64_t step, const LoopBody& body) {
  carry(begin, end, step, {}, [&](llvm::Value* index, const Values&) -> Values {
    body(index);
    return {};
  });
}

void KernelEmitter::each_in(const std::vector<AxisId>& axes, const std::function<void()>& body) {
  std::function<void(size_t)> level = [&](size_t at) {
    if (at == axes.size()) return body();
    const Bounds range = bounds(axes[at]);
    loop(range.begin, range.end, 1, [&](llvm::Value* index) {
      scope_->at(axes[at], index);
      level(at + 1);
    });
  };
  level(0);
}

Values KernelEmitter::over_loops(const std::vector<AxisId>& over, const Values& initial,
                                 const CarriedBody& term) {
  std::function<Values(size_t, llvm::Value*, const Values&)> level = [&](size_t at, llvm::Value* position,
                                                                         const Values& carried) -> Values {
    if (at == over.size()) return term(position, carried);
    const AxisId axis = over[at];
    const Bounds range = bounds(axis);
    return carry(range.begin, range.end, 1, carried, [&](llvm::Value* index, const Values& inside) {
      scope_->at(axis, index);
      llvm::Value* next = at_.add(at_.mul(position, k_.axes[axis].extent), index);
      hoist();
      return level(at + 1, next, inside);
    });
  };
  return level(0, i64(0), initial);
}

void KernelEmitter::within(AxisId axis, Bounds part, const std::function<void()>& body) {
  const Bounds whole = std::exchange(bounds_[axis.index], part);
  body();
  bounds_[axis.index] = whole;
}

void KernelEmitter::inside(const std::vector<Guard>& guards, const std::function<void()>& body) {
  const std::vector<Bounds> before = bounds_;
  for (const Guard& guard : guards) {
    // rest + step * k lies in [0, extent): with a step of -m, extent - 1 - rest + m * k does.
    kernel::Index rest = guard.index;
    int64_t step = 0;
    std::erase_if(rest.terms, [&](const kernel::Term& term) {
      if (term.axis == guard.over) step = term.coefficient;
      return term.axis == guard.over;
    });
    llvm::Value* first = axis_vector(rest);
    Bounds& range = bounds_[guard.over.index];
    if (step == 0) {
      range.end = b_.CreateSelect(is_outside(guard), range.begin, range.end);
      continue;
    }
    if (step < 0) first = at_.sub(i64(guard.extent - 1), first);
    const int64_t m = std::abs(step);
    // The least k with first + m * k >= 0, and the least with first + m * k >= extent.
    const auto reaching = [&](int64_t bound) {
      return at_.udiv(at_.add(at_.smax(at_.sub(i64(bound), first), i64(0)), m - 1), m);
    };
    range.begin = at_.smax(range.begin, reaching(0));
    range.end = at_.smin(range.end, reaching(guard.extent));
  }
  body();
  bounds_ = before;
}

llvm::Value* KernelEmitter::is_outside(const Guard& guard) {
  return b_.CreateICmpUGE(axis_vector(guard.index), i64(guard.extent));
}

void KernelEmitter::in_steps(AxisId axis, int64_t size,
                             const std::function<void(llvm::Value* at, int64_t)>& body) {
  if (!axis.valid()) return body(nullptr, 1);
  const Bounds range = bounds(axis);
  const int64_t whole_task = std::max<int64_t>(1, k_.task_extent(axis));
  // What is left at the end of the last task, and of the others.
  std::vector<int64_t> lefts;
  for (const int64_t left : {k_.axes[axis].extent % whole_task % size, whole_task % size})
    if (left != 0 && std::ranges::find(lefts, left) == lefts.end()) lefts.push_back(left);
  const std::optional<int64_t> length = at_.distance(range.begin, range.end);
  llvm::Value* whole_end = lefts.empty() ? range.end : at_.last_step(range.begin, range.end, size);
  loop(range.begin, whole_end, size, [&](llvm::Value* at) { body(at, size); });
  if (length) lefts.assign(*length % size == 0 ? 0 : 1, *length % size);
  if (lefts.size() == 1) return when_less(whole_end, range.end, [&] { body(whole_end, lefts[0]); });
  for (const int64_t left : lefts)
    when(b_.CreateICmpEQ(at_.sub(range.end, whole_end), i64(left)), [&] { body(whole_end, left); });
}

llvm::Value* KernelEmitter::tail_mask(llvm::Value* index, llvm::Value* end) {
  llvm::Value* left = b_.CreateTrunc(at_.sub(end, index), b_.getInt32Ty());
  return b_.CreateICmpSLT(lane_numbers(b_), splat(b_, left));
}

void KernelEmitter::nest(const std::vector<AxisId>& axes, AxisId lanes, const std::function<void()>& body) {
  std::function<void(size_t)> level = [&](size_t at) {
    hoist();
    if (at == axes.size()) return body();
    const AxisId axis = axes[at];
    const Bounds range = bounds(axis);
    if (axis != lanes)
      return loop(range.begin, range.end, 1, [&](llvm::Value* index) {
        scope_->at(axis, index);
        level(at + 1);
      });

    NNC_CHECK(at + 1 == axes.size(), "the lanes axis is the innermost loop");
    llvm::Value* middle = at_.last_step(range.begin, range.end, kLanes);
    loop(range.begin, middle, kLanes, [&](llvm::Value* index) {
      scope_->at(axis, index).along(axis);
      level(at + 1);
    });
    when_less(middle, range.end, [&] {
      Scope tail(*this);
      tail.at(axis, middle).along(axis, tail_mask(middle, range.end));
      level(at + 1);
    });
  };
  level(0);
}

llvm::Value* KernelEmitter::stack(llvm::Type* type, int64_t count) {
  const uint64_t size = module_.getDataLayout().getTypeAllocSize(type) * static_cast<uint64_t>(count);
  const uint64_t offset =
      std::exchange(stack_used_, stack_used_ + (size + kAlignment - 1) / kAlignment * kAlignment);
  stack_size_ = std::max(stack_size_, stack_used_);
  if (!stack_) {
    IrBuilder entry(&function_->getEntryBlock(), function_->getEntryBlock().begin());
    stack_ = entry.CreateAlloca(b_.getInt8Ty(), i64(0), "stack");
    stack_->setAlignment(llvm::Align(kAlignment));
  }
  stack_->setOperand(0, b_.getInt64(stack_size_));
  return b_.CreateConstGEP1_64(b_.getInt8Ty(), stack_, offset);
}

}  // namespace nnc::codegen
