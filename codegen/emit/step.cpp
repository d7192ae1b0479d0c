// See step.h. What is launched is data that the step goes through: its code is as short for two hundred layers as for two.
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

// What offsets of buffers are counted from, by their place in the step's `bases`; input tensors follow.
enum Base : uint64_t { kState, kArena, kScratch, kNowhere, kInputs };

class StepEmitter {
 public:
  StepEmitter(llvm::Module& module, const kernel::Program& program, const MemoryPlan::PerProgram& plan,
              const std::vector<std::string>& symbols, const Target& target)
      : module_(module),
        program_(program),
        plan_(plan),
        symbols_(symbols),
        target_(target),
        b_(module.getContext()) {}

  void emit(const std::string& name, const SourceLine& at) {
    llvm::GlobalVariable* launches = table();
    const uint64_t count = program_.items.size();
    auto* type =
        llvm::FunctionType::get(b_.getVoidTy(), {pointer(), b_.getInt32Ty(), b_.getInt32Ty()}, false);
    function_ = llvm::Function::Create(type, llvm::Function::ExternalLinkage, name, module_);
    function_->addFnAttr("target-cpu", target_.cpu);
    function_->addFnAttr("target-features", target_.features);
    function_->addFnAttr(llvm::Attribute::NoUnwind);
    context_ = function_->getArg(0);
    threads_ = function_->getArg(2);
    auto* entry = block("entry");
    auto* next = block("next");
    auto* item = block("item");
    auto* launch = block("launch");
    auto* barrier = block("barrier");
    auto* done = block("done");

    b_.SetInsertPoint(entry);
    std::optional<DebugLines> lines;
    if (!at.file.empty()) lines.emplace(module_, at.file).enter(*function_, at.line, b_);
    llvm::Value* saved = flush_to_zero();
    llvm::Value* bases = fill_bases();
    if (program_.stamped) first_stamp(count);
    b_.CreateBr(next);

    b_.SetInsertPoint(next);
    llvm::PHINode* index = b_.CreatePHI(b_.getInt64Ty(), 3, "index");
    index->addIncoming(i64(0), entry);
    b_.CreateCondBr(b_.CreateICmpULT(index, i64(count)), item, done);

    b_.SetInsertPoint(item);
    llvm::Value* record = b_.CreateLoad(pointer(), b_.CreateGEP(pointer(), launches, index), "record");
    llvm::Value* after = b_.CreateAdd(index, i64(1));
    b_.CreateCondBr(b_.CreateIsNull(record), barrier, launch);

    b_.SetInsertPoint(launch);
    b_.CreateCall(emit_launch(module_, target_), {context_, function_->getArg(1), threads_, record, bases});
    if (program_.stamped) stamp(after);
    index->addIncoming(after, launch);
    b_.CreateBr(next);

    b_.SetInsertPoint(barrier);
    b_.CreateCall(emit_barrier(module_, target_), {context_, threads_});
    if (program_.stamped) stamp(after);
    index->addIncoming(after, barrier);
    b_.CreateBr(next);

    b_.SetInsertPoint(done);
    if (claims_ != 0) leave();
    b_.CreateIntrinsic(llvm::Intrinsic::x86_sse_ldmxcsr, {}, {saved});
    b_.CreateRetVoid();
    if (lines) lines->finish();
    std::string message;
    llvm::raw_string_ostream stream(message);
    NNC_CHECK(!llvm::verifyFunction(*function_, &stream), "the emitted step is malformed: " + message);
  }

 private:
  // One record per launch, as emit/threads.h says; a barrier is a null pointer.
  llvm::GlobalVariable* table() {
    std::vector<llvm::Constant*> records;
    uint64_t single = 0;
    for (const kernel::Item& item : program_.items) {
      const auto* launch = std::get_if<kernel::Launch>(&item);
      if (launch == nullptr) {
        records.push_back(llvm::ConstantPointerNull::get(pointer()));
        claims_ = 0;
        continue;
      }
      // Threads take turns at being the first one, so that launches of a single task do not all fall to one thread.
      const uint64_t rotation = program_.kernels[launch->kernel].task_count() == 1 ? single++ : 0;
      records.push_back(record(*launch, rotation, claims_++));
    }
    auto* type = llvm::ArrayType::get(pointer(), records.size());
    return constant("launches", llvm::ConstantArray::get(type, records));
  }

