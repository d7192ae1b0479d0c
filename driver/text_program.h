// A graph or kernels from a text (.nnir, .nnk), compiled, with memory of their own. Inputs are drawn from the seed and from each
// input's name: the texts of all stages of one model get the same, and have to give the same bits.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "driver/session.h"
#include "runtime/thread_pool.h"
#include "runtime/training/trainer.h"

namespace nnc::driver {

// Whether the file is such a text, by its name.
bool is_program_text(const std::string& path);

struct CompiledText {
  // Where an output is found: in the bundle's state under this name, that of the input which it replaces.
  struct Place {
    std::string output;
    std::string tensor;
  };
  Bundle bundle;    // of one entry
  Graph signature;  // whose inputs are the text's
  std::vector<Place> places;
};
// The graph that --graph names, or the program.
Result<CompiledText> compile_text(Session& session, const std::string& path);
// A graph, without these passes.
Result<CompiledText> compile_graph_alone(Session& session, Graph graph,
                                         const std::vector<std::string>& disabled);

class TextProgram {
 public:
  // Null, and why reported, where the text is wrong or nothing in it can be run.
  static std::unique_ptr<TextProgram> open(Session& session, const std::string& path);
  static std::unique_ptr<TextProgram> open(Session& session, CompiledText text);

  const Bundle& bundle() const { return text_.bundle; }
  const EntryPoint& step() const { return text_.bundle.entries.front(); }
  runtime::Session& memory() { return *memory_; }
  int threads() const { return pool_->threads(); }
  // What a step replaces is the input of the next; `t`, where there is one, is its number, from 1.
  void take_step();

  struct Output {
    std::string name;
    DenseTensor tensor;
    uint64_t bits;  // a hash of the elements' bits, in row-major order
  };
  // What the last step gave.
  std::vector<Output> outputs();

 private:
  explicit TextProgram(CompiledText text) : text_(std::move(text)) {}
  void set_inputs(uint64_t seed);

  CompiledText text_;
  std::unique_ptr<runtime::ThreadPool> pool_;
  std::unique_ptr<runtime::Session> memory_;
  std::vector<std::vector<unsigned char>> columns_;
  std::vector<const unsigned char*> pointers_;
  int64_t taken_ = 0;
};

// Of all outputs together.
uint64_t bits_of(const std::vector<TextProgram::Output>& outputs);

}  // namespace nnc::driver
