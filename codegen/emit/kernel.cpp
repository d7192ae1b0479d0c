#include "codegen/emit/kernel.h"
#include "codegen/emit/debug_lines.h"

#include <llvm/IR/Intrinsics.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Support/raw_ostream.h>

#include <algorithm>

#include "codegen/plan_memory.h"
#include "support/check.h"

namespace nnc::codegen {

using kernel::AxisId;
using kernel::BufferId;
using kernel::Kernel;
using kernel::Space;

KernelEmitter::KernelEmitter(const Kernel& kernel, llvm::Module& module, const Target& target)
    : k_(kernel), module_(module), target_(target), b_(module.getContext()), scalars_(b_) {
  bounds_.resize(k_.axes.size());
  index_.resize(k_.axes.size());
  level_.resize(k_.axes.size(), 0);
  written_.resize(k_.buffers.size());
}

llvm::Function* KernelEmitter::emit(const std::string& symbol, const SourceLine& at) {
  llvm::LLVMContext& context = module_.getContext();
  llvm::Type* pointer_type = llvm::PointerType::get(context, 0);
  const auto parameters = static_cast<size_t>(k_.parameter_count());
  std::vector<llvm::Type*> types(parameters + 1, pointer_type);
  types.insert(types.end(), 2, b_.getInt64Ty());
  auto* type = llvm::FunctionType::get(b_.getVoidTy(), types, false);
  function_ = llvm::Function::Create(type, llvm::Function::ExternalLinkage, symbol, module_);
  function_->addFnAttr("target-cpu", target_.cpu);
  function_->addFnAttr("target-features", target_.features);
  function_->addFnAttr(llvm::Attribute::NoUnwind);
  const std::string width = std::to_string(target_.register_lanes * 32);
  function_->addFnAttr("prefer-vector-width", width);
  function_->addFnAttr("min-legal-vector-width", width);
  b_.SetInsertPoint(llvm::BasicBlock::Create(context, "entry", function_));
  std::optional<DebugLines> lines;
  if (!at.file.empty()) lines.emplace(module_, at.file).enter(*function_, at.line, b_);

  uint64_t scratch_offset = 0;
  for (uint32_t i = 0; i < k_.buffers.size(); ++i) {
    const kernel::Buffer& buffer = k_.buffers[BufferId{i}];
    if (buffer.space == Space::local) {
      buffers_.push_back(b_.CreateConstGEP1_64(
          b_.getInt8Ty(), function_->getArg(static_cast<unsigned>(parameters)), scratch_offset, buffer.name));
      strides_.push_back(strides_of(k_.local_shape(BufferId{i}), {}));
      scratch_offset += local_bytes(k_, BufferId{i});
    } else {
      NNC_CHECK(i < parameters, "parameters come before locals");
      llvm::Argument* argument = function_->getArg(i);
      argument->setName(buffer.name);
      argument->addAttr(llvm::Attribute::NoAlias);
      buffers_.push_back(argument);
      strides_.push_back(strides_of(buffer.type.shape, buffer.layout));
    }
  }
  function_->getArg(static_cast<unsigned>(parameters))->addAttr(llvm::Attribute::NoAlias);
  for (uint32_t i = 0; i < k_.axes.size(); ++i) bounds_[i] = {i64(0), i64(k_.axes[AxisId{i}].extent)};

  memo_.emplace_back();
  if (k_.task_count() == 1) {
    // The caller passes [0, 1) or nothing.
    when(b_.CreateICmpSLT(function_->getArg(static_cast<unsigned>(parameters) + 1),
                          function_->getArg(static_cast<unsigned>(parameters) + 2)),
         [&] { emit_task(i64(0)); });
  } else {
    loop(function_->getArg(static_cast<unsigned>(parameters) + 1),
         function_->getArg(static_cast<unsigned>(parameters) + 2), 1,
         [&](llvm::Value* task) { emit_task(task); });
  }
  b_.CreateRetVoid();
  if (lines) lines->finish();
  std::string message;
  llvm::raw_string_ostream stream(message);
  NNC_CHECK(!llvm::verifyFunction(*function_, &stream), "the emitted function is malformed: " + message);
  return function_;
}

void KernelEmitter::emit_task(llvm::Value* task) {
  for (size_t g = k_.grid.size(); g-- > 0;) {
    const kernel::GridAxis& grid = k_.grid[g];
    const int64_t extent = k_.axes[grid.axis].extent;
    const int64_t count = (extent + grid.step - 1) / grid.step;
    if (count == 1) continue;  // the whole axis, from 0
    llvm::Value* at = task;
    if (g > 0) {
      at = b_.CreateURem(task, i64(count));
      task = b_.CreateUDiv(task, i64(count));
    }
    llvm::Value* begin = b_.CreateMul(at, i64(grid.step));
    llvm::Value* end = b_.CreateAdd(begin, i64(grid.step));
    if (extent % grid.step != 0) end = b_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, end, i64(extent));
    bounds_[grid.axis.index] = {begin, end};
  }
  emit_block(k_.body);
}