  llvm::Constant* record(const kernel::Launch& launch, uint64_t rotation, uint64_t claim) {
    const std::string& symbol = symbols_[launch.kernel.index];
    std::vector<llvm::Constant*> buffers;
    for (kernel::SlotId slot : launch.arguments) buffers.push_back(place(slot));
    buffers.push_back(place(kScratch, i64(0)));
    llvm::Function*& caller = callers_[buffers.size()];
    if (!caller) caller = emit_caller(module_, target_, buffers.size());
    auto* kernel = llvm::cast<llvm::Constant>(
        module_.getOrInsertFunction(symbol, kernel_type(module_, buffers.size())).getCallee());
    const auto tasks = static_cast<uint64_t>(program_.kernels[launch.kernel].task_count());
    auto* places =
        llvm::ConstantArray::get(llvm::ArrayType::get(buffers[0]->getType(), buffers.size()), buffers);
    return constant("launch." + symbol, llvm::ConstantStruct::getAnon(
                                            {caller, kernel, i64(tasks), i64(rotation), i64(claim), places}));
  }

  llvm::Constant* place(uint64_t base, llvm::Constant* offset) {
    return llvm::ConstantStruct::getAnon({i64(base), offset});
  }

  llvm::Constant* place(kernel::SlotId slot) {
    const Place& at = plan_.places[slot.index];
    switch (at.base) {
      case Place::Base::state:
        return place(kState, i64(at.offset));
      case Place::Base::arena:
        return place(kArena, i64(at.offset));
      case Place::Base::input:
        return place(kInputs + at.offset, i64(0));
      case Place::Base::constant:
        break;
    }
    llvm::GlobalVariable* numbers = data(kernel::SlotId{static_cast<uint32_t>(at.offset)});
    return place(kNowhere, llvm::ConstantExpr::getPtrToInt(numbers, b_.getInt64Ty()));
  }

  llvm::GlobalVariable* data(kernel::SlotId slot) {
    llvm::GlobalVariable*& data = data_[slot];
    if (!data) {
      const std::vector<std::byte> bytes = kernel::constant_bytes(program_.slots[slot]);
      data = constant("constant", llvm::ConstantDataArray::getRaw(
                                      {reinterpret_cast<const char*>(bytes.data()), bytes.size()},
                                      bytes.size(), b_.getInt8Ty()));
      data->setAlignment(llvm::Align(kAlignment));
    }
    return data;
  }

  llvm::GlobalVariable* constant(const llvm::Twine& name, llvm::Constant* value) {
    return new llvm::GlobalVariable(module_, value->getType(), /*isConstant=*/true,
                                    llvm::GlobalValue::PrivateLinkage, value, name);
  }

  llvm::Value* flush_to_zero() {
    llvm::Value* saved = b_.CreateAlloca(b_.getInt32Ty(), nullptr, "saved");
    llvm::Value* changed = b_.CreateAlloca(b_.getInt32Ty());
    b_.CreateIntrinsic(llvm::Intrinsic::x86_sse_stmxcsr, {}, {saved});
    b_.CreateStore(b_.CreateOr(b_.CreateLoad(b_.getInt32Ty(), saved), b_.getInt32(kFlushBits)), changed);
    b_.CreateIntrinsic(llvm::Intrinsic::x86_sse_ldmxcsr, {}, {changed});
    return saved;
  }

  llvm::Value* fill_bases() {
    auto* type = llvm::ArrayType::get(pointer(), kInputs + plan_.inputs.size());
    llvm::Value* bases = b_.CreateAlloca(type, nullptr, "bases");
    const auto set = [&](uint64_t base, llvm::Value* value) {
      b_.CreateStore(value, b_.CreateConstGEP1_64(pointer(), bases, base));
    };
    llvm::Value* arena = field(offsetof(nnc_context, arena));
    llvm::Value* inputs = field(offsetof(nnc_context, inputs));
    set(kState, field(offsetof(nnc_context, state)));
    set(kArena, arena);
    // This thread's scratch lies behind the arena.
    llvm::Value* thread = b_.CreateZExt(function_->getArg(1), b_.getInt64Ty());
    llvm::Value* offset =
        b_.CreateAdd(b_.CreateMul(thread, i64(plan_.scratch_bytes)), i64(plan_.arena_bytes));
    set(kScratch, b_.CreateGEP(b_.getInt8Ty(), arena, offset));
    set(kNowhere, llvm::ConstantPointerNull::get(pointer()));
    for (uint64_t i = 0; i < plan_.inputs.size(); ++i)
      set(kInputs + i, b_.CreateLoad(pointer(), b_.CreateConstGEP1_64(pointer(), inputs, i)));
    return bases;
  }

