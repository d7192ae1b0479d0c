// See stages.h.
#include "validate/stages.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "ir/graph/names.h"
#include "passes/pass.h"
#include "passes/rewrite.h"
#include "validate/execute.h"
#include "validate/inputs.h"
#include "validate/outputs.h"

namespace nnc::validate {
namespace {

bool has_gradients(const Graph& graph) {
  return std::ranges::any_of(graph.nodes, [](const Node& node) { return node.op == Op::grad; });
}

bool is_finite(const TensorMap& tensors) {
  return std::ranges::all_of(tensors, [](const auto& entry) {
    return std::ranges::all_of(entry.second.data, [](double x) { return std::isfinite(x); });
  });
}

// The outputs that need no gradient, which a graph has before differentiation too.
Graph without_gradients(const Graph& graph) {
  std::vector<char> needs(graph.nodes.size(), 0);
  for (uint32_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[NodeId{i}];
    needs[i] = node.op == Op::grad || std::ranges::any_of(node.operands, [&](const Value& operand) {
                 return needs[operand.node.index] != 0;
               });
  }
  Graph rest = graph;
  std::erase_if(rest.outputs, [&](const Output& output) { return needs[output.value.node.index] != 0; });
  return passes::without_dead(std::move(rest));
}

class Checker {
 public:
  Checker(const Graph& graph, const StagesOptions& options, Diagnostics& diagnostics)
      : given_(graph), options_(options), diagnostics_(diagnostics), graph_(graph) {}

  Result<StagesReport> run() {
    if (!start()) return Failure();
    for (const std::string& stage : options_.stages) {
      if (options_.progress) options_.progress(stage, report_.stages + 1, options_.stages.size());
      ++report_.stages;
      if (!step(stage)) return Failure();
      if (report_.changed) break;
    }
    return std::move(report_);
  }

 private:
  // What is compared: a graph in which gradients are written out.
  Result<Graph> evaluable(const Graph& graph) {
    if (!has_gradients(graph)) return graph;
    return passes::differentiate(graph, diagnostics_);
  }

  Status start() {
    Result<Graph> meant = evaluable(given_);
    if (!meant) return Failure();
    meant_ = std::move(*meant);
    for (const bool positive : {false, true}) {
      TensorMap inputs = draw_inputs(meant_, options_.seed, positive);
      TensorMap values = evaluate(meant_, inputs);
      const bool is_better = is_finite(values);
      if (positive && !is_better) break;
      inputs_ = std::move(inputs);
      values_ = std::move(values);
      if (is_better) break;
    }
    outputs_.emplace(meant_, inputs_, options_.seed);
    return Done();
  }

  Status step(const std::string& stage) {
    if (stage == kLowering) return lower(), Done();
    if (stage == kCodeGeneration) return generate(), Done();
    if (stage == passes::kDifferentiate) return differentiate(), Done();
    const passes::Pass& pass = *passes::find_pass(stage);
    if (const std::optional<std::string> need = passes::unmet_need(pass, graph_)) {
      diagnostics_.error_at(DiagnosticKind::bad_flag, "--passes", *need);
      return Failure();
    }
    Graph after = passes::run_pass(pass, graph_);
    if (print(after) == print(graph_)) return Done();
    ++report_.rewriting;
    const Result<Graph> written_out = evaluable(after);
    if (!written_out) return Failure();
    TensorMap values = evaluate(*written_out, inputs_);
    if (auto wrong = compare(values_, values)) {
      changes(stage, std::move(*wrong), graph_);
      if (!options_.finds_origin) return Done();
      const Result<Graph> before = evaluable(graph_);
      if (!before) return Failure();
      const Values all = walk(*written_out, inputs_);
      const auto found = [&](Value value) -> std::span<const double> {
        return all[value.node.index][value.result].data;
      };
      begins(find_origin(*before, *written_out, found, inputs_, options_.seed));
      return Done();
    }
    values_ = std::move(values);
    graph_ = std::move(after);
    return Done();
  }

