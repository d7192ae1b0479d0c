// Optimizes and links objects with LLVM.
#include "codegen/jit.h"

#include <llvm/Config/llvm-config.h>
#include <llvm/ExecutionEngine/Orc/Debugging/DebuggerSupport.h>
#include <llvm/ExecutionEngine/Orc/LLJIT.h>
#include <llvm/ExecutionEngine/Orc/ObjectLinkingLayer.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Support/CommandLine.h>
#include <llvm/Support/SHA256.h>
#include <llvm/Support/SmallVectorMemoryBuffer.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/Target/TargetMachine.h>
#include <llvm/TargetParser/Host.h>

#include <fstream>
#include <functional>
#include <mutex>

#include "codegen/emit/kernel.h"
#include "codegen/emit/step.h"
#include "codegen_sources_hash.h"

namespace nnc::codegen {
namespace {

void initialize_llvm() {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    llvm::InitializeNativeTargetAsmParser();  // for the one system call in a step
    // Loops are emitted with the pointers they should have; looking for better ones takes three quarters of the compile
    // time and finds none.
    const auto& options = llvm::cl::getRegisteredOptions();
    if (const auto lsr = options.find("disable-lsr"); lsr != options.end())
      lsr->second->addOccurrence(1, "disable-lsr", "true");
  });
}

void report(Diagnostics& diagnostics, llvm::Error error) {
  diagnostics.error_at(DiagnosticKind::code_generation, "", llvm::toString(std::move(error)));
}

}  // namespace

std::unique_ptr<llvm::TargetMachine> make_machine(const Target& target) {
  initialize_llvm();
  const llvm::Triple triple(llvm::sys::getProcessTriple());
  std::string error;
  const llvm::Target* llvm_target = llvm::TargetRegistry::lookupTarget(triple, error);
  NNC_CHECK(llvm_target, error);
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;
  return std::unique_ptr<llvm::TargetMachine>(
      llvm_target->createTargetMachine(triple, target.cpu, target.features, options, llvm::Reloc::PIC_,
                                       llvm::CodeModel::Small, llvm::CodeGenOptLevel::Default));
}

void prepare(llvm::Module& module, const llvm::TargetMachine& machine) {
  module.setTargetTriple(machine.getTargetTriple());
  module.setDataLayout(machine.createDataLayout());
}

struct Compiler::Impl {
  explicit Impl(const Target& t) : target(t), machine(make_machine(t)), out(bytes) {
    NNC_CHECK(!machine->addPassesToEmitFile(passes, out, nullptr, llvm::CodeGenFileType::ObjectFile),
              "this target cannot emit objects");
  }

  Object compile(const std::string& name, const std::function<void(llvm::Module&)>& emit) {
    llvm::Module module(name, context);
    prepare(module, *machine);
    emit(module);
    bytes.clear();
    passes.run(module);
    return Object(bytes.begin(), bytes.end());
  }

  const Target target;
  llvm::LLVMContext context;
  std::unique_ptr<llvm::TargetMachine> machine;
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream out;
  llvm::legacy::PassManager passes;
};

Compiler::Compiler(const Target& target) : impl_(std::make_unique<Impl>(target)) {}
Compiler::~Compiler() = default;

Object Compiler::kernel(const kernel::Kernel& kernel, const std::string& symbol, const LineOf& line_of) {
  return impl_->compile(symbol, [&](llvm::Module& module) {
    KernelEmitter(kernel, module, impl_->target).emit(symbol, line_of);
  });
}

Object Compiler::step(const kernel::Program& program, const MemoryPlan::PerProgram& plan,
                      const std::vector<std::string>& symbols, const std::string& name,
                      const SourceLine& at) {
  return impl_->compile(name, [&](llvm::Module& module) {
    emit_step(module, program, plan, symbols, name, impl_->target, at);
  });
}

