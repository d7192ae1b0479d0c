#include "codegen/emit_step.h"

#include <llvm/IR/InlineAsm.h>
#include <llvm/IR/IntrinsicsX86.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Support/raw_ostream.h>

#include <cstddef>
#include <optional>

#include "codegen/debug_lines.h"
#include "codegen/emit_scalars.h"
#include "codegen/program.h"
#include "support/check.h"

namespace nnc::codegen {
namespace {

// Flush-to-zero and denormals-are-zero, in the control word of vector arithmetic.
constexpr uint32_t kFlushBits = 0x8040;
// Turns of the waiting loop before the processor is offered to others: about 50 µs.
constexpr uint64_t kSpins = 2000;
// A thread's counters of claimed tasks fill one cache line, so that claiming from the own share is cheap.
constexpr uint64_t kClaimsPerThread = 16;
static_assert(kClaimsPerThread * sizeof(uint32_t) == NNC_CLAIM_BYTES);
constexpr uint64_t kSchedYield = 24;  // system call number on x86-64 Linux

class StepEmitter {
 public:
  StepEmitter(llvm::Module& module, const std::string& name, const Target& target)
      : module_(module), b_(module.getContext()) {
    auto* pointer = llvm::PointerType::get(module.getContext(), 0);
    auto* type = llvm::FunctionType::get(b_.getVoidTy(), {pointer, b_.getInt32Ty(), b_.getInt32Ty()}, false);
    function_ = llvm::Function::Create(type, llvm::Function::ExternalLinkage, name, module);
    function_->addFnAttr("target-cpu", target.cpu);
    function_->addFnAttr("target-features", target.features);
    function_->addFnAttr(llvm::Attribute::NoUnwind);
    b_.SetInsertPoint(llvm::BasicBlock::Create(module.getContext(), "entry", function_));
    context_ = function_->getArg(0);
    thread_ = b_.CreateZExt(function_->getArg(1), b_.getInt64Ty(), "thread");
    threads_ = b_.CreateZExt(function_->getArg(2), b_.getInt64Ty(), "threads");
    state_ = field(offsetof(nnc_context, state));
    arena_ = field(offsetof(nnc_context, arena));
    inputs_ = field(offsetof(nnc_context, inputs));
    claims_ = field(offsetof(nnc_context, claims));
  }

  void flush_to_zero() {
    saved_ = b_.CreateAlloca(b_.getInt32Ty());
    changed_ = b_.CreateAlloca(b_.getInt32Ty());
    b_.CreateIntrinsic(llvm::Intrinsic::x86_sse_stmxcsr, {}, {saved_});
    b_.CreateStore(b_.CreateOr(b_.CreateLoad(b_.getInt32Ty(), saved_), b_.getInt32(kFlushBits)), changed_);
    b_.CreateIntrinsic(llvm::Intrinsic::x86_sse_ldmxcsr, {}, {changed_});
  }

  // The step stands in the file of its first kernel; each call where its kernel comes from.
  void enter(const SourceLine& at) { lines_.emplace(module_, at.file).enter(*function_, at.line, b_); }
  void move(const SourceLine& at) { lines_->move(at, b_); }

  void finish() {
    leave();
    b_.CreateIntrinsic(llvm::Intrinsic::x86_sse_ldmxcsr, {}, {saved_});
    b_.CreateRetVoid();
    if (lines_) lines_->finish();
    std::string message;
    llvm::raw_string_ostream stream(message);
    NNC_CHECK(!llvm::verifyFunction(*function_, &stream), "the emitted step is malformed: " + message);
  }

