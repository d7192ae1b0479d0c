// How the threads of a step share its work: which tasks of a launch are whose, and the barriers between launches. Each is a
// function of the module's own that the step calls from many places.
#pragma once

#include "codegen/emit/scalars.h"
#include "codegen/target.h"

namespace nnc::codegen {

// Where the share of `thread` begins.
llvm::Value* share(IrBuilder& b, llvm::Value* thread, llvm::Value* tasks, llvm::Value* threads);

// How far a thread's counters of claims lie behind the first thread's, in bytes.
llvm::Value* claim_line(IrBuilder& b, llvm::Value* thread);

// A central barrier, void barrier(context, threads): the last to arrive opens the next generation, the others
// wait for it. Waiting spins for a while, then yields the processor, so that more threads than processors
// still get on.
llvm::Function* emit_barrier(llvm::Module& module, const Target& target);

// The next tasks of a launch for this thread, {begin, end} = claim(counts, turn, tasks, threads, helped), or a
// negative begin when none is left. A thread alone gets them all at once. Of several, every one has a share of
// the tasks, the same in every step, so that its part of the weights stays in its cache; it claims them one by
// one, then helps the others with what is left of theirs: a thread that the system disturbs holds up one task,
// not its whole share. `helped` (zero at first) says whose share is being claimed.
llvm::Function* emit_claim(llvm::Module& module, const Target& target);

}  // namespace nnc::codegen
