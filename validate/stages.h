// Translation validation: whether each stage of the compiler computes what the stage before it does, on random inputs. The first
// one that changes a value has the fault.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "codegen/compile.h"
#include "ir/graph/graph.h"
#include "support/diagnostic.h"
#include "support/result.h"
#include "validate/execute.h"
#include "validate/origin.h"

namespace nnc::validate {

// What comes after the passes, among the names of stages: kernels, by their interpreter, and machine code.
constexpr std::string_view kLowering = "lowering", kCodeGeneration = "code_generation";

struct StagesOptions {
  // By name, in order: differentiation, passes, the two above. Lowering comes after what the code generator needs.
  std::vector<std::string> stages;
  CodegenOptions codegen;
  uint64_t seed = 1;         // of the inputs
  bool finds_origin = true;  // of a wrong value, which takes a few evaluations more
  // Called before each stage; may be empty.
  std::function<void(std::string_view stage, size_t number, size_t of)> progress;
};

// A stage that has the fault.
struct ChangedValue {
  std::string stage;
  std::string sentence;  // "loss is 1.38629 after it and 0.693147 before, where rounding explains 2.1e-07"
  Origin origin;         // its sentence is empty where that is not known
  Graph before;          // what the stage was given; the graph before all stages where it is not a pass
};

struct StagesReport {
  size_t stages = 0;     // that were run …
  size_t rewriting = 0;  // … and those among them that changed the graph's text
  Tally elements;        // of outputs, over all comparisons
  std::optional<ChangedValue> changed;
};

// Graphs are evaluated in double (ir/graph/eval.h), kernels by their interpreter in f32: both are independent of the code that
// they check. Of outputs, differences beyond what rounding may explain count (validate/values.h); the machine code must
// agree with the kernels to the bit. Gradients, where differentiation writes them, are compared with differences. Fails where
// differentiation refuses the graph.
Result<StagesReport> check_stages(const Graph& graph, const StagesOptions& options, Diagnostics& diagnostics);

// What the machine code of these kernels computes otherwise than `meant`, which is what they do by their interpreter. A sentence
// where there is something.
std::optional<std::string> code_fault(const kernel::Program& program, const Graph& graph,
                                      const TensorMap& inputs, const Outputs& meant,
                                      const CodegenOptions& options);

}  // namespace nnc::validate
