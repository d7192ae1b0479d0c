// What a Model of the library (include/nnc/nnc.h) is: text, graphs, machine code, memory and the position in its training.
// Programs for numbers of rows that no batch fills are compiled when such rows first come.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "api/programs.h"
#include "codegen/compile.h"
#include "frontend/syntax/ast.h"
#include "nnc/nnc.h"
#include "runtime/store/position.h"
#include "runtime/training/batches.h"
#include "runtime/training/step_values.h"
#include "runtime/training/trainer.h"

namespace nnc {

class CompiledModel {
 public:
  explicit CompiledModel(const Options& options);

  // Builds and compiles the text. Everything that fails has said why.
  Status compile(FileId text, Diagnostics& diagnostics);

  Result<double> step(const Arrays& rows, Diagnostics& diagnostics);
  Result<double> train(const Arrays& rows, int64_t epochs, Diagnostics& diagnostics);
  Result<Values> evaluate(const Arrays& rows, Diagnostics& diagnostics);
  Result<Tensor> predict(const std::string& output, const Arrays& rows, Diagnostics& diagnostics);
  Memory memory() const;
  Result<Tensor> parameter(const std::string& name, Diagnostics& diagnostics) const;
  Status set_parameter(const Array& values, Diagnostics& diagnostics);
  Status save(const std::string& path, Diagnostics& diagnostics) const;
  // With everything that a run goes on from, or the parameters alone.
  Status load(const std::string& path, bool everything, Diagnostics& diagnostics);

  Sources sources;
  frontend::Model model;
  std::vector<Described> inputs, parameters;
  std::vector<Message> warnings;
  double rate = 0;
  runtime::Position at;

 private:
  // Compiles the programs for parts of so many rows, if they are not there yet; the state stays.
  Status have_programs(const std::string& entry, int64_t rows, Diagnostics& diagnostics);
  // Compiles every program anew; what was learned is kept.
  Status compile_programs(Diagnostics& diagnostics);
  // The rows as a data set that borrows them.
  Result<runtime::Dataset> view(const Arrays& rows, const std::string& entry, Diagnostics& diagnostics) const;
  const TensorInfo* find_parameter(const std::string& name, Diagnostics& diagnostics) const;
  double take_step(runtime::Batches& batches, int64_t batch);

  const uint64_t seed_;
  CodegenOptions codegen_;
  frontend::BuildOptions options_;
  ast::File tree_;
  std::map<std::string, std::set<int64_t>> rests_ = {{"train", {}}, {"eval", {}}};
  std::unique_ptr<runtime::ThreadPool> pool_;
  std::unique_ptr<Bundle> bundle_;
  std::unique_ptr<runtime::Session> session_;
  runtime::StepValues values_;
  // What step() was last given: rows of the same number are fed without binding them anew.
  runtime::Dataset step_rows_;
  std::optional<runtime::Batches> step_batches_;
};

}  // namespace nnc
