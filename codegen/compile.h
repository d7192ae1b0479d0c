// Graph → kernel IR → machine code. The graphs are what passes/ left: differentiated, fused, grouped.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "codegen/program.h"
#include "ir/graph/graph.h"
#include "ir/kernel/kernel.h"
#include "ir/kernel/text.h"
#include "support/diagnostic.h"
#include "support/result.h"

namespace nnc {

struct CodegenOptions {
  int threads = 1;             // tasks are cut for this many; never changes a bit
  bool schedule = true;        // false: the empty schedule, the oracle of differential tests
  uint64_t schedule_seed = 0;  // not 0: random schedules, for the same tests
  std::string isa;             // "": this processor; "avx2" or "avx512" to force one
  int vector_units = 0;  // 256 or 512: schedules for units of that many bits; 0: as this processor has them
  bool use_cache = true;
  std::string cache_directory;     // "": $XDG_CACHE_HOME/nnc
  std::string stamped;             // the entry of this name keeps times (nnc_context::stamps)
  const Sources* lines = nullptr;  // -g: line tables into these texts, and names for gdb and perf
};

// One kernel per group, launches, barriers: unscheduled (`schedule` false) or scheduled. An output whose name is in `kept` is a
// tensor that another program reads, and lies in memory as that one has it.
Result<kernel::Program> lower_graph(const Graph& graph, const CodegenOptions& options,
                                    Diagnostics& diagnostics, const std::map<std::string, Layout>& kept = {});

// Of a program read from a text, which does not say it: whether threads share it, as lower_graph() would decide.
void decide_sharing(kernel::Program& program, const CodegenOptions& options);

// What they become together, but for the machine code: how much memory they need.
Bundle plan_programs(const std::vector<kernel::Program>& programs, const CodegenOptions& options);

// Compiles the entry points together: one state layout, equal kernels once, kernels in parallel. What comes of `made_from`, a text
// that the programs follow from, is kept for find_bundle(); "": for nobody.
Result<Bundle> compile_programs(std::vector<kernel::Program> programs, const CodegenOptions& options,
                                Diagnostics& diagnostics, const std::string& made_from = "");

// What was compiled from this text with these options before; nothing where the cache does not have it.
std::optional<Bundle> find_bundle(const std::string& made_from, const CodegenOptions& options);

// LLVM IR or assembly of a program, for people, and of which kernel each line is and where it comes from.
kernel::ProgramText llvm_text(const kernel::Program& program, const CodegenOptions& options);
kernel::ProgramText assembly_text(const kernel::Program& program, const CodegenOptions& options);

}  // namespace nnc