  void first_stamp(uint64_t items) {
    llvm::Value* thread = b_.CreateZExt(function_->getArg(1), b_.getInt64Ty());
    const auto row = static_cast<uint64_t>(nnc_stamp_row(static_cast<int64_t>(items)));
    stamps_ =
        b_.CreateGEP(b_.getInt64Ty(), field(offsetof(nnc_context, stamps)), b_.CreateMul(thread, i64(row)));
    stamp(i64(0));
  }

  void stamp(llvm::Value* index) {
    llvm::Value* now = b_.CreateIntrinsic(llvm::Intrinsic::readcyclecounter, llvm::ArrayRef<llvm::Type*>(),
                                          llvm::ArrayRef<llvm::Value*>());
    b_.CreateStore(now, b_.CreateGEP(b_.getInt64Ty(), stamps_, index));
  }

  // The last thread to leave puts the claims back to zero, for whatever entry comes next.
  void leave() {
    auto* several = block("several");
    auto* last = block("last");
    auto* end = block("end");
    b_.CreateCondBr(b_.CreateICmpUGT(threads_, b_.getInt32(1)), several, end);
    b_.SetInsertPoint(several);
    llvm::Value* left = at(offsetof(nnc_context, left));
    llvm::Value* count = b_.CreateAtomicRMW(llvm::AtomicRMWInst::Add, left, b_.getInt32(1), llvm::Align(4),
                                            llvm::AtomicOrdering::AcquireRelease);
    b_.CreateCondBr(b_.CreateICmpEQ(b_.CreateAdd(count, b_.getInt32(1)), threads_), last, end);
    b_.SetInsertPoint(last);
    llvm::Value* bytes = claim_line(b_, b_.CreateZExt(threads_, b_.getInt64Ty()));
    b_.CreateMemSet(field(offsetof(nnc_context, claims)), b_.getInt8(0), bytes, llvm::MaybeAlign(64));
    b_.CreateAlignedStore(b_.getInt32(0), left, llvm::Align(4))->setAtomic(llvm::AtomicOrdering::Monotonic);
    b_.CreateBr(end);
    b_.SetInsertPoint(end);
  }

  llvm::PointerType* pointer() { return llvm::PointerType::get(module_.getContext(), 0); }
  llvm::ConstantInt* i64(uint64_t value) { return b_.getInt64(value); }
  llvm::Value* at(uint64_t offset) { return b_.CreateConstGEP1_64(b_.getInt8Ty(), context_, offset); }
  llvm::Value* field(uint64_t offset) { return b_.CreateLoad(pointer(), at(offset)); }
  llvm::BasicBlock* block(const char* name) {
    return llvm::BasicBlock::Create(module_.getContext(), name, function_);
  }

  llvm::Module& module_;
  const kernel::Program& program_;
  const MemoryPlan::PerProgram& plan_;
  const std::vector<std::string>& symbols_;
  const Target& target_;
  IrBuilder b_;
  std::map<size_t, llvm::Function*> callers_;             // by the number of buffers
  std::map<kernel::SlotId, llvm::GlobalVariable*> data_;  // of constants
  uint64_t claims_ = 0;                                   // launches since the last barrier
  llvm::Function* function_ = nullptr;
  llvm::Value* context_ = nullptr;
  llvm::Value* threads_ = nullptr;
  llvm::Value* stamps_ = nullptr;  // of this thread
};

}  // namespace

void emit_step(llvm::Module& module, const kernel::Program& program, const MemoryPlan::PerProgram& plan,
               const std::vector<std::string>& symbols, const std::string& name, const Target& target,
               const SourceLine& at) {
  StepEmitter(module, program, plan, symbols, target).emit(name, at);
}

}  // namespace nnc::codegen
