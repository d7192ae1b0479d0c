#include "codegen/emit/step.h"

#include <llvm/IR/IntrinsicsX86.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Support/raw_ostream.h>

#include <cstddef>
#include <map>
#include <optional>

#include "codegen/emit/debug_lines.h"
#include "codegen/emit/scalars.h"
#include "codegen/emit/threads.h"
#include "codegen/program.h"
#include "support/check.h"

namespace nnc::codegen {
namespace {

// Flush-to-zero and denormals-are-zero, in the control word of vector arithmetic.
constexpr uint32_t kFlushBits = 0x8040;
// A thread's counters of claimed tasks fill one cache line, so that claiming from the own share is cheap.
constexpr uint64_t kClaimsPerThread = 16;
static_assert(kClaimsPerThread * sizeof(uint32_t) == NNC_CLAIM_BYTES);
// Launches in one function: what LLVM takes to compile one grows faster than its length.
constexpr uint64_t kMostLaunches = 128;

class StepEmitter {
 public:
  StepEmitter(llvm::Module& module, const std::string& name, const Target& target)
      : module_(module), b_(module.getContext()), target_(target) {
    begin(name, llvm::Function::ExternalLinkage);
    step_ = function_;
  }

  void flush_to_zero() {
    saved_ = b_.CreateAlloca(b_.getInt32Ty());
    changed_ = b_.CreateAlloca(b_.getInt32Ty());
    b_.CreateIntrinsic(llvm::Intrinsic::x86_sse_stmxcsr, {}, {saved_});
    b_.CreateStore(b_.CreateOr(b_.CreateLoad(b_.getInt32Ty(), saved_), b_.getInt32(kFlushBits)), changed_);
    b_.CreateIntrinsic(llvm::Intrinsic::x86_sse_ldmxcsr, {}, {changed_});
  }

  // The step is attributed to the file of its first kernel; each call where its kernel comes from.
  void enter(const SourceLine& at) {
    if (!lines_) lines_.emplace(module_, at.file);
    lines_->enter(*function_, at.line, b_);
  }
  void move(const SourceLine& at) { lines_->move(at, b_); }

  // From a certain length on, what follows is in functions of their own, which the step calls.
  bool is_long() const { return launches_ >= kMostLaunches; }
  void next_piece() {
    return_to_step();
    step_end_ = b_.saveIP();
    step_line_ = b_.getCurrentDebugLocation();
    b_.SetCurrentDebugLocation({});
    begin("piece", llvm::Function::InternalLinkage);
    function_->addFnAttr(llvm::Attribute::NoInline);
    launches_ = 0;
  }

  void finish() {
    return_to_step();
    leave();
    b_.CreateIntrinsic(llvm::Intrinsic::x86_sse_ldmxcsr, {}, {saved_});
    b_.CreateRetVoid();
    if (lines_) lines_->finish();
    verify();
  }

  void launch(const kernel::Program& program, const kernel::Launch& item, const MemoryPlan::PerProgram& plan,
              const std::string& symbol, uint64_t rotation) {
    ++launches_;
    const kernel::Kernel& k = program.kernels[item.kernel];
    std::vector<llvm::Value*> arguments;
    for (kernel::SlotId slot : item.arguments) arguments.push_back(place(plan.places[slot.index], program));
    // This thread's scratch lies behind the arena.
    llvm::Value* scratch = b_.CreateMul(thread_, i64(plan.scratch_bytes));
    scratch = b_.CreateAdd(scratch, i64(plan.arena_bytes));
    arguments.push_back(b_.CreateGEP(b_.getInt8Ty(), arena_, scratch));
    const auto tasks = static_cast<uint64_t>(k.task_count());
    // Threads take turns at being the first one, so that launches of a single task do not all fall to one
    // thread.
    llvm::Value* turn = thread_;
    if (rotation != 0) turn = b_.CreateURem(b_.CreateAdd(thread_, i64(rotation)), threads_);
    if (claimed_launches_ < kClaimsPerThread) {
      claim_all(symbol, arguments, turn, tasks, claimed_launches_++);
    } else {
      emit(symbol, arguments, share(b_, turn, i64(tasks), threads_),
           share(b_, b_.CreateAdd(turn, i64(1)), i64(tasks), threads_));
    }
  }

  void barrier() {
    if (!barrier_) barrier_ = emit_barrier(module_, target_);
    b_.CreateCall(barrier_, {context_, function_->getArg(2)});
    claimed_launches_ = 0;
  }

 private:
  // A function like the step itself, `void name(context, thread, threads)`, becomes the one that is emitted.
  void begin(const std::string& name, llvm::Function::LinkageTypes linkage) {
    auto* pointer = llvm::PointerType::get(module_.getContext(), 0);
    auto* type = llvm::FunctionType::get(b_.getVoidTy(), {pointer, b_.getInt32Ty(), b_.getInt32Ty()}, false);
    function_ = llvm::Function::Create(type, linkage, name, module_);
    function_->addFnAttr("target-cpu", target_.cpu);
    function_->addFnAttr("target-features", target_.features);
    function_->addFnAttr(llvm::Attribute::NoUnwind);
    b_.SetInsertPoint(llvm::BasicBlock::Create(module_.getContext(), "entry", function_));
    read_context();
    helped_ = b_.CreateAlloca(b_.getInt64Ty(), nullptr, "helped");
  }

  void read_context() {
    context_ = function_->getArg(0);
    thread_ = b_.CreateZExt(function_->getArg(1), b_.getInt64Ty(), "thread");
    threads_ = b_.CreateZExt(function_->getArg(2), b_.getInt64Ty(), "threads");
    state_ = field(offsetof(nnc_context, state));
    arena_ = field(offsetof(nnc_context, arena));
    inputs_ = field(offsetof(nnc_context, inputs));
    claims_ = field(offsetof(nnc_context, claims));
  }