  void launch(const kernel::Program& program, const kernel::Launch& item, const MemoryPlan::PerProgram& plan,
              const std::string& symbol, uint64_t rotation) {
    const kernel::Kernel& k = program.kernels[item.kernel];
    std::vector<llvm::Value*> arguments;
    for (kernel::SlotId slot : item.arguments) arguments.push_back(place(plan.places[slot.index]));
    // This thread's scratch lies behind the arena.
    llvm::Value* scratch = b_.CreateMul(thread_, i64(plan.scratch_bytes));
    scratch = b_.CreateAdd(scratch, i64(plan.arena_bytes));
    arguments.push_back(b_.CreateGEP(b_.getInt8Ty(), arena_, scratch));
    const Call call{symbol, std::move(arguments), static_cast<uint64_t>(k.task_count())};
    auto* alone = block("alone");
    auto* several = block("several");
    auto* done = block("done");
    b_.CreateCondBr(b_.CreateICmpUGT(threads_, i64(1)), several, alone);
    b_.SetInsertPoint(alone);
    emit(call, i64(0), i64(call.tasks));
    b_.CreateBr(done);
    b_.SetInsertPoint(several);
    // Threads take turns at being the first one, so that launches of a single task do not all fall to one
    // thread.
    llvm::Value* turn = thread_;
    if (rotation != 0) turn = b_.CreateURem(b_.CreateAdd(thread_, i64(rotation)), threads_);
    if (claimed_launches_ < kClaimsPerThread) {
      share_out(call, turn, claimed_launches_++, done);
    } else {
      emit(call, share(turn, call.tasks), share(b_.CreateAdd(turn, i64(1)), call.tasks));
      b_.CreateBr(done);
    }
    b_.SetInsertPoint(done);
  }

  // A central barrier: the last to arrive opens the next generation, the others wait for it. Waiting spins
  // for a while, then yields the processor, so that more threads than processors still get on.
  void barrier() {
    auto* several = block("several");
    auto* last = block("last");
    auto* wait = block("wait");
    auto* again = block("again");
    auto* yield = block("yield");
    auto* done = block("done");
    llvm::Value* arrived = at(offsetof(nnc_context, arrived));
    llvm::Value* generation = at(offsetof(nnc_context, generation));
    b_.CreateCondBr(b_.CreateICmpUGT(threads_, i64(1)), several, done);

    b_.SetInsertPoint(several);
    const auto load_generation = [&] {
      llvm::LoadInst* load = b_.CreateAlignedLoad(b_.getInt32Ty(), generation, llvm::Align(4));
      load->setAtomic(llvm::AtomicOrdering::Acquire);
      return load;
    };
    llvm::Value* before = load_generation();
    llvm::Value* count = b_.CreateAtomicRMW(llvm::AtomicRMWInst::Add, arrived, b_.getInt32(1), llvm::Align(4),
                                            llvm::AtomicOrdering::AcquireRelease);
    llvm::Value* is_last = b_.CreateICmpEQ(b_.CreateAdd(count, b_.getInt32(1)), function_->getArg(2));
    b_.CreateCondBr(is_last, last, wait);

    b_.SetInsertPoint(last);
    clear_claims();
    b_.CreateAlignedStore(b_.getInt32(0), arrived, llvm::Align(4))
        ->setAtomic(llvm::AtomicOrdering::Monotonic);
    b_.CreateAlignedStore(b_.CreateAdd(before, b_.getInt32(1)), generation, llvm::Align(4))
        ->setAtomic(llvm::AtomicOrdering::Release);
    b_.CreateBr(done);

    b_.SetInsertPoint(wait);
    llvm::PHINode* spins = b_.CreatePHI(b_.getInt64Ty(), 3);
    spins->addIncoming(i64(0), several);
    llvm::Value* same = b_.CreateICmpEQ(load_generation(), before);
    b_.CreateCondBr(same, again, done);
    b_.SetInsertPoint(again);
    b_.CreateIntrinsic(llvm::Intrinsic::x86_sse2_pause, llvm::ArrayRef<llvm::Type*>(),
                       llvm::ArrayRef<llvm::Value*>());
    llvm::Value* more = b_.CreateAdd(spins, i64(1));
    spins->addIncoming(more, again);
    b_.CreateCondBr(b_.CreateICmpULT(more, i64(kSpins)), wait, yield);
    b_.SetInsertPoint(yield);
    auto* call_type = llvm::FunctionType::get(b_.getInt64Ty(), {b_.getInt64Ty()}, false);
    auto* system_call = llvm::InlineAsm::get(call_type, "syscall", "={rax},{rax},~{rcx},~{r11},~{memory}",
                                             /*hasSideEffects=*/true);
    b_.CreateCall(call_type, system_call, {i64(kSchedYield)});
    spins->addIncoming(more, yield);
    b_.CreateBr(wait);

    b_.SetInsertPoint(done);
    claimed_launches_ = 0;
  }