std::string compiler_identity(const Target& target) {
  return "llvm " LLVM_VERSION_STRING " nnc " NNC_CODEGEN_SOURCES_HASH " " + target.isa + " " + target.cpu +
         " " + target.features;
}

std::string content_hash(std::string_view text) {
  llvm::SHA256 hash;
  hash.update(llvm::StringRef(text.data(), text.size()));
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (uint8_t byte : hash.final()) {
    out.push_back(kDigits[byte >> 4]);
    out.push_back(kDigits[byte & 15]);
  }
  return out;
}

struct Linker::Impl {
  std::unique_ptr<llvm::orc::LLJIT> jit;
};

Linker::Linker() : impl_(std::make_unique<Impl>()) {}
Linker::~Linker() = default;

namespace {

// perf looks for names of code without a file in /tmp/perf-PID.map: address, size, name.
class PerfMap : public llvm::orc::ObjectLinkingLayer::Plugin {
 public:
  void modifyPassConfig(llvm::orc::MaterializationResponsibility&, llvm::jitlink::LinkGraph&,
                        llvm::jitlink::PassConfiguration& passes) override {
    passes.PostFixupPasses.push_back([this](llvm::jitlink::LinkGraph& graph) {
      const std::lock_guard<std::mutex> lock(mutex_);
      std::ofstream out("/tmp/perf-" + std::to_string(getpid()) + ".map", std::ios::app);
      for (const llvm::jitlink::Symbol* symbol : graph.defined_symbols())
        if (symbol->hasName() && symbol->isCallable())
          out << std::hex << symbol->getAddress().getValue() << " " << symbol->getSize() << " "
              << (*symbol->getName()).str() << "\n";
      return llvm::Error::success();
    });
  }
  llvm::Error notifyFailed(llvm::orc::MaterializationResponsibility&) override {
    return llvm::Error::success();
  }
  llvm::Error notifyRemovingResources(llvm::orc::JITDylib&, llvm::orc::ResourceKey) override {
    return llvm::Error::success();
  }
  void notifyTransferringResources(llvm::orc::JITDylib&, llvm::orc::ResourceKey,
                                   llvm::orc::ResourceKey) override {}

 private:
  std::mutex mutex_;
};

}  // namespace

Result<std::unique_ptr<Linker>> Linker::create(bool tell_debuggers, Diagnostics& diagnostics) {
  initialize_llvm();
  llvm::orc::JITTargetMachineBuilder machine((llvm::Triple(llvm::sys::getProcessTriple())));
  auto jit = llvm::orc::LLJITBuilder().setJITTargetMachineBuilder(std::move(machine)).create();
  if (!jit) {
    report(diagnostics, jit.takeError());
    return Failure();
  }
  if (tell_debuggers) {
    if (auto error = llvm::orc::enableDebuggerSupport(**jit)) {
      report(diagnostics, std::move(error));
      return Failure();
    }
    if (auto* layer = llvm::dyn_cast<llvm::orc::ObjectLinkingLayer>(&(*jit)->getObjLinkingLayer()))
      layer->addPlugin(std::make_shared<PerfMap>());
  }
  std::unique_ptr<Linker> linker(new Linker());
  linker->impl_->jit = std::move(*jit);
  return linker;
}

Status Linker::add(const Object& object, const std::string& name, Diagnostics& diagnostics) {
  auto buffer = std::make_unique<llvm::SmallVectorMemoryBuffer>(
      llvm::SmallVector<char, 0>(object.begin(), object.end()), name, /*RequiresNullTerminator=*/false);
  if (auto error = impl_->jit->addObjectFile(std::move(buffer))) {
    report(diagnostics, std::move(error));
    return Failure();
  }
  return Done();
}

Result<void*> Linker::find(const std::string& symbol, Diagnostics& diagnostics) {
  auto address = impl_->jit->lookup(symbol);
  if (!address) {
    report(diagnostics, address.takeError());
    return Failure();
  }
  return address->toPtr<void*>();
}

}  // namespace nnc::codegen