int64_t KernelEmitter::task_extent(AxisId axis) const {
  for (const kernel::GridAxis& grid : k_.grid)
    if (grid.axis == axis) return std::min(grid.step, k_.axes[axis].extent);
  return k_.axes[axis].extent;
}

void KernelEmitter::emit_block(const kernel::Block& block) {
  for (const kernel::Statement& statement : block)
    std::visit([&](const auto& body) { emit(body); }, statement.body);
}

void KernelEmitter::emit(const kernel::For& loop_over) {
  const Bounds range = bounds(loop_over.axis);
  loop(range.begin, range.end, 1, [&](llvm::Value* index) {
    llvm::Value* outer = std::exchange(index_[loop_over.axis.index], index);
    level_[loop_over.axis.index] = loops_open_;
    emit_block(loop_over.body);
    index_[loop_over.axis.index] = outer;
  });
}

// ---- loops ------------------------------------------------------------------------------------------------

void KernelEmitter::when(llvm::Value* condition, const std::function<void()>& body) {
  if (auto* constant = llvm::dyn_cast<llvm::ConstantInt>(condition)) {
    if (constant->isOne()) body();
    return;
  }
  auto* then = llvm::BasicBlock::Create(b_.getContext(), "then", function_);
  auto* after = llvm::BasicBlock::Create(b_.getContext(), "after", function_);
  b_.CreateCondBr(condition, then, after);
  b_.SetInsertPoint(then);
  memo_.emplace_back();
  body();
  memo_.pop_back();
  b_.CreateBr(after);
  b_.SetInsertPoint(after);
}

KernelEmitter::Values KernelEmitter::carry(llvm::Value* begin, llvm::Value* end, int64_t step,
                                           const Values& initial, const CarriedBody& body) {
  const auto* first = llvm::dyn_cast<llvm::ConstantInt>(begin);
  const auto* last = llvm::dyn_cast<llvm::ConstantInt>(end);
  if (first && last) {
    const int64_t trips = (last->getSExtValue() - first->getSExtValue() + step - 1) / step;
    if (trips <= 0) return initial;
    if (trips == 1) {
      memo_.emplace_back();
      ++loops_open_;
      Values out = body(begin, initial);
      --loops_open_;
      memo_.pop_back();
      return out;
    }
  }
  llvm::BasicBlock* before = b_.GetInsertBlock();
  auto* head = llvm::BasicBlock::Create(b_.getContext(), "loop", function_);
  auto* exit = llvm::BasicBlock::Create(b_.getContext(), "end", function_);
  const bool never_empty = first && last;
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
  memo_.emplace_back();
  ++loops_open_;
  const Values next = body(index, carried);
  --loops_open_;
  memo_.pop_back();
  llvm::Value* following = b_.CreateAdd(index, i64(step), "i.next", true, true);
  llvm::BasicBlock* latch = b_.GetInsertBlock();
  b_.CreateCondBr(b_.CreateICmpSLT(following, end), head, exit);
  index->addIncoming(following, latch);
  for (size_t i = 0; i < carried.size(); ++i)
    llvm::cast<llvm::PHINode>(carried[i])->addIncoming(next[i], latch);
  b_.SetInsertPoint(exit);
  if (never_empty) return next;
  Values out;
  for (size_t i = 0; i < initial.size(); ++i) {
    llvm::PHINode* phi = b_.CreatePHI(initial[i]->getType(), 2);
    phi->addIncoming(initial[i], before);
    phi->addIncoming(next[i], latch);
    out.push_back(phi);
  }
  return out;
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
      index_[axes[at].index] = index;
      level(at + 1);
      index_[axes[at].index] = nullptr;
    });
  };
  level(0);
}