  void differentiate() {
    if (!has_gradients(graph_)) return;
    ++report_.rewriting;
    const Graph forward = without_gradients(graph_);
    if (auto wrong = compare(evaluate(forward, inputs_), values_))
      changes(passes::kDifferentiate, std::move(*wrong), graph_);
    else if (auto slope = check_gradients(graph_, inputs_, options_.seed, report_.elements))
      changes(passes::kDifferentiate, std::move(*slope), graph_);
    graph_ = meant_;
  }

  void lower() {
    auto lowered = lower_checked(graph_, options_.codegen);
    if (std::string* wrong = std::get_if<std::string>(&lowered))
      return changes(kLowering, std::move(*wrong), given_);
    program_ = std::move(std::get<kernel::Program>(lowered));
    Outputs temporaries;
    kernel_outputs_ = interpret(program_, graph_, inputs_, &temporaries);
    // Kernels round as this graph does, not as the one did that all passes were given: algebra changes what cancels.
    OutputComparison outputs(graph_, inputs_, options_.seed);
    std::optional<std::string> wrong =
        outputs.compare(values_, kernel_outputs_, "in the graph", "in the kernels", report_.elements);
    if (!wrong) return;
    changes(kLowering, std::move(*wrong), given_);
    if (!options_.finds_origin) return;
    const ValueNames names(graph_);
    begins(find_origin(
        graph_, graph_,
        [&](Value value) -> std::span<const double> {
          const auto it = temporaries.find(names.of(value));
          return it == temporaries.end() ? std::span<const double>() : it->second;
        },
        inputs_, options_.seed));
  }

  void generate() {
    if (auto wrong = code_fault(program_, graph_, inputs_, kernel_outputs_, options_.codegen))
      changes(kCodeGeneration, std::move(*wrong), given_);
  }

  void changes(std::string_view stage, std::string sentence, const Graph& before) {
    report_.changed = ChangedValue{std::string(stage), std::move(sentence), {}, before};
  }
  void begins(std::optional<Origin> origin) {
    if (origin) report_.changed->origin = std::move(*origin);
  }

  std::optional<std::string> compare(const TensorMap& before, const TensorMap& after) {
    Outputs outputs;
    for (const auto& [name, tensor] : after) outputs.emplace(name, tensor.data);
    return outputs_->compare(before, outputs, "before", "after it", report_.elements);
  }

  const Graph& given_;
  const StagesOptions& options_;
  Diagnostics& diagnostics_;
  Graph graph_;       // as the stages so far have made it
  Graph meant_;       // what is given, with gradients written out
  TensorMap inputs_;
  TensorMap values_;  // of graph_
  std::optional<OutputComparison> outputs_;
  kernel::Program program_;
  Outputs kernel_outputs_;  // by their interpreter
  StagesReport report_;
};

}  // namespace

Result<StagesReport> check_stages(const Graph& graph, const StagesOptions& options, Diagnostics& diagnostics) {
  return Checker(graph, options, diagnostics).run();
}

std::optional<std::string> code_fault(const kernel::Program& program, const Graph& graph,
                                      const TensorMap& inputs, const Outputs& meant,
                                      const CodegenOptions& options) {
  auto made = Executable::compile(program, graph, options);
  if (std::string* wrong = std::get_if<std::string>(&made)) return std::move(*wrong);
  const Outputs found = std::get<Executable>(made).step(inputs, options.threads);
  for (const Output& output : graph.outputs) {
    const std::vector<double>&a = found.at(output.name), &b = meant.at(output.name);
    for (size_t i = 0; i < b.size(); ++i)
      if (!is_same(a[i], b[i]))
        return fmt::format("{} is {:.9g} ({:a}) in machine code and {:.9g} ({:a}) in the kernels",
                           element_text(output.name, graph.type(output.value).shape, i), a[i], a[i], b[i],
                           b[i]);
  }
  return std::nullopt;
}

}  // namespace nnc::validate
