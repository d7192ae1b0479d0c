// The numbers of an independent framework, tests/reference/*.json, and what is compared with them: graphs in
// double by the reference interpreter, and compiled code. make_reference.py says how the numbers were made.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "codegen/program.h"
#include "ir/graph/eval.h"
#include "ir/graph/graph.h"
#include "nlohmann/json.hpp"
#include "runtime/thread_pool.h"
#include "runtime/training/trainer.h"

namespace nnc::test {

nlohmann::json load_reference(const std::string& name);  // "ops.json"

// The tensors a case names, by the generator that make_reference.py describes.
TensorMap drawn_inputs(const nlohmann::json& inputs);

// The inputs that `graph` takes; t, lr and seed are added. Fails the test where one is missing.
TensorMap inputs_of(const Graph& graph, const TensorMap& drawn);

// "" where every element of `got` is within `tolerance` of `want`, relative to the element or, for one that
// is small among its neighbors, to `floor` times the largest; else the first that is not.
std::string difference(const std::vector<double>& got, const std::vector<double>& want, double tolerance,
                       double floor);

// Graphs as compiled code, with their state.
class Compiled {
 public:
  // `graph` may still hold `grad` nodes.
  explicit Compiled(const Graph& graph, int threads = 1);

  void set(const std::string& name, const DenseTensor& tensor);  // a parameter, a state or a data column
  void step(double lr, int64_t t);
  std::vector<double> read(const std::string& name) const;

 private:
  std::unique_ptr<Bundle> bundle_;
  std::unique_ptr<runtime::ThreadPool> pool_;
  std::unique_ptr<runtime::Session> memory_;
  std::map<std::string, runtime::AlignedBytes> columns_;
};

}  // namespace nnc::test
