// Line tables (-g): gdb and perf show the .nn line that a kernel comes from.
#pragma once

#include <llvm/IR/DIBuilder.h>
#include <llvm/IR/IRBuilder.h>

#include <map>
#include <string>

#include "codegen/jit.h"

namespace nnc::codegen {

class DebugLines {
 public:
  // `file` is the one that the functions of this module are attributed to.
  DebugLines(llvm::Module& module, const std::string& file);

  // Attributes `function` to `line`, and what `builder` emits from now on too.
  void enter(llvm::Function& function, uint32_t line, llvm::IRBuilder<>& builder);
  // Attributes what `builder` emits from now on to `place`, within the function entered.
  void move(const SourceLine& place, llvm::IRBuilder<>& builder);
  void finish() { di_.finalize(); }

 private:
  llvm::DIFile* file(const std::string& path);

  llvm::Module& module_;
  llvm::DIBuilder di_;
  llvm::DICompileUnit* unit_ = nullptr;
  llvm::DISubprogram* function_ = nullptr;
  std::map<std::string, llvm::DIScope*> scopes_;  // a part of the function in each other file
};

}  // namespace nnc::codegen
