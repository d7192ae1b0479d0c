// DWARF for one kernel: a file, a function, lines.
#include "codegen/emit/debug_lines.h"

#include <llvm/BinaryFormat/Dwarf.h>
#include <llvm/IR/Module.h>

#include <filesystem>

namespace nnc::codegen {

DebugLines::DebugLines(llvm::Module& module, const std::string& path) : module_(module), di_(module) {
  module.addModuleFlag(llvm::Module::Warning, "Debug Info Version", llvm::DEBUG_METADATA_VERSION);
  module.addModuleFlag(llvm::Module::Warning, "Dwarf Version", 4);
  unit_ = di_.createCompileUnit(
      llvm::DISourceLanguageName(llvm::dwarf::DW_LANG_C), file(path), "nnc " NNC_VERSION,
      /*isOptimized=*/true, /*Flags=*/"", /*RuntimeVersion=*/0, /*SplitName=*/"",
      path == kNumbers ? llvm::DICompileUnit::DebugDirectivesOnly : llvm::DICompileUnit::FullDebug);
}

llvm::DIFile* DebugLines::file(const std::string& path) {
  std::error_code error;
  const std::filesystem::path whole = std::filesystem::absolute(path, error);
  return di_.createFile(whole.filename().string(), whole.parent_path().string());
}

void DebugLines::enter(llvm::Function& function, uint32_t line, llvm::IRBuilder<>& builder) {
  auto* type = di_.createSubroutineType(di_.getOrCreateTypeArray({}));
  function_ = di_.createFunction(unit_, function.getName(), function.getName(), unit_->getFile(), line, type,
                                 line, llvm::DINode::FlagZero, llvm::DISubprogram::SPFlagDefinition);
  function.setSubprogram(function_);
  scopes_.clear();
  builder.SetCurrentDebugLocation(llvm::DILocation::get(module_.getContext(), line, 1, function_));
}

void DebugLines::move(const SourceLine& place, llvm::IRBuilder<>& builder) {
  const auto [scope, is_new] = scopes_.try_emplace(place.file);
  if (is_new) scope->second = di_.createLexicalBlockFile(function_, file(place.file));
  builder.SetCurrentDebugLocation(llvm::DILocation::get(module_.getContext(), place.line, 1, scope->second));
}

}  // namespace nnc::codegen
