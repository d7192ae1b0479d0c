// See probe_step.h. Whether all of a tensor is finite is one number: the sum of x * 0, which is a NaN where one element is
// not finite. Sums fuse with what computes x, so that nothing more has to be kept than the step keeps.
#include "driver/nonfinite/probe_step.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "driver/dense.h"
#include "driver/programs.h"
#include "fmt/format.h"
#include "passes/pass.h"
#include "runtime/store/checkpoint.h"
#include "runtime/thread_pool.h"
#include "runtime/training/trainer.h"

namespace nnc::driver {
namespace {

// Ops whose values are fetched in search of the one. More are passed through only where infinities are meant, as in masks.
constexpr int kMostFetched = 16;

Graph passed(Session& session, Graph graph, std::initializer_list<std::string_view> names) {
  std::vector<const passes::Pass*> list;
  for (const std::string_view name : names) {
    const passes::Pass* pass = passes::find_pass(name);
    NNC_CHECK(pass != nullptr, "a pass that is not there");
    const auto& off = session.options.disabled_passes;
    if (pass->required || std::find(off.begin(), off.end(), name) == off.end()) list.push_back(pass);
  }
  return passes::run_passes(graph, list);
}

// Runs a graph on what the failing step was given; outputs are read by their names.
class Probe {
 public:
  static Result<std::unique_ptr<Probe>> make(Session& session, const Graph& graph, const Bundle& bundle,
                                             const runtime::FailingStep& step, Diagnostics& diagnostics) {
    const CodegenOptions codegen = codegen_options(session.options);
    const Graph ready = passed(session, graph, {"remove_dead", "assign_layout", "group_kernels"});
    Result<kernel::Program> program = lower_graph(ready, codegen, diagnostics);
    if (!program) return Failure();
    std::vector<kernel::Program> programs;
    programs.push_back(std::move(*program));
    Result<Bundle> compiled = compile_programs(std::move(programs), codegen, diagnostics);
    if (!compiled || !check_memory(session, *compiled)) return Failure();
    auto probe = std::unique_ptr<Probe>(new Probe(std::move(*compiled), codegen.threads));
    if (!probe->memory_.check_memory(diagnostics)) return Failure();
    probe->run(bundle, step);
    return probe;
  }

  DenseTensor read(const std::string& name) const {
    const TensorInfo* info = compiled_.find_tensor(name);
    NNC_CHECK(info != nullptr, "an output was not compiled: " + name);
    return dense(*info, memory_.state());
  }

 private:
  Probe(Bundle compiled, int threads)
      : compiled_(std::move(compiled)), pool_(threads), memory_(compiled_, pool_) {}

  void run(const Bundle& bundle, const runtime::FailingStep& step) {
    std::memset(memory_.state(), 0, compiled_.state_bytes);
    runtime::move_state(bundle, step.state.data(), compiled_, memory_.state(), true);
    memory_.set_scalar("lr", step.lr);
    memory_.set_scalar("t", step.t);
    memory_.set_scalar("seed", step.seed);
    const EntryPoint& entry = compiled_.entries.front();
    std::vector<runtime::AlignedBytes> rows;
    std::vector<const unsigned char*> inputs;
    for (const InputInfo& wanted : entry.inputs)
      for (const runtime::FailingStep::Input& given : step.inputs)
        if (given.info.name == wanted.name) rows.emplace_back(given.bytes.begin(), given.bytes.end());
    NNC_CHECK(rows.size() == entry.inputs.size(), "the failing step lacks an input");
    for (const runtime::AlignedBytes& bytes : rows) inputs.push_back(bytes.data());
    memory_.run(entry, inputs.data());
  }