  // Ends the piece that is being emitted, if one is, and calls it.
  void return_to_step() {
    if (function_ == step_) return;
    b_.CreateRetVoid();
    verify();
    llvm::Function* piece = function_;
    function_ = step_;
    b_.restoreIP(step_end_);
    b_.SetCurrentDebugLocation(step_line_);
    b_.CreateCall(piece, {step_->getArg(0), step_->getArg(1), step_->getArg(2)});
    read_context();
  }

  void verify() {
    std::string message;
    llvm::raw_string_ostream stream(message);
    NNC_CHECK(!llvm::verifyFunction(*function_, &stream), "the emitted step is malformed: " + message);
  }

  llvm::BasicBlock* block(const char* name) {
    return llvm::BasicBlock::Create(module_.getContext(), name, function_);
  }

  void emit(const std::string& symbol, std::vector<llvm::Value*> arguments, llvm::Value* begin,
            llvm::Value* end) {
    arguments.push_back(begin);
    arguments.push_back(end);
    std::vector<llvm::Type*> types;
    for (llvm::Value* v : arguments) types.push_back(v->getType());
    b_.CreateCall(module_.getOrInsertFunction(symbol, llvm::FunctionType::get(b_.getVoidTy(), types, false)),
                  arguments);
  }

  // Calls the kernel with one range of tasks after the other, until the helper has no more.
  void claim_all(const std::string& symbol, const std::vector<llvm::Value*>& arguments, llvm::Value* turn,
                 uint64_t tasks, uint64_t launch) {
    if (!claim_) claim_ = emit_claim(module_, target_);
    auto* next = block("next");
    auto* work = block("work");
    auto* done = block("done");
    b_.CreateStore(i64(0), helped_);
    llvm::Value* counts = b_.CreateConstGEP1_64(b_.getInt8Ty(), claims_, 4 * launch);
    b_.CreateBr(next);
    b_.SetInsertPoint(next);
    llvm::Value* range = b_.CreateCall(claim_, {counts, turn, i64(tasks), threads_, helped_});
    llvm::Value* begin = b_.CreateExtractValue(range, 0);
    b_.CreateCondBr(b_.CreateICmpSGE(begin, i64(0)), work, done);
    b_.SetInsertPoint(work);
    emit(symbol, arguments, begin, b_.CreateExtractValue(range, 1));
    b_.CreateBr(next);
    b_.SetInsertPoint(done);
  }

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
    b_.CreateMemSet(claims_, b_.getInt8(0), claim_line(b_, threads_), llvm::MaybeAlign(64));
    b_.CreateAlignedStore(b_.getInt32(0), left, llvm::Align(4))->setAtomic(llvm::AtomicOrdering::Monotonic);
    b_.CreateBr(done);
    b_.SetInsertPoint(done);
  }

  llvm::Value* i64(uint64_t value) { return b_.getInt64(value); }
  llvm::Value* at(uint64_t offset) { return b_.CreateConstGEP1_64(b_.getInt8Ty(), context_, offset); }
  llvm::Value* field(uint64_t offset) { return b_.CreateLoad(context_->getType(), at(offset)); }
  llvm::Value* place(const Place& place, const kernel::Program& program) {
    switch (place.base) {
      case Place::Base::state:
        return b_.CreateConstGEP1_64(b_.getInt8Ty(), state_, place.offset);
      case Place::Base::arena:
        return b_.CreateConstGEP1_64(b_.getInt8Ty(), arena_, place.offset);
      case Place::Base::constant:
        return constant(program.slots[kernel::SlotId{static_cast<uint32_t>(place.offset)}]);
      case Place::Base::input:
        break;
    }
    llvm::Value* where = b_.CreateConstGEP1_64(context_->getType(), inputs_, place.offset);
    return b_.CreateLoad(context_->getType(), where);
  }

  llvm::Value* constant(const kernel::Slot& slot) {
    llvm::GlobalVariable*& data = constants_[&slot];
    if (!data) {
      const std::vector<std::byte> bytes = kernel::constant_bytes(slot);
      auto* numbers = llvm::ConstantDataArray::getRaw(
          {reinterpret_cast<const char*>(bytes.data()), bytes.size()}, bytes.size(), b_.getInt8Ty());
      data = new llvm::GlobalVariable(module_, numbers->getType(), /*isConstant=*/true,
                                      llvm::GlobalValue::PrivateLinkage, numbers, "constant");
      data->setAlignment(llvm::Align(kAlignment));
    }
    return data;
  }

  llvm::Module& module_;
  IrBuilder b_;
  const Target& target_;
  llvm::Function* step_ = nullptr;      // the entry point
  llvm::Function* function_ = nullptr;  // that is being emitted: it, or a piece of it
  llvm::IRBuilderBase::InsertPoint step_end_;
  llvm::DebugLoc step_line_;
  uint64_t launches_ = 0;  // in that function
  llvm::Value* context_ = nullptr;
  llvm::Value* thread_ = nullptr;
  llvm::Value* threads_ = nullptr;
  std::map<const kernel::Slot*, llvm::GlobalVariable*> constants_;
  llvm::Value* state_ = nullptr;
  llvm::Value* arena_ = nullptr;
  llvm::Value* inputs_ = nullptr;
  llvm::Value* claims_ = nullptr;
  llvm::Value* helped_ = nullptr;  // how far the current launch's claims have come round the threads
  llvm::Function* barrier_ = nullptr;
  llvm::Function* claim_ = nullptr;
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
      if (emitter.is_long()) {
        emitter.next_piece();
        if (!lines.empty()) emitter.enter(lines[launch->kernel.index]);
      }
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
