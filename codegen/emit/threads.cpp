// See threads.h.
#include "codegen/emit/threads.h"

#include <llvm/IR/InlineAsm.h>
#include <llvm/IR/IntrinsicsX86.h>
#include <llvm/IR/Module.h>

#include <cstddef>

#include "codegen/program.h"

namespace nnc::codegen {

llvm::Value* share(IrBuilder& b, llvm::Value* thread, llvm::Value* tasks, llvm::Value* threads) {
  return b.CreateUDiv(b.CreateMul(thread, tasks), threads);
}

llvm::Value* claim_line(IrBuilder& b, llvm::Value* thread) {
  return b.CreateMul(thread, b.getInt64(NNC_CLAIM_BYTES));
}

namespace {

// Turns of the waiting loop before the processor is offered to others: about 50 µs.
constexpr uint64_t kSpins = 2000;
constexpr uint64_t kSchedYield = 24;  // system call number on x86-64 Linux

// One more turn of the waiting loop: from `from`, whose turns so far are `spins`, back to `wait`, or to `yield` after
// many. Returns the turns with this one.
llvm::Value* spin(IrBuilder& b, llvm::BasicBlock* from, llvm::Value* spins, llvm::BasicBlock* wait,
                  llvm::BasicBlock* yield) {
  b.SetInsertPoint(from);
  b.CreateIntrinsic(llvm::Intrinsic::x86_sse2_pause, llvm::ArrayRef<llvm::Type*>(),
                    llvm::ArrayRef<llvm::Value*>());
  llvm::Value* more = b.CreateAdd(spins, b.getInt64(1));
  b.CreateCondBr(b.CreateICmpULT(more, b.getInt64(kSpins)), wait, yield);
  return more;
}

// Offers the processor to others.
void yield_processor(IrBuilder& b) {
  auto* call_type = llvm::FunctionType::get(b.getInt64Ty(), {b.getInt64Ty()}, false);
  auto* system_call = llvm::InlineAsm::get(call_type, "syscall", "={rax},{rax},~{rcx},~{r11},~{memory}",
                                           /*hasSideEffects=*/true);
  b.CreateCall(call_type, system_call, {b.getInt64(kSchedYield)});
}

// Where a thread claims one task more of the share of `owner`: the task, and the end of the share.
struct Claim {
  llvm::Value* task;
  llvm::Value* end;
};
Claim claim_one(IrBuilder& b, llvm::Value* counts, llvm::Value* owner, llvm::Value* tasks,
                llvm::Value* threads) {
  llvm::Value* first = share(b, owner, tasks, threads);
  llvm::Value* end = share(b, b.CreateAdd(owner, b.getInt64(1)), tasks, threads);
  llvm::Value* count = b.CreateGEP(b.getInt8Ty(), counts, claim_line(b, owner));
  llvm::Value* taken = b.CreateAtomicRMW(llvm::AtomicRMWInst::Add, count, b.getInt32(1), llvm::Align(4),
                                         llvm::AtomicOrdering::Monotonic);
  return {b.CreateAdd(first, b.CreateZExt(taken, b.getInt64Ty())), end};
}

// A function of this module's own that the step calls from many places; being emitted once keeps the step
// small, and so quick to compile.
llvm::Function* helper(llvm::Module& module, const Target& target, const char* name, llvm::Type* result,
                       llvm::ArrayRef<llvm::Type*> parameters) {
  auto* type = llvm::FunctionType::get(result, parameters, false);
  auto* f = llvm::Function::Create(type, llvm::Function::InternalLinkage, name, module);
  f->addFnAttr("target-cpu", target.cpu);
  f->addFnAttr("target-features", target.features);
  f->addFnAttr(llvm::Attribute::NoUnwind);
  f->addFnAttr(llvm::Attribute::NoInline);
  return f;
}

}  // namespace

llvm::Function* emit_barrier(llvm::Module& module, const Target& target) {
  IrBuilder b(module.getContext());
  llvm::Function* f = helper(module, target, "barrier", b.getVoidTy(),
                             {llvm::PointerType::get(module.getContext(), 0), b.getInt32Ty()});
  llvm::Value* context = f->getArg(0);
  llvm::Value* threads = f->getArg(1);
  auto* entry = llvm::BasicBlock::Create(module.getContext(), "entry", f);
  auto* several = llvm::BasicBlock::Create(module.getContext(), "several", f);
  auto* last = llvm::BasicBlock::Create(module.getContext(), "last", f);
  auto* wait = llvm::BasicBlock::Create(module.getContext(), "wait", f);
  auto* again = llvm::BasicBlock::Create(module.getContext(), "again", f);
  auto* yield = llvm::BasicBlock::Create(module.getContext(), "yield", f);
  auto* done = llvm::BasicBlock::Create(module.getContext(), "done", f);
  const auto at = [&](uint64_t offset) { return b.CreateConstGEP1_64(b.getInt8Ty(), context, offset); };

  b.SetInsertPoint(entry);
  llvm::Value* arrived = at(offsetof(nnc_context, arrived));
  llvm::Value* generation = at(offsetof(nnc_context, generation));
  b.CreateCondBr(b.CreateICmpUGT(threads, b.getInt32(1)), several, done);

  b.SetInsertPoint(several);
  const auto load_generation = [&] {
    llvm::LoadInst* load = b.CreateAlignedLoad(b.getInt32Ty(), generation, llvm::Align(4));
    load->setAtomic(llvm::AtomicOrdering::Acquire);
    return load;
  };
  llvm::Value* before = load_generation();
  llvm::Value* count = b.CreateAtomicRMW(llvm::AtomicRMWInst::Add, arrived, b.getInt32(1), llvm::Align(4),
                                         llvm::AtomicOrdering::AcquireRelease);
  b.CreateCondBr(b.CreateICmpEQ(b.CreateAdd(count, b.getInt32(1)), threads), last, wait);

  b.SetInsertPoint(last);
  // The next launches start with every task unclaimed; nobody claims now.
  llvm::Value* claims = b.CreateLoad(context->getType(), at(offsetof(nnc_context, claims)));
  b.CreateMemSet(claims, b.getInt8(0), claim_line(b, b.CreateZExt(threads, b.getInt64Ty())),
                 llvm::MaybeAlign(64));
  b.CreateAlignedStore(b.getInt32(0), arrived, llvm::Align(4))->setAtomic(llvm::AtomicOrdering::Monotonic);
  b.CreateAlignedStore(b.CreateAdd(before, b.getInt32(1)), generation, llvm::Align(4))
      ->setAtomic(llvm::AtomicOrdering::Release);
  b.CreateBr(done);

  b.SetInsertPoint(wait);
  llvm::PHINode* spins = b.CreatePHI(b.getInt64Ty(), 3);
  spins->addIncoming(b.getInt64(0), several);
  b.CreateCondBr(b.CreateICmpEQ(load_generation(), before), again, done);
  llvm::Value* more = spin(b, again, spins, wait, yield);
  spins->addIncoming(more, again);
  b.SetInsertPoint(yield);
  yield_processor(b);
  spins->addIncoming(more, yield);
  b.CreateBr(wait);

  b.SetInsertPoint(done);
  b.CreateRetVoid();
  return f;
}

llvm::Function* emit_claim(llvm::Module& module, const Target& target) {
  IrBuilder b(module.getContext());
  llvm::Type* i64_type = b.getInt64Ty();
  llvm::Type* pointer_type = llvm::PointerType::get(module.getContext(), 0);
  llvm::StructType* range_type = llvm::StructType::get(i64_type, i64_type);
  llvm::Function* f =
      helper(module, target, "claim", range_type, {pointer_type, i64_type, i64_type, i64_type, pointer_type});
  llvm::Value* counts = f->getArg(0);
  llvm::Value* turn = f->getArg(1);
  llvm::Value* tasks = f->getArg(2);
  llvm::Value* threads = f->getArg(3);
  llvm::Value* helped = f->getArg(4);
  auto* entry = llvm::BasicBlock::Create(module.getContext(), "entry", f);
  auto* alone = llvm::BasicBlock::Create(module.getContext(), "alone", f);
  auto* owners = llvm::BasicBlock::Create(module.getContext(), "owners", f);
  auto* claim = llvm::BasicBlock::Create(module.getContext(), "claim", f);
  auto* found = llvm::BasicBlock::Create(module.getContext(), "found", f);
  auto* next = llvm::BasicBlock::Create(module.getContext(), "next", f);
  auto* none = llvm::BasicBlock::Create(module.getContext(), "none", f);
  const auto give = [&](llvm::Value* begin, llvm::Value* end) {
    llvm::Value* range = b.CreateInsertValue(llvm::PoisonValue::get(range_type), begin, 0);
    b.CreateRet(b.CreateInsertValue(range, end, 1));
  };

  b.SetInsertPoint(entry);
  llvm::Value* first_helped = b.CreateLoad(i64_type, helped);
  b.CreateCondBr(b.CreateICmpUGT(threads, b.getInt64(1)), owners, alone);

  b.SetInsertPoint(alone);
  b.CreateStore(b.getInt64(1), helped);
  llvm::Value* is_new = b.CreateICmpEQ(first_helped, b.getInt64(0));
  give(b.CreateSelect(is_new, b.getInt64(0), llvm::ConstantInt::getSigned(i64_type, -1)), tasks);

  b.SetInsertPoint(owners);
  llvm::PHINode* whose = b.CreatePHI(i64_type, 2);
  whose->addIncoming(first_helped, entry);
  b.CreateCondBr(b.CreateICmpULT(whose, threads), claim, none);

  b.SetInsertPoint(claim);
  llvm::Value* owner = b.CreateURem(b.CreateAdd(turn, whose), threads);
  const Claim one = claim_one(b, counts, owner, tasks, threads);
  b.CreateCondBr(b.CreateICmpULT(one.task, one.end), found, next);

  b.SetInsertPoint(found);
  b.CreateStore(whose, helped);
  give(one.task, b.CreateAdd(one.task, b.getInt64(1)));

  b.SetInsertPoint(next);
  whose->addIncoming(b.CreateAdd(whose, b.getInt64(1)), next);
  b.CreateBr(owners);

  b.SetInsertPoint(none);
  give(llvm::ConstantInt::getSigned(i64_type, -1), b.getInt64(0));
  return f;
}

}  // namespace nnc::codegen