  Bundle compiled_;
  runtime::ThreadPool pool_;
  mutable runtime::Session memory_;
};

bool is_looked_at(const Node& node, const TensorType& type) {
  return node.op != Op::constant && is_float(type.dtype) && type.elements() > 0;
}

std::string probe_name(uint32_t node, size_t result) {
  return fmt::format("probe.{}.{}", node, result);
}

// All values' finiteness, as outputs probe.NODE.RESULT of one number each.
Graph with_probes(const Graph& graph) {
  Graph probed = graph;
  probed.name = "probe";
  probed.outputs.clear();
  Builder builder(probed);
  for (uint32_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[NodeId{i}];
    for (uint32_t r = 0; r < node.types.size(); ++r) {
      if (!is_looked_at(node, node.types[r])) continue;
      const Value value{NodeId{i}, r};
      const Value zeros = builder.mul(
          value, builder.broadcast_scalar(builder.scalar(node.types[r].dtype, 0), node.types[r].shape));
      std::vector<int64_t> axes(node.types[r].shape.size());
      std::iota(axes.begin(), axes.end(), 0);
      builder.output(probe_name(i, r), builder.reshape(builder.sum(zeros, axes), {1}));
    }
  }
  return probed;
}

// What an op was given and what it gave.
struct Values {
  std::vector<DenseTensor> operands, results;
};

Result<Values> fetch(Session& session, const Graph& graph, NodeId id, const Bundle& bundle,
                     const runtime::FailingStep& step, Diagnostics& diagnostics) {
  Graph part = graph;
  part.name = "fetch";
  part.outputs.clear();
  Builder builder(part);
  // A value may be an input or a constant, which cannot be an output of that layout: one number more in front of its axes.
  const auto add = [&](const std::string& name, Value value) {
    Shape shape = graph.type(value).shape;
    shape.insert(shape.begin(), 1);
    builder.output(name, builder.reshape(value, shape));
  };
  const Node& node = graph.nodes[id];
  for (size_t k = 0; k < node.operands.size(); ++k) add(fmt::format("operand.{}", k), node.operands[k]);
  for (uint32_t r = 0; r < node.types.size(); ++r) add(fmt::format("result.{}", r), Value{id, r});
  Result<std::unique_ptr<Probe>> probe = Probe::make(session, part, bundle, step, diagnostics);
  if (!probe) return Failure();
  Values values;
  const auto take = [&](const std::string& name, const TensorType& type) {
    DenseTensor tensor = (*probe)->read(name);
    tensor.type = type;
    return tensor;
  };
  for (size_t k = 0; k < node.operands.size(); ++k)
    values.operands.push_back(take(fmt::format("operand.{}", k), graph.type(node.operands[k])));
  for (size_t r = 0; r < node.types.size(); ++r)
    values.results.push_back(take(fmt::format("result.{}", r), node.types[r]));
  return values;
}

}  // namespace

Result<Graph> step_before_layout(Session& session, const Graph& train) {
  Result<Graph> graph = run_pipeline(session, train, passes::Stage::fused);
  if (!graph) return Failure();
  return passed(session, std::move(*graph), {"expand_fused", "share_reciprocals"});
}

Result<std::optional<NonFinite>> probe_step(Session& session, const Graph& graph, const Bundle& bundle,
                                            const runtime::FailingStep& step,
                                            std::span<const std::string> outputs, Diagnostics& diagnostics) {
  std::vector<bool> not_finite(graph.nodes.size(), false);
  {
    const Result<std::unique_ptr<Probe>> probe =
        Probe::make(session, with_probes(graph), bundle, step, diagnostics);
    if (!probe) return Failure();
    for (uint32_t i = 0; i < graph.nodes.size(); ++i) {
      const Node& node = graph.nodes[NodeId{i}];
      not_finite[i] = is_nonfinite_constant(node);
      for (size_t r = 0; r < node.types.size(); ++r)
        if (is_looked_at(node, node.types[r]) && std::isnan((*probe)->read(probe_name(i, r)).data[0]))
          not_finite[i] = true;
    }
  }
  int fetched = 0;
  const std::vector<NodeId> path = nonfinite_path(graph, not_finite, outputs);
  for (const NodeId id : path) {
    if (graph.nodes[id].op == Op::constant) continue;
    if (fetched++ == kMostFetched) break;
    const Result<Values> values = fetch(session, graph, id, bundle, step, diagnostics);
    if (!values) return Failure();
    if (std::optional<NonFinite> found = nonfinite_at(graph, id, values->operands, values->results))
      return found;
  }
  return nonfinite_constant(graph, path);
}

}  // namespace nnc::driver
