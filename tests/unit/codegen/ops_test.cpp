// Every op of the table, on every one of its samples and on shapes that straddle vectors: compiled code
// against the kernel interpreter (bits) and against the reference in double (values).
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "harness.h"
#include "ir/graph/builder.h"
#include "passes/pass.h"

namespace nnc::test {
namespace {

// A graph that applies `op` to inputs x0, x1, … of these types; one output per result.
Graph single_op(Op op, const std::vector<TensorType>& operands, const Attrs& attrs) {
  Graph graph;
  graph.name = "one";
  Builder builder(graph);
  std::vector<Value> inputs;
  for (size_t i = 0; i < operands.size(); ++i) {
    const bool scalar = operands[i].dtype == DType::f64 || operands[i].dtype == DType::i64;
    inputs.push_back(
        builder.input("x" + std::to_string(i), scalar ? Role::scalar : Role::input, operands[i]));
  }
  const std::vector<Value> results = builder.make_all(op, inputs, attrs);
  for (size_t i = 0; i < results.size(); ++i) builder.output("y" + std::to_string(i), results[i]);
  return graph;
}

bool can_run(Op op) {
  const OpDef& def = op_def(op);
  return def.max_operands != 0 && !def.has(kInternal) && !std::holds_alternative<RewrittenRule>(def.lower);
}

// f32 arithmetic differs from the real numbers by rounding, and long sums by more.
double tolerance(Op op) {
  return op_def(op).has(kReduces) ? 2e-5 : 4e-6;
}

// Ready for kernels, without the algebra that would replace some ops by others: here each op is meant.
Graph as_written(const Graph& graph) {
  Diagnostics diagnostics;
  passes::PipelineOptions options;
  options.disabled = {"simplify", "fold_constants"};
  Result<Graph> ready = passes::run_pipeline(graph, options, diagnostics);
  REQUIRE(ready.ok());
  return std::move(*ready);
}

void check(Op op, const std::vector<TensorType>& operands, const Attrs& attrs, double low, double high) {
  const Graph graph = single_op(op, operands, attrs);
  TensorMap inputs = random_inputs(graph, 11);
  for (auto& [name, tensor] : inputs)
    if (is_float(tensor.type.dtype))
      for (double& value : tensor.data) value = static_cast<float>(low + (value + 1) / 2 * (high - low));
  const Graph ready = as_written(graph);
  CodegenOptions plain;
  plain.schedule = false;
  const Outputs oracle = run_interpreted(ready, inputs, plain);
  const TensorMap reference = evaluate(graph, inputs);
  for (const auto& [name, values] : oracle) {
    const std::vector<double>& expected = reference.at(name).data;
    REQUIRE(values.size() == expected.size());
    for (size_t i = 0; i < values.size(); ++i) {
      INFO(name << "[" << i << "]");
      if (std::isnan(expected[i])) {
        CHECK(std::isnan(values[i]));
      } else if (values[i] != expected[i]) {
        CHECK(std::abs(values[i] - expected[i]) <= tolerance(op) * std::max(1.0, std::abs(expected[i])));
      }
    }
  }
  for (const std::string isa : {"", "avx2"}) {
    CodegenOptions compiled;
    compiled.isa = isa;
    compiled.threads = 2;
    for (const auto& [name, values] : run_compiled(ready, inputs, compiled, 2))
      for (size_t i = 0; i < values.size(); ++i) {
        INFO(name << "[" << i << "] " << isa << ": " << values[i] << " and " << oracle.at(name)[i]);
        CHECK(is_same(values[i], oracle.at(name)[i]));
      }
  }
}

}  // namespace

TEST_CASE("every op compiles to what the interpreters compute, on its samples") {
  for (const OpDef* def : all_ops()) {
    const Op op = *find_op(def->name);
    if (!can_run(op)) continue;
    for (const Sample& sample : def->samples) {
      std::string what(def->name);
      for (const TensorType& type : sample.operands) what += " " + to_string(type);
      INFO(what);
      check(op, sample.operands, sample.attrs, sample.low, sample.high);
    }
  }
}

TEST_CASE("elementwise ops at sizes that straddle vectors") {
  for (const OpDef* def : all_ops()) {
    if (!def->has(kElementwise) || def->samples.empty()) continue;
    const Op op = *find_op(def->name);
    if (!can_run(op)) continue;
    const Sample& sample = def->samples[0];
    for (const Shape& shape : {Shape{15}, Shape{16}, Shape{17}, Shape{3, 33}, Shape{70, 2}, Shape{64, 65}}) {
      std::vector<TensorType> operands = sample.operands;
      bool is_scalar_op = false;
      for (TensorType& type : operands) {
        is_scalar_op |= type.dtype == DType::f64 || type.dtype == DType::i64;
        type.shape = shape;
      }
      if (is_scalar_op) continue;
      INFO(def->name << " " << to_string(shape));
      check(op, operands, sample.attrs, sample.low, sample.high);
    }
  }
}

TEST_CASE("elementwise ops give the same bits at zeros of both signs, infinities and NaN") {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const std::vector<double> special = {0, -0.0, 1, -1, 2.5, kInfinity, -kInfinity, std::nan("")};
  for (const OpDef* def : all_ops()) {
    if (!def->has(kElementwise) || def->samples.empty()) continue;
    const Op op = *find_op(def->name);
    if (!can_run(op)) continue;
    const Sample& sample = def->samples[0];
    const auto is_f32 = [](const TensorType& type) { return type.dtype == DType::f32; };
    if (!std::ranges::all_of(sample.operands, is_f32)) continue;
    // Every choice of one number for each operand.
    size_t count = 1;
    for (size_t i = 0; i < sample.operands.size(); ++i) count *= special.size();
    const TensorType type{DType::f32, {static_cast<int64_t>(count)}};
    const Graph graph = single_op(op, std::vector<TensorType>(sample.operands.size(), type), sample.attrs);
    TensorMap inputs;
    size_t turns = 1;
    for (size_t i = 0; i < sample.operands.size(); ++i, turns *= special.size()) {
      DenseTensor& tensor = inputs["x" + std::to_string(i)];
      tensor.type = type;
      for (size_t k = 0; k < count; ++k) tensor.data.push_back(special[k / turns % special.size()]);
    }
    CodegenOptions plain;
    plain.schedule = false;
    const Graph ready = as_written(graph);
    const Outputs oracle = run_interpreted(ready, inputs, plain);
    for (const std::string isa : {"", "avx2"}) {
      CodegenOptions compiled;
      compiled.isa = isa;
      for (const auto& [name, values] : run_compiled(ready, inputs, compiled))
        for (size_t i = 0; i < count; ++i) {
          INFO(def->name << " at " << inputs.at("x0").data[i] << ", … (" << i << "): " << values[i] << " and "
                         << oracle.at(name)[i] << " " << isa);
          CHECK(is_same(values[i], oracle.at(name)[i]));
        }
    }
  }
}

TEST_CASE("reductions at sizes around each order of sums") {
  for (const int64_t n : {1, 15, 16, 17, 255, 4095, 8191, 8192, 10000})
    for (const Op op : {Op::reduce_sum, Op::reduce_max, Op::reduce_min}) {
      INFO(op_def(op).name << " of " << n);
      check(op, {{DType::f32, {n}}}, ReduceAttrs{{0}}, -1, 1);
      check(op, {{DType::f32, {3, n}}}, ReduceAttrs{{1}}, -1, 1);
      check(op, {{DType::f32, {n, 3}}}, ReduceAttrs{{0}}, -1, 1);
    }
}

TEST_CASE("products at sizes around tiles, with every combination of transposes") {
  const auto [m, n, k] = GENERATE(table<int64_t, int64_t, int64_t>({
      {1, 1, 1},
      {1, 16, 5},
      {6, 64, 33},
      {7, 65, 16},
      {13, 31, 4},
      {40, 10, 200},
      {3, 5, 128},
      {100, 130, 17},
  }));
  for (const bool ta : {false, true})
    for (const bool tb : {false, true}) {
      INFO(m << "x" << n << "x" << k << (ta ? " ta" : "") << (tb ? " tb" : ""));
      const Shape a = ta ? Shape{k, m} : Shape{m, k};
      const Shape b = tb ? Shape{n, k} : Shape{k, n};
      check(Op::matmul, {{DType::f32, a}, {DType::f32, b}}, MatmulAttrs{ta, tb}, -1, 1);
    }
}

}  // namespace nnc::test
