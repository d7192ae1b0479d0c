// The walk, with and without noise, and bounds from it.
#include "validate/values.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "ir/kernel/kernel.h"
#include "passes/rewrite.h"

namespace nnc::validate {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// Half a unit in the last place of f32 and f64; `kTimes` of them are the largest noise of one operation.
constexpr double kUnit = 0x1p-24, kUnitDouble = 0x1p-53, kTimes = 4;
// The bound is this many times the largest difference seen, and never less than some units of the value.
constexpr double kFactor = 12, kLeast = 8 * kUnit;
constexpr double kSmallest = std::numeric_limits<float>::min();

// Whether results are sums; a largest element is a copy, and equals the operand's.
bool combines(const OpDef& def) {
  if (const auto* reduce = std::get_if<ReduceRule>(&def.lower))
    return reduce->combine == kernel::Combine::sum;
  return std::holds_alternative<ContractRule>(def.lower) || std::holds_alternative<ScatterRule>(def.lower);
}

// For an op that combines terms: for each result the sum of the terms' sizes; and the root of the number of terms, since
// partial sums round too.
struct Terms {
  std::vector<double> sizes;
  double root = 1;
};
Terms terms_of(const Node& node, std::span<const DenseTensor> operands) {
  const OpDef& def = op_def(node.op);
  if (!combines(def)) return {};
  std::vector<DenseTensor> sizes(operands.begin(), operands.end());
  double elements = 1;
  for (DenseTensor& tensor : sizes) {
    elements *= static_cast<double>(tensor.data.size());
    for (double& x : tensor.data) x = std::fabs(x);
  }
  std::vector<double> result = def.eval(sizes, node.attrs, node.types)[0].data;
  const double terms = std::max(1.0, elements / static_cast<double>(result.size()));
  return {std::move(result), std::sqrt(sizes.size() > 1 ? std::sqrt(terms) : terms)};
}

bool is_copy(double value, size_t i, std::span<const DenseTensor> operands) {
  return std::ranges::any_of(operands, [&](const DenseTensor& operand) {
    return i < operand.data.size() && operand.data[i] == value;
  });
}

bool has_few_digits(double x) {
  int exponent = 0;
  const double digits = std::ldexp(std::frexp(x, &exponent), 12);
  return digits == std::trunc(digits);
}

// One element of an f32 as some order of rounding may give it. A quotient may be a product with a rounded reciprocal.
double rounded(double value, double ulps, double terms, double root, bool divides, Noise& noise) {
  const auto exact = static_cast<double>(static_cast<float>(value));
  if (terms > static_cast<double>(std::numeric_limits<float>::max()) && noise.overflows)
    return std::numeric_limits<double>::quiet_NaN();
  if (!std::isfinite(exact)) return exact;
  if (noise.is_least) return std::fabs(exact) < kSmallest ? std::copysign(0.0, exact) : exact;
  // A sum may be an f32 by chance where its parts are none; not so if few digits are enough for their sizes (a count).
  const bool is_exact = exact == value && !divides && has_few_digits(terms);
  if (is_exact && (value == 0 || std::fabs(value) >= kSmallest)) return value;
  if (std::fabs(value) < 16 * kSmallest && terms < 16 * kSmallest)
    return noise.draw.chance(0.5) ? std::copysign(0.0, value) : value;
  const double size = std::max(std::fabs(value) * std::max(1.0, 2 * ulps), terms * root);
  return static_cast<double>(static_cast<float>(value + noise.draw.real(-1, 1) * kTimes * kUnit * size));
}

void disturb(const Node& node, std::vector<DenseTensor>& results, std::span<const DenseTensor> operands,
             Noise& noise) {
  const OpDef& def = op_def(node.op);
  const Terms terms = terms_of(node, operands);
  for (DenseTensor& tensor : results) {
    for (size_t i = 0; i < tensor.data.size(); ++i) {
      double& x = tensor.data[i];
      if (tensor.type.dtype == DType::f32) {
        x = rounded(x, def.ulps, i < terms.sizes.size() ? terms.sizes[i] : 0, terms.root, def.has(kDivides),
                    noise);
      } else if (tensor.type.dtype == DType::f64 && def.scalar && !is_copy(x, i, operands)) {
        x *= 1 + noise.draw.real(-1, 1) * kTimes * kUnitDouble * std::max(1.0, 2 * def.ulps);
      }
    }
  }
}

// Step after step: what replaces an input is the input of the next one.
std::vector<TensorMap> run(const Graph& graph, std::span<const TensorMap> given, Noise* noise) {
  std::vector<TensorMap> steps;
  TensorMap kept;
  for (TensorMap inputs : given) {
    for (const auto& [name, tensor] : kept) inputs.insert_or_assign(name, tensor);
    const Values values = walk(graph, inputs, noise);
    TensorMap& outputs = steps.emplace_back();
    for (const auto& [name, tensor] : inputs)
      if (const Node& node = graph.nodes[graph.find_input(name)];
          is_kept(std::get<InputAttrs>(node.attrs).role))
        kept[name] = tensor;
    for (const Output& output : graph.outputs) {
      const DenseTensor& value = values[output.value.node.index][output.value.result];
      outputs[output.name] = value;
      if (output.replaces) kept[std::get<InputAttrs>(graph.nodes[*output.replaces].attrs).name] = value;
    }
  }
  return steps;
}

double distance(double a, double b) {
  if (a == b || (std::isnan(a) && std::isnan(b))) return 0;
  const double d = std::fabs(a - b);
  return std::isnan(d) ? kInfinity : d;
}

// With fused ops written out; what depends on constants only is not computed, as the pass does: it would lose its noise.
Graph written_out(const Graph& graph) {
  return passes::rebuild(
      graph,
      [](passes::Rewriter& rewriter, NodeId id, const Node& node) -> std::optional<std::vector<Value>> {
        const auto* rule = std::get_if<ExpandRule>(&op_def(node.op).lower);
        if (!rule) return std::nullopt;
        return rule->expand(rewriter.builder(), node, rewriter.operands(id));
      });
}

bool has_fused(const Graph& graph) {
  return std::ranges::any_of(graph.nodes, [](const Node& node) {
    return std::holds_alternative<ExpandRule>(op_def(node.op).lower);
  });
}

Noise noise_of(uint64_t seed, int sample) {
  return {Draw(seed * 31 + static_cast<uint64_t>(sample)), sample % 4 == 0, sample % 2 == 1};
}

void stretch(Expected& expected, const DenseTensor& sample, const DenseTensor& center) {
  for (size_t i = 0; i < expected.bound.size(); ++i)
    expected.bound[i] = std::max(expected.bound[i], distance(sample.data[i], center.data[i]));
}

// From the largest difference seen to the bound.
void widen(Expected& expected, DType dtype) {
  for (size_t i = 0; i < expected.bound.size(); ++i) {
    double& bound = expected.bound[i];
    if (!is_float(dtype)) {
      bound = bound == 0 ? 0 : kInfinity;
    } else if (!std::isfinite(expected.value[i])) {
      bound = kInfinity;
    } else {
      const double unit = dtype == DType::f32 ? kLeast : 16 * kUnitDouble;
      bound = kFactor * bound + unit * std::fabs(expected.value[i]) + kSmallest;
    }
  }
}

}  // namespace

