// How the threads of a step share its work: which tasks of a launch are whose, and the barriers between launches. Each is a
// function of the module's own that the step calls from many places.
#pragma once

#include "codegen/emit/scalars.h"
#include "codegen/program.h"
#include "codegen/target.h"

namespace nnc::codegen {

// A thread's counters of claimed tasks fill one cache line, so that claiming from the own share is cheap.
inline constexpr uint64_t kMostClaims = NNC_CLAIM_BYTES / sizeof(uint32_t);

// How far a thread's counters of claims lie behind the first thread's, in bytes.
llvm::Value* claim_line(IrBuilder& b, llvm::Value* thread);

// A central barrier, void barrier(context, threads): the last to arrive opens the next generation, the others
// wait for it. Waiting spins for a while, then yields the processor, so that more threads than processors
// still get on.
llvm::Function* emit_barrier(llvm::Module& module, const Target& target);

// What the step knows of a launch, constants beside its code, each of 8 bytes:
//     call.N, kernel, tasks, rotation, claim, then the place of each buffer: a base and an offset
// `rotation` makes threads take turns at being the first one; `claim` numbers the launches since the last barrier.
//
// void launch(context, thread, threads, record, bases): runs this thread's tasks of a launch, whose buffers lie at
// bases[base] + offset. A thread alone gets all tasks at once. Of several, every one has a share of the tasks, the same in every step, so that its part of the weights
// stays in its cache; it claims them one by one, then helps the others with what is left of theirs: a thread that the
// system disturbs holds up one task, not its whole share. From kMostClaims on nobody helps.
llvm::Function* emit_launch(llvm::Module& module, const Target& target);

// void kernel(buffer…, begin, end), with so many buffers, the scratch among them.
llvm::FunctionType* kernel_type(llvm::Module& module, size_t buffers);

// void call.N(kernel, places, bases, begin, end): calls a kernel with N buffers, so that `launch` can call any.
llvm::Function* emit_caller(llvm::Module& module, const Target& target, size_t buffers);

}  // namespace nnc::codegen
