// What the tests of the graph share: reading text, drawing operands, and a minimal reverse walk over vjp
// rules, so that derivatives are tested without the pass that uses them.
#pragma once

#include <cmath>
#include <random>
#include <string>

#include <catch2/catch.hpp>

#include "ir/graph/builder.h"
#include "ir/graph/eval.h"
#include "ir/graph/graph.h"
#include "ir/graph/verify.h"

namespace nnc::test {

inline std::string op_name(Op op) {
  return std::string(op_def(op).name);
}

// The graph a text describes; the test fails with the rendered errors if it is not one.
inline Graph read(const std::string& text) {
  Sources sources;
  Diagnostics diagnostics;
  const FileId file = sources.add("test.nnir", text);
  Result<Graph> graph = parse_graph(sources, file, diagnostics);
  INFO(text << "\n" << render_all(diagnostics, sources));
  REQUIRE(graph.ok());
  return std::move(*graph);
}

// What the reader says about a text that is wrong.
inline std::string complaints(const std::string& text) {
  Sources sources;
  Diagnostics diagnostics;
  const FileId file = sources.add("test.nnir", text);
  const Result<Graph> graph = parse_graph(sources, file, diagnostics);
  REQUIRE(!graph.ok());
  REQUIRE(diagnostics.has_errors());
  return render_all(diagnostics, sources);
}

inline void check_round_trip(const Graph& graph) {
  const std::string text = print(graph);
  CHECK(print(read(text)) == text);
}

// Numbers of the type from [low, high): floats anything, integers whole, bools by the half they fall in.
inline DenseTensor draw(const TensorType& type, double low, double high, std::mt19937_64& rng) {
  std::uniform_real_distribution<double> uniform(low, high);
  DenseTensor tensor = {type, {}};
  for (int64_t i = 0; i < type.elements(); ++i) {
    double value = uniform(rng);
    if (is_integer(type.dtype)) value = std::floor(value);
    if (type.dtype == DType::boolean) value = value < (low + high) / 2 ? 0 : 1;
    // f32 operands are f32 numbers, so that compiled code can be given the very same.
    if (type.dtype == DType::f32) value = static_cast<float>(value);
    tensor.data.push_back(value);
  }
  return tensor;
}

// sum over k of sum(values[k] * weights[k]), a scalar.
inline Value weighted_sum(Builder& b, const std::vector<Value>& values, const std::vector<Value>& weights) {
  Value total = b.scalar(b.type(values[0]).dtype, 0);
  for (size_t k = 0; k < values.size(); ++k) {
    std::vector<int64_t> axes;
    for (int64_t axis = 0; axis < b.type(values[k]).rank(); ++axis) axes.push_back(axis);
    total = b.add(total, b.sum(b.mul(values[k], weights[k]), axes));
  }
  return total;
}

// The adjoint of every value of `of` for the scalar `y`; absent where no derivative flows.
inline std::vector<std::optional<Value>> reverse(Builder& b, Value y, const std::vector<Value>& of) {
  std::vector<std::vector<std::optional<Value>>> adjoints(b.graph().nodes.size());
  for (uint32_t i = 0; i < adjoints.size(); ++i) adjoints[i].resize(b.graph().nodes[NodeId{i}].types.size());
  adjoints[y.node.index][y.result] = b.scalar(b.type(y).dtype, 1);
  for (uint32_t i = y.node.index + 1; i-- > 0;) {
    const std::vector<std::optional<Value>> own = adjoints[i];
    if (std::ranges::none_of(own, [](const auto& a) { return a.has_value(); })) continue;
    const OpDef& def = op_def(b.graph().nodes[NodeId{i}].op);
    if (def.derivative.vjp == nullptr) continue;
    const std::vector<Value> operands = b.graph().nodes[NodeId{i}].operands;
    const auto flows = def.derivative.vjp({b, NodeId{i}, own});
    REQUIRE(flows.size() == operands.size());
    for (size_t k = 0; k < operands.size(); ++k) {
      if (!flows[k]) continue;
      INFO(def.name << ", operand " << k);
      REQUIRE(b.type(*flows[k]) == b.type(operands[k]));
      std::optional<Value>& sum = adjoints[operands[k].node.index][operands[k].result];
      sum = sum ? b.add(*sum, *flows[k]) : *flows[k];
    }
  }
  std::vector<std::optional<Value>> result;
  for (const Value& value : of) result.push_back(adjoints[value.node.index][value.result]);
  return result;
}

// Compares `outputs` (by name, one per float input) with central differences of the scalar output `y`.
inline void check_derivatives(const Graph& graph, const TensorMap& inputs, const std::string& y,
                              const std::map<std::string, std::string>& derivative_of) {
  const TensorMap exact = evaluate(graph, inputs);
  for (const auto& [input, output] : derivative_of) {
    for (size_t i = 0; i < inputs.at(input).data.size(); ++i) {
      const double step = 1e-5;
      TensorMap moved = inputs;
      moved.at(input).data[i] += step;
      const double above = evaluate(graph, moved).at(y).data[0];
      moved.at(input).data[i] -= 2 * step;
      const double below = evaluate(graph, moved).at(y).data[0];
      const double expected = (above - below) / (2 * step);
      const double found = output.empty() ? 0 : exact.at(output).data[i];
      INFO("d" << y << "/d" << input << "[" << i << "]: differences give " << expected << ", the rule "
               << found);
      CHECK(std::abs(found - expected) <= 1e-5 * (1 + std::abs(expected)));
    }
  }
}

}  // namespace nnc::test
