// Text, derivatives, values and bits of one program.
#include "check.h"

#include <algorithm>
#include <thread>

#include <fmt/format.h>

#include "codegen/host_target.h"
#include "ir/graph/verify.h"
#include "passes/compute_again.h"
#include "passes/pass.h"
#include "validate/execute.h"

namespace nnc::random {
namespace {

using Steps = std::vector<validate::Outputs>;

std::optional<Fault> check_text(const Graph& graph) {
  for (const std::string& broken : verify(graph)) return Fault{"text", "not sound: " + broken, {}};
  const std::string text = print(graph);
  Sources sources;
  Diagnostics diagnostics;
  Result<Graph> again = parse_graph(sources, sources.add("program.nnir", text), diagnostics);
  if (!again) return Fault{"text", render_all(diagnostics, sources), {}};
  if (print(*again) != text) return Fault{"text", "prints, reads and prints differently:\n" + text, {}};
  return std::nullopt;
}

// Through the passes of a variant. Fails where differentiation refuses the graph.
std::optional<Graph> ready(const Graph& graph, const Variant& variant, Coverage& coverage,
                           std::optional<Fault>& fault) {
  passes::PipelineOptions options;
  options.disabled = variant.without;
  std::string before;
  options.observe = [&](std::string_view name, const Graph& after, double) {
    std::string text = print(after);
    if (const passes::Pass* pass = passes::find_pass(name); pass && text != before)
      ++coverage.passes[static_cast<size_t>(pass - passes::all_passes().data())];
    if (!fault) fault = check_text(after);
    before = std::move(text);
  };
  Diagnostics diagnostics;
  Result<Graph> result = passes::run_pipeline(graph, options, diagnostics);
  if (!result) return std::nullopt;
  return std::move(*result);
}

// The grouped graph with half of its values computed again, for some of those that read them or for what is computed again.
Graph with_values_again(const Graph& graph, uint64_t seed, Coverage& coverage) {
  Draw draw(seed);
  const passes::Recomputable known(graph);
  std::vector<passes::ComputedAgain> choices;
  for (uint32_t i = 0; i < graph.nodes.size(); ++i)
    for (uint32_t r = 0; r < graph.nodes[NodeId{i}].types.size(); ++r) {
      passes::ComputedAgain choice{{NodeId{i}, r}, {}};
      const std::set<uint32_t>& readers = known.readers(choice.value);
      if (readers.empty() || draw.chance(0.5)) continue;
      for (const uint32_t reader : readers)
        if (draw.chance(0.7)) choice.readers.insert(reader);
      if (known.can(choice)) choices.push_back(std::move(choice));
    }
  coverage.again += choices.size();
  return passes::compute_again(known, choices).graph;
}

std::optional<Fault> run(const Program& program, const Graph& graph, const Variant& variant, Steps& steps,
                         Coverage& coverage) {
  auto made = validate::Executable::compile(graph, variant.options());
  ++coverage.compiled;
  if (const std::string* sentence = std::get_if<std::string>(&made))
    return Fault{"compiling", *sentence, variant};
  for (int step = 0; step < program.steps; ++step)
    steps.push_back(std::get<validate::Executable>(made).step(inputs_of(program, step), variant.threads));
  return std::nullopt;
}

std::optional<Fault> compare_bits(const Steps& steps, const Steps& oracle, const Variant& variant) {
  for (size_t s = 0; s < steps.size(); ++s)
    for (const auto& [name, values] : oracle[s]) {
      const std::vector<double>& found = steps[s].at(name);
      for (size_t i = 0; i < values.size(); ++i)
        if (!validate::is_same(found[i], values[i]))
          return Fault{
              "bits",
              fmt::format("{}[{}] in step {} is {:a} instead of {:a}", name, i, s, found[i], values[i]),
              variant};
    }
  return std::nullopt;
}

// Compiled code and the interpreter share neither loops nor order of sums; one step is enough.
std::optional<Fault> check_interpreted(const Program& program, const Graph& graph, const Variant& variant,
                                       const Steps& oracle) {
  const auto lowered = validate::lower_checked(graph, variant.options());
  if (const std::string* sentence = std::get_if<std::string>(&lowered))
    return Fault{"compiling", *sentence, variant};
  const Steps steps = {validate::interpret(std::get<kernel::Program>(lowered), graph, inputs_of(program, 0))};
  auto fault = compare_bits(steps, {oracle.front()}, variant);
  if (fault) fault->kind = "interpreter";
  return fault;
}

class RightValues {
 public:
  RightValues(const Program& program, const Graph& differentiated)
      : program_(program), differentiated_(differentiated), expected_(expect(4)) {}

  std::optional<Fault> check(const Steps& steps, const Variant& variant, validate::Tally& tally) {
    std::optional<std::string> wrong = compare(steps, tally);
    if (wrong && !is_sure_) {  // few samples may agree by luck
      is_sure_ = true;
      expected_ = expect(60);
      wrong = compare(steps, tally);
    }
    if (!wrong) return std::nullopt;
    return Fault{"value", *wrong, variant};
  }

