// See threads.h.
#include "codegen/emit/threads.h"

#include <llvm/IR/InlineAsm.h>
#include <llvm/IR/IntrinsicsX86.h>
#include <llvm/IR/Module.h>

#include <cstddef>

#include "codegen/program.h"

namespace nnc::codegen {

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

// Where the share of `thread` begins.
llvm::Value* share(IrBuilder& b, llvm::Value* thread, llvm::Value* tasks, llvm::Value* threads) {
  return b.CreateUDiv(b.CreateMul(thread, tasks), threads);
}

// What call.N is: void(kernel, places, bases, begin, end).
llvm::FunctionType* caller_type(llvm::Module& module) {
  auto* index = llvm::Type::getInt64Ty(module.getContext());
  auto* pointer = llvm::PointerType::get(module.getContext(), 0);
  return llvm::FunctionType::get(llvm::Type::getVoidTy(module.getContext()),
                                 {pointer, pointer, pointer, index, index}, false);
}

// Where a buffer lies: a base, and an offset from it.
llvm::StructType* place_type(llvm::Module& module) {
  auto* number = llvm::Type::getInt64Ty(module.getContext());
  return llvm::StructType::get(number, number);
}

// A function of this module's own that the step calls from many places; being emitted once keeps the step
// small, and so quick to compile.
llvm::Function* helper(llvm::Module& module, const Target& target, const llvm::Twine& name,
                       llvm::Type* result, llvm::ArrayRef<llvm::Type*> parameters) {
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

llvm::Function* emit_launch(llvm::Module& module, const Target& target) {
  IrBuilder b(module.getContext());
  llvm::Type* i64_type = b.getInt64Ty();
  llvm::Type* i32_type = b.getInt32Ty();
  llvm::Type* pointer_type = llvm::PointerType::get(module.getContext(), 0);
  llvm::StructType* record_type = llvm::StructType::get(
      pointer_type, pointer_type, i64_type, i64_type, i64_type, llvm::ArrayType::get(place_type(module), 0));
  llvm::Function* f = helper(module, target, "launch", b.getVoidTy(),
                             {pointer_type, i32_type, i32_type, pointer_type, pointer_type});
  llvm::Value* context = f->getArg(0);
  llvm::Value* record = f->getArg(3);
  llvm::Value* bases = f->getArg(4);
  auto* entry = llvm::BasicBlock::Create(module.getContext(), "entry", f);
  auto* alone = llvm::BasicBlock::Create(module.getContext(), "alone", f);
  auto* several = llvm::BasicBlock::Create(module.getContext(), "several", f);
  auto* fixed = llvm::BasicBlock::Create(module.getContext(), "fixed", f);
  auto* owners = llvm::BasicBlock::Create(module.getContext(), "owners", f);
  auto* share_of = llvm::BasicBlock::Create(module.getContext(), "share", f);
  auto* next = llvm::BasicBlock::Create(module.getContext(), "next", f);
  auto* work = llvm::BasicBlock::Create(module.getContext(), "work", f);
  auto* finished = llvm::BasicBlock::Create(module.getContext(), "finished", f);
  auto* done = llvm::BasicBlock::Create(module.getContext(), "done", f);
  const auto field = [&](unsigned index, llvm::Type* type, const char* name) {
    return b.CreateLoad(type, b.CreateStructGEP(record_type, record, index), name);
  };

  b.SetInsertPoint(entry);
  llvm::Value* caller = field(0, pointer_type, "caller");
  llvm::Value* kernel = field(1, pointer_type, "kernel");
  llvm::Value* tasks = field(2, i64_type, "tasks");
  llvm::Value* rotation = field(3, i64_type, "rotation");
  llvm::Value* claim = field(4, i64_type, "claim");
  llvm::Value* places = b.CreateStructGEP(record_type, record, 5, "places");
  const auto run = [&](llvm::Value* begin, llvm::Value* end) {
    b.CreateCall(caller_type(module), caller, {kernel, places, bases, begin, end});
  };
  llvm::Value* thread = b.CreateZExt(f->getArg(1), i64_type, "thread");
  llvm::Value* threads = b.CreateZExt(f->getArg(2), i64_type, "threads");
  b.CreateCondBr(b.CreateICmpUGT(threads, b.getInt64(1)), several, alone);

  b.SetInsertPoint(alone);
  run(b.getInt64(0), tasks);
  b.CreateRetVoid();

  b.SetInsertPoint(several);
  llvm::Value* turn = b.CreateURem(b.CreateAdd(thread, rotation), threads, "turn");
  llvm::Value* claims =
      b.CreateLoad(pointer_type, b.CreateConstGEP1_64(b.getInt8Ty(), context, offsetof(nnc_context, claims)));
  llvm::Value* counts = b.CreateGEP(i32_type, claims, claim);
  b.CreateCondBr(b.CreateICmpULT(claim, b.getInt64(kMostClaims)), owners, fixed);

  b.SetInsertPoint(fixed);
  run(share(b, turn, tasks, threads), share(b, b.CreateAdd(turn, b.getInt64(1)), tasks, threads));
  b.CreateRetVoid();

  b.SetInsertPoint(owners);
  llvm::PHINode* whose = b.CreatePHI(i64_type, 2, "whose");
  whose->addIncoming(b.getInt64(0), several);
  b.CreateCondBr(b.CreateICmpULT(whose, threads), share_of, done);

  b.SetInsertPoint(share_of);
  llvm::Value* owner = b.CreateURem(b.CreateAdd(turn, whose), threads, "owner");
  llvm::Value* first = share(b, owner, tasks, threads);
  llvm::Value* end = share(b, b.CreateAdd(owner, b.getInt64(1)), tasks, threads);
  llvm::Value* count = b.CreateGEP(b.getInt8Ty(), counts, claim_line(b, owner));
  b.CreateBr(next);

  b.SetInsertPoint(next);
  llvm::Value* taken = b.CreateAtomicRMW(llvm::AtomicRMWInst::Add, count, b.getInt32(1), llvm::Align(4),
                                         llvm::AtomicOrdering::Monotonic);
  llvm::Value* task = b.CreateAdd(first, b.CreateZExt(taken, i64_type), "task");
  b.CreateCondBr(b.CreateICmpULT(task, end), work, finished);

  b.SetInsertPoint(work);
  run(task, b.CreateAdd(task, b.getInt64(1)));
  b.CreateBr(next);

  b.SetInsertPoint(finished);
  whose->addIncoming(b.CreateAdd(whose, b.getInt64(1)), finished);
  b.CreateBr(owners);

  b.SetInsertPoint(done);
  b.CreateRetVoid();
  return f;
}

llvm::FunctionType* kernel_type(llvm::Module& module, size_t buffers) {
  auto* index = llvm::Type::getInt64Ty(module.getContext());
  std::vector<llvm::Type*> types(buffers, llvm::PointerType::get(module.getContext(), 0));
  types.insert(types.end(), 2, index);
  return llvm::FunctionType::get(llvm::Type::getVoidTy(module.getContext()), types, false);
}

llvm::Function* emit_caller(llvm::Module& module, const Target& target, size_t buffers) {
  IrBuilder b(module.getContext());
  llvm::Type* pointer_type = llvm::PointerType::get(module.getContext(), 0);
  llvm::Function* f =
      helper(module, target, "call." + std::to_string(buffers), b.getVoidTy(), caller_type(module)->params());
  b.SetInsertPoint(llvm::BasicBlock::Create(module.getContext(), "entry", f));
  std::vector<llvm::Value*> arguments;
  for (size_t i = 0; i < buffers; ++i) {
    llvm::Value* place = b.CreateConstGEP1_64(place_type(module), f->getArg(1), i);
    llvm::Value* base = b.CreateLoad(b.getInt64Ty(), b.CreateStructGEP(place_type(module), place, 0));
    llvm::Value* offset = b.CreateLoad(b.getInt64Ty(), b.CreateStructGEP(place_type(module), place, 1));
    base = b.CreateLoad(pointer_type, b.CreateGEP(pointer_type, f->getArg(2), base));
    arguments.push_back(b.CreateGEP(b.getInt8Ty(), base, offset));
  }
  arguments.push_back(f->getArg(3));
  arguments.push_back(f->getArg(4));
  b.CreateCall(kernel_type(module, buffers), f->getArg(0), arguments);
  b.CreateRetVoid();
  return f;
}

}  // namespace nnc::codegen