 private:
  struct Call {
    std::string symbol;
    std::vector<llvm::Value*> arguments;  // without the range of tasks
    uint64_t tasks = 0;
  };

  llvm::BasicBlock* block(const char* name) {
    return llvm::BasicBlock::Create(module_.getContext(), name, function_);
  }

  void emit(const Call& call, llvm::Value* begin, llvm::Value* end) {
    std::vector<llvm::Value*> arguments = call.arguments;
    arguments.push_back(begin);
    arguments.push_back(end);
    std::vector<llvm::Type*> types;
    for (llvm::Value* v : arguments) types.push_back(v->getType());
    b_.CreateCall(
        module_.getOrInsertFunction(call.symbol, llvm::FunctionType::get(b_.getVoidTy(), types, false)),
        arguments);
  }

  // Where the share of `thread` begins.
  llvm::Value* share(llvm::Value* thread, uint64_t tasks) {
    return b_.CreateUDiv(b_.CreateMul(thread, i64(tasks)), threads_);
  }

  // Every thread has a share of the tasks, the same in every step, so that its part of the weights stays in
  // its cache; it claims them one by one, then helps the others with what is left of theirs: a thread that
  // the system disturbs holds up one task, not its whole share.
  void share_out(const Call& call, llvm::Value* turn, uint64_t launch, llvm::BasicBlock* done) {
    auto* owner_loop = block("owner");
    auto* claim = block("claim");
    auto* work = block("work");
    auto* next = block("next");
    auto* entered_from = b_.GetInsertBlock();
    b_.CreateBr(owner_loop);

    b_.SetInsertPoint(owner_loop);
    llvm::PHINode* helped = b_.CreatePHI(b_.getInt64Ty(), 2);
    helped->addIncoming(i64(0), entered_from);
    llvm::Value* owner = b_.CreateURem(b_.CreateAdd(turn, helped), threads_);
    llvm::Value* first = share(owner, call.tasks);
    llvm::Value* end = share(b_.CreateAdd(owner, i64(1)), call.tasks);
    llvm::Value* count =
        b_.CreateConstGEP1_64(b_.getInt8Ty(), b_.CreateGEP(b_.getInt8Ty(), claims_, line(owner)), 4 * launch);
    b_.CreateBr(claim);

    b_.SetInsertPoint(claim);
    llvm::Value* taken = b_.CreateAtomicRMW(llvm::AtomicRMWInst::Add, count, b_.getInt32(1), llvm::Align(4),
                                            llvm::AtomicOrdering::Monotonic);
    llvm::Value* task = b_.CreateAdd(first, b_.CreateZExt(taken, b_.getInt64Ty()));
    b_.CreateCondBr(b_.CreateICmpULT(task, end), work, next);

    b_.SetInsertPoint(work);
    emit(call, task, b_.CreateAdd(task, i64(1)));
    b_.CreateBr(claim);

    b_.SetInsertPoint(next);
    llvm::Value* more = b_.CreateAdd(helped, i64(1));
    helped->addIncoming(more, next);
    b_.CreateCondBr(b_.CreateICmpULT(more, threads_), owner_loop, done);
  }