void KernelEmitter::in_steps(AxisId axis, int64_t size,
                             const std::function<void(llvm::Value* at, int64_t)>& body) {
  if (!axis.valid()) return body(nullptr, 1);
  const Bounds range = bounds(axis);
  const int64_t left = k_.axes[axis].extent % size;
  llvm::Value* whole_end = range.end;
  if (left != 0)
    whole_end = b_.CreateSub(range.end, b_.CreateURem(b_.CreateSub(range.end, range.begin), i64(size)));
  loop(range.begin, whole_end, size, [&](llvm::Value* at) { body(at, size); });
  if (left != 0)
    when(b_.CreateICmpSLT(whole_end, range.end), [&] {
      ++loops_open_;
      body(whole_end, left);
      --loops_open_;
    });
}

llvm::Value* KernelEmitter::tail_mask(llvm::Value* index, llvm::Value* end) {
  std::vector<llvm::Constant*> lane(kLanes);
  for (unsigned i = 0; i < kLanes; ++i) lane[i] = b_.getInt32(i);
  llvm::Value* left = b_.CreateTrunc(b_.CreateSub(end, index), b_.getInt32Ty());
  return b_.CreateICmpSLT(llvm::ConstantVector::get(lane), splat(b_, left));
}

void KernelEmitter::nest(const std::vector<AxisId>& axes, AxisId lanes, const std::function<void()>& body) {
  std::function<void(size_t)> level = [&](size_t at) {
    hoist();
    if (at == axes.size()) return body();
    const AxisId axis = axes[at];
    const Bounds range = bounds(axis);
    const auto enter = [&](llvm::Value* index, llvm::Value* mask) {
      index_[axis.index] = index;
      level_[axis.index] = loops_open_;
      llvm::Value* outer_mask = mask_;
      if (axis == lanes) mask_ = mask;
      level(at + 1);
      mask_ = outer_mask;
      index_[axis.index] = nullptr;
    };
    if (axis != lanes)
      return loop(range.begin, range.end, 1, [&](llvm::Value* index) { enter(index, nullptr); });

    NNC_CHECK(at + 1 == axes.size(), "the lanes axis is the innermost loop");
    lanes_ = lanes;
    llvm::Value* whole = b_.CreateAnd(b_.CreateSub(range.end, range.begin), i64(-int64_t{kLanes}));
    llvm::Value* middle = b_.CreateAdd(range.begin, whole);
    loop(range.begin, middle, kLanes, [&](llvm::Value* index) { enter(index, nullptr); });
    when(b_.CreateICmpSLT(middle, range.end), [&] {
      ++loops_open_;
      enter(middle, tail_mask(middle, range.end));
      --loops_open_;
    });
    lanes_ = {};
  };
  // Levels are known before the loops exist, so that hoisting can tell inner from outer.
  for (size_t i = 0; i < axes.size(); ++i) level_[axes[i].index] = loops_open_ + static_cast<int>(i) + 1;
  level(0);
}

void KernelEmitter::emit(const kernel::Map& map) {
  if (const std::optional<Transposition> t = transposition(map)) return emit_transposed(map, *t);
  std::vector<kernel::ExprId> roots;
  for (const kernel::Store& s : map.stores) roots.push_back(s.value);
  begin_statement(roots, map.stores);
  std::vector<AxisId> order;
  for (AxisId axis : map.axes)
    if (axis != map.schedule.lanes) order.push_back(axis);
  if (map.schedule.lanes.valid()) order.push_back(map.schedule.lanes);
  nest(order, map.schedule.lanes, [&] { run_stores(map.stores); });
}

void KernelEmitter::emit(const kernel::Scatter& scatter) {
  begin_statement({scatter.store.value}, {scatter.store});
  const kernel::Buffer& buffer = k_.buffers[scatter.store.buffer];
  nest(scatter.axes, {}, [&] {
    llvm::Value* value = expr(scatter.store.value);
    const Address at = address(scatter.store.buffer, scatter.store.index);
    llvm::Value* where = pointer(scatter.store.buffer, at.offset);
    llvm::Type* type = llvm_memory_type(b_.getContext(), buffer.type.dtype);
    const auto sum = scalars_.add(EmittingScalars::wrap(b_.CreateLoad(type, where), buffer.type.dtype),
                                  EmittingScalars::wrap(value, buffer.type.dtype));
    b_.CreateStore(EmittingScalars::value(sum), where);
  });
}

}  // namespace nnc::codegen