Values walk(const Graph& graph, const TensorMap& inputs, Noise* noise, const Fixed* fixed) {
  Values values(graph.nodes.size());
  for (uint32_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[NodeId{i}];
    if (node.op == Op::input) {
      values[i] = {inputs.at(std::get<InputAttrs>(node.attrs).name)};
    } else {
      std::vector<DenseTensor> operands;
      for (const Value& operand : node.operands)
        operands.push_back(values[operand.node.index][operand.result]);
      // A scan rounds in each of its steps.
      if (const auto* scan = std::get_if<ScanAttrs>(&node.attrs))
        values[i] = evaluate_scan(*scan, operands, node.types, [&](const TensorMap& step) {
          const Values inside = walk(*scan->body, step, noise);
          TensorMap outputs;
          for (const Output& output : scan->body->outputs)
            outputs.emplace(output.name, inside[output.value.node.index][output.value.result]);
          return outputs;
        });
      else
        values[i] = op_def(node.op).eval(operands, node.attrs, node.types);
      if (noise) disturb(node, values[i], operands, *noise);
    }
    if (!fixed) continue;
    for (uint32_t r = 0; r < node.types.size(); ++r)
      if (const auto given = fixed->find(Value{NodeId{i}, r}); given != fixed->end())
        values[i][r] = given->second;
  }
  return values;
}

