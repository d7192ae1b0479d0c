// The entry point of a program: `void name(nnc_context*, i32 thread, i32 threads)`, entered by every thread
// of the pool once per step. It splits each launch's tasks, calls kernels, holds the barriers.
#pragma once

#include <llvm/IR/Module.h>

#include "codegen/jit.h"
#include "codegen/plan_memory.h"
#include "codegen/target.h"
#include "ir/kernel/kernel.h"

namespace nnc::codegen {

// `symbols` names the function of each kernel, by KernelId; `at` gives the step itself a line (no file: none).
void emit_step(llvm::Module& module, const kernel::Program& program, const MemoryPlan::PerProgram& plan,
               const std::vector<std::string>& symbols, const std::string& name, const Target& target,
               const SourceLine& at = {});

}  // namespace nnc::codegen
