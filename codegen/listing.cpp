// Programs as LLVM IR or assembly, for people: the text is that without a line table, which kernels are emitted with here, the
// lines being numbers of sources, to learn which line of the text comes from which.
#include <llvm/IR/AssemblyAnnotationWriter.h>
#include <llvm/IR/DebugInfo.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/Module.h>
#include <llvm/Support/FormattedStream.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/Target/TargetMachine.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <unordered_map>

#include "codegen/emit/kernel.h"
#include "codegen/emit/step.h"
#include "codegen/jit.h"
#include "support/check.h"

namespace nnc::codegen {
namespace {

using kernel::TextLine;

// The sources that statements and stores come from, numbered from 1.
class Numbers {
 public:
  LineOf line_of() {
    return [this](const std::vector<Span>& spans) {
      const auto [at, is_new] = number_of_.try_emplace(spans, static_cast<uint32_t>(of_number_.size() + 1));
      if (is_new) of_number_.push_back(&at->first);
      return SourceLine{kNumbers, at->second};
    };
  }
  // Nothing for what is no number.
  std::vector<Span> at(uint32_t number) const {
    return number == 0 || number > of_number_.size() ? std::vector<Span>() : *of_number_[number - 1];
  }

 private:
  std::map<std::vector<Span>, uint32_t> number_of_;
  std::vector<const std::vector<Span>*> of_number_;
};

// Notes where in the text functions and instructions begin.
class Marks : public llvm::AssemblyAnnotationWriter {
 public:
  Marks(const std::map<std::string, kernel::KernelId, std::less<>>& kernels,
        const std::unordered_map<const llvm::Instruction*, uint32_t>& numbers, const Numbers& lines)
      : kernels_(kernels), numbers_(numbers), lines_(lines) {}

  void emitFunctionAnnot(const llvm::Function* function, llvm::formatted_raw_ostream& out) override {
    const auto found = kernels_.find(function->getName().str());
    function_ = {found == kernels_.end() ? kernel::KernelId() : found->second, {}};
    at_[out.tell()] = function_;
  }
  void emitBasicBlockStartAnnot(const llvm::BasicBlock*, llvm::formatted_raw_ostream& out) override {
    at_[out.tell()] = function_;
  }
  void emitInstructionAnnot(const llvm::Instruction* instruction, llvm::formatted_raw_ostream& out) override {
    const auto found = numbers_.find(instruction);
    at_[out.tell()] = {function_.kernel,
                       found == numbers_.end() ? std::vector<Span>() : lines_.at(found->second)};
  }

  // Of each line of the text.
  std::vector<TextLine> lines(std::string_view text) const {
    std::vector<TextLine> all;
    TextLine now;
    auto next = at_.begin();
    for (size_t begin = 0; begin < text.size();) {
      const size_t end = std::min(text.find('\n', begin), text.size() - 1) + 1;
      for (; next != at_.end() && next->first < end; ++next) now = next->second;
      all.push_back(now);
      if (text.substr(begin, end - begin) == "}\n") now = {};
      begin = end;
    }
    return all;
  }

 private:
  const std::map<std::string, kernel::KernelId, std::less<>>& kernels_;
  const std::unordered_map<const llvm::Instruction*, uint32_t>& numbers_;
  const Numbers& lines_;
  TextLine function_;
  std::map<uint64_t, TextLine> at_;
};

kernel::ProgramText llvm_listing(llvm::Module& module, const Numbers& numbers,
                                 const std::map<std::string, kernel::KernelId, std::less<>>& kernels) {
  std::unordered_map<const llvm::Instruction*, uint32_t> of_instruction;
  for (const llvm::Function& function : module)
    for (const llvm::BasicBlock& block : function)
      for (const llvm::Instruction& instruction : block)
        if (const llvm::DebugLoc& at = instruction.getDebugLoc()) of_instruction[&instruction] = at.getLine();
  llvm::StripDebugInfo(module);
  kernel::ProgramText out;
  llvm::raw_string_ostream stream(out.text);
  Marks marks(kernels, of_instruction, numbers);
  module.print(stream, &marks);
  out.lines = marks.lines(out.text);
  return out;
}

// The number after a directive such as "\t.loc\t1 12 0": the second.
uint32_t line_of_loc(std::string_view line) {
  uint32_t number = 0;
  const size_t begin = line.find(' ');
  if (begin != std::string_view::npos)
    std::from_chars(line.data() + begin + 1, line.data() + line.size(), number);
  return number;
}

kernel::ProgramText assembly_listing(llvm::Module& module, llvm::TargetMachine& machine,
                                     const Numbers& numbers,
                                     const std::map<std::string, kernel::KernelId, std::less<>>& kernels) {
  llvm::SmallString<0> text;
  llvm::raw_svector_ostream stream(text);
  llvm::legacy::PassManager passes;
  NNC_CHECK(!machine.addPassesToEmitFile(passes, stream, nullptr, llvm::CodeGenFileType::AssemblyFile),
            "this target cannot print assembly");
  passes.run(module);
  kernel::ProgramText out;
  TextLine function, now;
  const std::string_view whole(text.data(), text.size());
  for (size_t begin = 0; begin < whole.size();) {
    const size_t end = std::min(whole.find('\n', begin), whole.size() - 1) + 1;
    const std::string_view line = whole.substr(begin, end - begin);
    begin = end;
    if (line.starts_with("\t.loc\t")) {
      now = {function.kernel, numbers.at(line_of_loc(line))};
      continue;
    }
    // What a line table brings with it besides.
    constexpr std::string_view kOfLineTables[] = {"\t.file\t", "\t.cfi_", ".Ltmp", ".Lfunc_begin"};
    if (std::ranges::any_of(kOfLineTables, [&](std::string_view begins) { return line.starts_with(begins); }))
      continue;
    const size_t name_end = line.find(':');
    if (name_end != std::string_view::npos && line[0] != '\t' && line[0] != '.') {
      std::string_view name = line.substr(0, name_end);
      if (name.starts_with('"')) name = name.substr(1, name.size() - 2);
      const auto found = kernels.find(name);
      function = now = {found == kernels.end() ? kernel::KernelId() : found->second, {}};
    }
    if (line.starts_with(".Lfunc_end")) function = now = {};
    out.text += line;
    out.lines.push_back(now);
  }
  return out;
}

}  // namespace

kernel::ProgramText listing(const kernel::Program& program, const MemoryPlan::PerProgram& plan,
                            const Target& target, Listing kind) {
  const auto machine = make_machine(target);
  llvm::LLVMContext context;
  llvm::Module module(program.name, context);
  prepare(module, *machine);
  Numbers numbers;
  std::vector<std::string> symbols;
  std::map<std::string, kernel::KernelId, std::less<>> kernels;
  for (uint32_t i = 0; i < program.kernels.size(); ++i) {
    const kernel::Kernel& k = program.kernels[kernel::KernelId{i}];
    symbols.push_back(k.name);
    if (!kernels.emplace(k.name, kernel::KernelId{i}).second) continue;
    KernelEmitter(k, module, target).emit(k.name, numbers.line_of());
  }
  emit_step(module, program, plan, symbols, program.name, target);
  return kind == Listing::llvm_ir ? llvm_listing(module, numbers, kernels)
                                  : assembly_listing(module, *machine, numbers, kernels);
}

}  // namespace nnc::codegen
