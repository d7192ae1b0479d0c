// Machine code: kernels and steps to objects (in parallel, through the disk cache), objects to callable
// addresses. LLVM-free interface.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "codegen/plan_memory.h"
#include "codegen/target.h"
#include "ir/kernel/kernel.h"
#include "ir/kernel/text.h"
#include "support/diagnostic.h"
#include "support/result.h"

namespace llvm {
class Module;
class TargetMachine;
}  // namespace llvm

namespace nnc::codegen {

using Object = std::vector<char>;  // a relocatable ELF file

// A place for line tables; without a file: nowhere.
struct SourceLine {
  std::string file;
  uint32_t line = 0;
};
// The line that stands for the source of a statement or a store. Without it, code has no line table.
using LineOf = std::function<SourceLine(const std::vector<Span>&)>;
// The file of those whose line is a number for a listing, and no line of a file.
inline constexpr const char* kNumbers = "numbers of sources";

// Compiles kernels and steps, one at a time: setting up LLVM's passes takes as long as a small kernel does in them.
class Compiler {
 public:
  explicit Compiler(const Target& target);
  ~Compiler();
  Object kernel(const kernel::Kernel& kernel, const std::string& symbol, const LineOf& line_of = {});
  Object step(const kernel::Program& program, const MemoryPlan::PerProgram& plan,
              const std::vector<std::string>& symbols, const std::string& name, const SourceLine& at = {});

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The same as text, for people (listing.cpp).
enum class Listing { llvm_ir, assembly };
kernel::ProgramText listing(const kernel::Program& program, const MemoryPlan::PerProgram& plan,
                            const Target& target, Listing kind);

// What listings and the compiler share: LLVM set up for this target.
std::unique_ptr<llvm::TargetMachine> make_machine(const Target& target);
void prepare(llvm::Module& module, const llvm::TargetMachine& machine);

// A name for everything that machine code depends on besides its kernel: LLVM's version, nnc's, the target.
std::string compiler_identity(const Target& target);
// SHA-256 of `text`, in hexadecimal.
std::string content_hash(std::string_view text);

// Links objects into this process; addresses are valid while it lives.
class Linker {
 public:
  // `tell_debuggers`: gdb learns of the code, and perf finds its names in the per-process map under /tmp.
  static Result<std::unique_ptr<Linker>> create(bool tell_debuggers, Diagnostics& diagnostics);
  ~Linker();
  Status add(const Object& object, const std::string& name, Diagnostics& diagnostics);
  Result<void*> find(const std::string& symbol, Diagnostics& diagnostics);

 private:
  Linker();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace nnc::codegen