 private:
  std::vector<validate::ExpectedStep> expect(int samples) const {
    return validate::expect(differentiated_, inputs_of(program_), program_.seed, samples);
  }

  std::optional<std::string> compare(const Steps& steps, validate::Tally& tally) const {
    for (size_t s = 0; s < steps.size(); ++s)
      for (const auto& [name, expected] : expected_[s]) {
        const auto found = steps[s].find(name);
        if (found == steps[s].end()) return name + " is nowhere to be found";
        if (found->second.size() != expected.value.size())
          return fmt::format("{} has {} elements instead of {}", name, found->second.size(),
                             expected.value.size());
        if (const auto wrong = validate::difference(expected, found->second, tally))
          return fmt::format("{} in step {}: {}", name, s, to_text(*wrong));
      }
    return std::nullopt;
  }

  const Program& program_;
  const Graph& differentiated_;
  std::vector<validate::ExpectedStep> expected_;
  bool is_sure_ = false;
};

bool has_avx512() {
  Diagnostics diagnostics;
  CodegenOptions options;
  options.isa = "avx512";
  return codegen::host_target(options, diagnostics).ok();
}

Variant random_variant(Draw& draw) {
  static const bool kWide = has_avx512();
  Variant variant;
  variant.schedule_seed = draw.chance(0.3) ? 0 : 1 + draw.below(1000);
  variant.threads = draw.one_of({1, 2, 4});
  variant.isa = kWide && draw.chance(0.5) ? "avx512" : "avx2";
  return variant;
}

}  // namespace

Plan plan_for(const Program& program) {
  Draw draw(program.seed + 1);
  Plan plan;
  Variant oracle;
  oracle.scheduled = false;
  plan.bits.push_back(oracle);
  plan.interpret = draw.chance(0.2);
  plan.bits.push_back(random_variant(draw));
  if (draw.chance(0.5)) plan.bits.push_back(random_variant(draw));
  if (draw.chance(0.5)) {
    plan.bits.push_back(random_variant(draw));
    plan.bits.back().again_seed = 1 + draw.below(1000);
  }
  if (draw.chance(0.5)) {
    Variant without = random_variant(draw);
    std::vector<std::string> optional;
    for (const passes::Pass& pass : passes::all_passes())
      if (!pass.required) optional.emplace_back(pass.name);
    without.without = draw.chance(0.2) ? optional : std::vector{draw.one_of(optional)};
    plan.values.push_back(without);
  }
  return plan;
}

Plan plan_for(const Program& program, const std::optional<Variant>& variant) {
  Plan plan = plan_for(program);
  if (!variant) return plan;
  plan.interpret = true;
  plan.values = {*variant};
  if (variant->without.empty()) plan.bits.push_back(*variant);
  return plan;
}

std::optional<Fault> find_fault(const Program& program, const Plan& plan, Coverage& coverage) {
  ++coverage.programs;
  if (plan.whole)
    if (auto fault = check_text(program.graph)) return fault;
  Diagnostics diagnostics;
  const Result<Graph> differentiated = passes::differentiate(program.graph, diagnostics);
  if (!differentiated) {
    ++coverage.refused;
    return std::nullopt;
  }
  std::array<bool, 256> has{};
  for (const Node& node : differentiated->nodes) has[static_cast<size_t>(node.op)] = true;
  for (size_t i = 0; i < has.size(); ++i) coverage.ops[i] += has[i];
  if (plan.whole)
    if (auto wrong =
            validate::check_gradients(program.graph, inputs_of(program, 0), program.seed, coverage.gradients))
      return Fault{"gradient", *wrong, {}};

  RightValues values(program, *differentiated);
  std::optional<Fault> fault;
  Steps oracle;
  std::optional<Graph> graph;
  for (const Variant& variant : plan.bits) {
    if (!graph) graph = ready(program.graph, variant, coverage, fault);
    if (fault) return fault;
    std::optional<Graph> again;
    if (variant.again_seed != 0) {
      again = with_values_again(*graph, variant.again_seed, coverage);
      if ((fault = check_text(*again))) return fault;
    }
    Steps steps;
    if ((fault = run(program, again ? *again : *graph, variant, steps, coverage))) return fault;
    if (oracle.empty()) {
      if ((fault = values.check(steps, variant, coverage.values))) return fault;
      oracle = std::move(steps);
      if (plan.interpret && (fault = check_interpreted(program, *graph, variant, oracle))) return fault;
    } else if ((fault = compare_bits(steps, oracle, variant))) {
      return fault;
    }
  }
  for (const Variant& variant : plan.values) {
    const std::optional<Graph> other = ready(program.graph, variant, coverage, fault);
    if (fault) return fault;
    Steps steps;
    if ((fault = run(program, *other, variant, steps, coverage))) return fault;
    if ((fault = values.check(steps, variant, coverage.values))) return fault;
  }
  return std::nullopt;
}

}  // namespace nnc::random
