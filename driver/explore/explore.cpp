// Steps of a small program, compiled or interpreted, and its values as text.
#include "driver/explore/explore.h"

#include <cstring>

#include "driver/dense.h"
#include "driver/programs.h"
#include "runtime/thread_pool.h"
#include "runtime/training/trainer.h"
#include "support/dtype.h"

namespace nnc::driver {
namespace {

class CompiledStepper : public Stepper {
 public:
  CompiledStepper(Bundle bundle, const frontend::Exploration& exploration, int threads, uint64_t seed)
      : bundle_(std::move(bundle)),
        pool_(threads),
        memory_(bundle_, pool_),
        lr_(exploration.default_lr),
        seed_(seed) {
    runtime::initialize(memory_, seed);
    entry_ = bundle_.find(exploration.graph.name);
    NNC_CHECK(entry_ != nullptr, "the exploration graph was not compiled");
  }

  TensorMap variables() override { return read(runtime::is_saved); }

  void assign(const TensorMap& variables, bool moments) override {
    for (const TensorInfo& info : bundle_.tensors) {
      const auto found = variables.find(info.name);
      if (found == variables.end() || !runtime::is_saved(info)) continue;
      if (info.role == TensorRole::moment && !moments) continue;
      std::vector<unsigned char> bytes(found->second.data.size() * dtype_size(info.dtype));
      write_elements(info.dtype, bytes.data(), found->second.data);
      runtime::write_tensor(info, memory_.state(), bytes.data());
    }
  }

  void set_rate(double lr) override { lr_ = lr; }

  TensorMap step(int64_t t) override {
    memory_.set_scalar("lr", lr_);
    memory_.set_scalar("t", t);
    memory_.set_scalar("seed", static_cast<int64_t>(seed_));
    memory_.run(*entry_, nullptr);
    return read([](const TensorInfo& info) { return info.role == TensorRole::output; });
  }

 private:
  TensorMap read(bool (*wanted)(const TensorInfo&)) {
    TensorMap map;
    for (const TensorInfo& info : bundle_.tensors)
      if (wanted(info)) map[info.name] = dense(info, memory_.state());
    return map;
  }

  Bundle bundle_;
  runtime::ThreadPool pool_;
  runtime::Session memory_;
  const EntryPoint* entry_ = nullptr;
  double lr_;
  uint64_t seed_;
};

class InterpretingStepper : public Stepper {
 public:
  InterpretingStepper(Graph graph, const Graph& init, double lr, uint64_t seed) : graph_(std::move(graph)) {
    inputs_["lr"] = {{DType::f64, {}}, {lr}};
    inputs_["seed"] = {{DType::i64, {}}, {static_cast<double>(seed)}};
    inputs_["t"] = {{DType::i64, {}}, {1}};
    for (auto& [name, tensor] : evaluate(init, only(init))) inputs_[name] = std::move(tensor);
  }

  TensorMap variables() override {
    TensorMap map;
    for (const NodeId id : graph_.inputs) {
      const auto& attrs = std::get<InputAttrs>(graph_.nodes[id].attrs);
      if (is_kept(attrs.role)) map[attrs.name] = inputs_.at(attrs.name);
    }
    return map;
  }

  void assign(const TensorMap& variables, bool moments) override {
    for (const NodeId id : graph_.inputs) {
      const auto& attrs = std::get<InputAttrs>(graph_.nodes[id].attrs);
      if (!is_kept(attrs.role) || (attrs.role == Role::moment && !moments)) continue;
      if (const auto found = variables.find(attrs.name); found != variables.end())
        inputs_[attrs.name] = found->second;
    }
  }

  void set_rate(double lr) override { inputs_["lr"].data = {lr}; }

  TensorMap step(int64_t t) override {
    inputs_["t"].data = {static_cast<double>(t)};
    TensorMap results = evaluate(graph_, only(graph_));
    for (const Output& output : graph_.outputs)
      if (output.replaces)
        inputs_[std::get<InputAttrs>(graph_.nodes[*output.replaces].attrs).name] = results.at(output.name);
    return results;
  }

 private:
  // What the graph takes, and nothing else.
  TensorMap only(const Graph& graph) const {
    TensorMap map;
    for (const NodeId id : graph.inputs) {
      const std::string& name = std::get<InputAttrs>(graph.nodes[id].attrs).name;
      if (const auto found = inputs_.find(name); found != inputs_.end()) map.insert(*found);
    }
    return map;
  }

  Graph graph_;
  TensorMap inputs_;
};

}  // namespace

std::unique_ptr<Stepper> compiled_stepper(Session& session, const frontend::Exploration& exploration,
                                          uint64_t seed) {
  Result<Bundle> bundle = compile_graphs(session, {exploration.graph, exploration.init});
  if (!bundle || !check_memory(session, *bundle)) return nullptr;
  return std::make_unique<CompiledStepper>(std::move(*bundle), exploration,
                                           codegen_options(session.options).threads, seed);
}

std::unique_ptr<Stepper> interpreting_stepper(Session& session, const frontend::Exploration& exploration,
                                              uint64_t seed) {
  Result<Graph> graph = passes::differentiate(exploration.graph, session.diagnostics);
  if (!graph) return nullptr;
  return std::make_unique<InterpretingStepper>(std::move(*graph), exploration.init, exploration.default_lr,
                                               seed);
}

}  // namespace nnc::driver