std::vector<ExpectedStep> expect(const Graph& graph, std::span<const TensorMap> inputs, uint64_t seed,
                                 int samples) {
  const std::vector<TensorMap> exact = run(graph, inputs, nullptr);
  // A fused op rounds as the ops that it stands for do.
  const bool is_fused = has_fused(graph);
  const Graph expanded = is_fused ? written_out(graph) : graph;
  const std::vector<TensorMap> center = is_fused ? run(expanded, inputs, nullptr) : exact;
  std::vector<ExpectedStep> steps(exact.size());
  for (size_t s = 0; s < steps.size(); ++s)
    for (const auto& [name, tensor] : exact[s])
      steps[s][name] = {tensor.data, std::vector<double>(tensor.data.size(), 0)};
  for (int k = 0; k < samples; ++k) {
    Noise noise = noise_of(seed, k);
    const std::vector<TensorMap> sample = run(expanded, inputs, &noise);
    for (size_t s = 0; s < steps.size(); ++s)
      for (auto& [name, expected] : steps[s]) stretch(expected, sample[s].at(name), center[s].at(name));
  }
  for (size_t s = 0; s < steps.size(); ++s)
    for (auto& [name, expected] : steps[s]) widen(expected, exact[s].at(name).type.dtype);
  return steps;
}

std::vector<std::vector<Expected>> expect_all(const Graph& graph, const TensorMap& inputs, uint64_t seed,
                                              int samples) {
  const Values exact = walk(graph, inputs);
  std::vector<std::vector<Expected>> all(exact.size());
  for (size_t i = 0; i < all.size(); ++i)
    for (const DenseTensor& tensor : exact[i])
      all[i].push_back({tensor.data, std::vector<double>(tensor.data.size(), 0)});
  for (int k = 0; k < samples; ++k) {
    Noise noise = noise_of(seed, k);
    const Values sample = walk(graph, inputs, &noise);
    for (size_t i = 0; i < all.size(); ++i)
      for (size_t r = 0; r < all[i].size(); ++r) stretch(all[i][r], sample[i][r], exact[i][r]);
  }
  for (size_t i = 0; i < all.size(); ++i)
    for (size_t r = 0; r < all[i].size(); ++r) widen(all[i][r], exact[i][r].type.dtype);
  return all;
}

std::string to_text(const Difference& difference) {
  return fmt::format("element {} is {}, not {} within {:.3g}", difference.element, difference.found,
                     difference.expected, difference.bound);
}

std::optional<Difference> difference(const Expected& expected, std::span<const double> found, Tally& tally) {
  for (size_t i = 0; i < found.size(); ++i) {
    if (std::isinf(expected.bound[i]) || expected.bound[i] > 0.1 * (1 + std::fabs(expected.value[i]))) {
      ++tally.unchecked;
      continue;
    }
    ++tally.checked;
    if (!(std::fabs(found[i] - expected.value[i]) <= expected.bound[i]))
      return Difference{i, found[i], expected.value[i], expected.bound[i]};
  }
  return std::nullopt;
}

}  // namespace nnc::validate
