// A compiled graph with its memory, run step by step as the runtime does it; and the same kernels by their interpreter.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "codegen/compile.h"
#include "ir/graph/eval.h"
#include "ir/graph/graph.h"

namespace nnc::validate {

// Outputs by name; floats and integers as double, so that f32 and i32 compare exactly.
using Outputs = std::map<std::string, std::vector<double>>;

// Bit for bit: 0 is not -0. One NaN is as good as another.
bool is_same(double a, double b);

// The kernels of a grouped graph, verified, and read back from their text: the text is the program. A sentence where
// something is wrong with them.
std::variant<kernel::Program, std::string> lower_checked(const Graph& graph, const CodegenOptions& options);

class Executable {
 public:
  // `graph` is as the pipeline leaves it for code generation. A sentence where that fails.
  static std::variant<Executable, std::string> compile(const Graph& graph, const CodegenOptions& options);
  // The machine code of these kernels, which are the graph's.
  static std::variant<Executable, std::string> compile(kernel::Program program, const Graph& graph,
                                                       const CodegenOptions& options);
  Executable(Executable&&) noexcept;
  Executable& operator=(Executable&&) noexcept;
  ~Executable();

  // One step: sets the tensors that `inputs` holds, enters with `threads` threads, reads what the graph returns (an
  // output that replaces an input: from the input's place).
  Outputs step(const TensorMap& inputs, int threads);

 private:
  struct Memory;
  Executable();
  std::unique_ptr<Memory> memory_;
};

// What the kernel-IR interpreter makes of the same kernels in one step. `temporaries` get the values that kernels hand on, by
// what they are called.
Outputs interpret(const kernel::Program& program, const Graph& graph, const TensorMap& inputs,
                  Outputs* temporaries = nullptr);

}  // namespace nnc::validate