  // The next launches start with every task unclaimed. Run by one thread, while nobody claims.
  void clear_claims() { b_.CreateMemSet(claims_, b_.getInt8(0), line(threads_), llvm::MaybeAlign(64)); }

  // The last thread to leave puts the claims back to zero, for whatever entry comes next.
  void leave() {
    if (claimed_launches_ == 0) return;
    auto* several = block("several");
    auto* last = block("last");
    auto* done = block("done");
    b_.CreateCondBr(b_.CreateICmpUGT(threads_, i64(1)), several, done);
    b_.SetInsertPoint(several);
    llvm::Value* left = at(offsetof(nnc_context, left));
    llvm::Value* count = b_.CreateAtomicRMW(llvm::AtomicRMWInst::Add, left, b_.getInt32(1), llvm::Align(4),
                                            llvm::AtomicOrdering::AcquireRelease);
    b_.CreateCondBr(b_.CreateICmpEQ(b_.CreateAdd(count, b_.getInt32(1)), function_->getArg(2)), last, done);
    b_.SetInsertPoint(last);
    clear_claims();
    b_.CreateAlignedStore(b_.getInt32(0), left, llvm::Align(4))->setAtomic(llvm::AtomicOrdering::Monotonic);
    b_.CreateBr(done);
    b_.SetInsertPoint(done);
  }

  llvm::Value* line(llvm::Value* thread) { return b_.CreateMul(thread, i64(4 * kClaimsPerThread)); }
  llvm::Value* i64(uint64_t value) { return b_.getInt64(value); }
  llvm::Value* at(uint64_t offset) { return b_.CreateConstGEP1_64(b_.getInt8Ty(), context_, offset); }
  llvm::Value* field(uint64_t offset) { return b_.CreateLoad(context_->getType(), at(offset)); }
  llvm::Value* place(const Place& place) {
    switch (place.base) {
      case Place::Base::state:
        return b_.CreateConstGEP1_64(b_.getInt8Ty(), state_, place.offset);
      case Place::Base::arena:
        return b_.CreateConstGEP1_64(b_.getInt8Ty(), arena_, place.offset);
      case Place::Base::input:
        break;
    }
    llvm::Value* where = b_.CreateConstGEP1_64(context_->getType(), inputs_, place.offset);
    return b_.CreateLoad(context_->getType(), where);
  }

  llvm::Module& module_;
  IrBuilder b_;
  llvm::Function* function_ = nullptr;
  llvm::Value* context_ = nullptr;
  llvm::Value* thread_ = nullptr;
  llvm::Value* threads_ = nullptr;
  llvm::Value* state_ = nullptr;
  llvm::Value* arena_ = nullptr;
  llvm::Value* inputs_ = nullptr;
  llvm::Value* claims_ = nullptr;
  uint64_t claimed_launches_ = 0;  // since the last barrier
  llvm::Value* saved_ = nullptr;
  llvm::Value* changed_ = nullptr;
  std::optional<DebugLines> lines_;
};

}  // namespace

void emit_step(llvm::Module& module, const kernel::Program& program, const MemoryPlan::PerProgram& plan,
               const std::vector<std::string>& symbols, const std::string& name, const Target& target,
               const std::vector<SourceLine>& lines) {
  StepEmitter emitter(module, name, target);
  if (!lines.empty()) emitter.enter(lines.front());
  emitter.flush_to_zero();
  uint64_t rotation = 0;
  for (const kernel::Item& item : program.items) {
    if (const auto* launch = std::get_if<kernel::Launch>(&item)) {
      if (!lines.empty()) emitter.move(lines[launch->kernel.index]);
      const bool single = program.kernels[launch->kernel].task_count() == 1;
      emitter.launch(program, *launch, plan, symbols[launch->kernel.index], single ? rotation++ : 0);
    } else {
      emitter.barrier();
    }
  }
  emitter.finish();
}

}  // namespace nnc::codegen
