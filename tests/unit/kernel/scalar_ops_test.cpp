// Elementwise ops of the table: the scalar rule, computed, against the reference semantics on every sample;
// and derivatives at the points where random samples never fall.
#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <string_view>

#include <catch2/catch.hpp>

#include "ir/graph/builder.h"
#include "ir/graph/eval.h"
#include "ir/scalar/compute.h"

namespace nnc {
namespace {

double ulp_of(DType dtype, double value) {
  int exponent = 0;
  std::frexp(value, &exponent);
  return std::ldexp(1.0, exponent - (dtype == DType::f32 ? 24 : 53));
}

// Operands as the dtype holds them.
DenseTensor draw(const TensorType& type, const Sample& sample, std::mt19937_64& random) {
  DenseTensor tensor = {type, {}};
  std::uniform_real_distribution<double> uniform(sample.low, sample.high);
  ComputingScalars scalars;
  for (int64_t i = 0; i < type.elements(); ++i) {
    const double number = type.dtype == DType::boolean ? static_cast<double>(random() % 2) : uniform(random);
    const double whole = is_float(type.dtype) || type.dtype == DType::boolean ? number : std::floor(number);
    tensor.data.push_back(double_of(scalars.constant(type.dtype, whole)));
  }
  return tensor;
}

// An op's derivative at points: adjoints of the operands for the adjoint 1 of the result.
std::vector<std::optional<DenseTensor>> slopes(Op op, const std::vector<DenseTensor>& at,
                                               bool last_is_constant = false) {
  Graph graph;
  Builder builder(graph);
  TensorMap inputs;
  std::vector<Value> operands;
  for (size_t i = 0; i < at.size(); ++i) {
    if (last_is_constant && i + 1 == at.size()) {
      operands.push_back(builder.constant(at[i].type, at[i].data));
      continue;
    }
    const std::string name = "x" + std::to_string(i);
    operands.push_back(builder.input(name, Role::input, at[i].type));
    inputs.emplace(name, at[i]);
  }
  const Value y = builder.make(op, operands);
  const Value one = builder.full_like(y, 1);
  std::vector<std::optional<DenseTensor>> result;
  const auto adjoints = op_def(op).derivative.vjp({builder, y.node, {one}});
  const auto values = evaluate_all(graph, inputs);
  for (const std::optional<Value>& adjoint : adjoints)
    result.push_back(adjoint ? std::optional(values[adjoint->node.index][adjoint->result]) : std::nullopt);
  return result;
}

DenseTensor row(std::vector<double> values) {
  return {{DType::f32, {static_cast<int64_t>(values.size())}}, std::move(values)};
}

}  // namespace

TEST_CASE("scalar rules agree with the reference on every sample", "[scalar_ops]") {
  std::mt19937_64 random(5);
  ComputingScalars scalars;
  int ops = 0;
  for (const OpDef* def : all_ops()) {
    if (!def->has(kElementwise)) continue;
    REQUIRE(def->scalar != nullptr);
    REQUIRE(!def->samples.empty());
    ++ops;
    for (const Sample& sample : def->samples) {
      const Inferred inferred = def->infer(sample.operands, sample.attrs);
      REQUIRE(inferred.error.empty());
      const TensorType& type = inferred.types[0];
      for (int round = 0; round < 40; ++round) {
        std::vector<DenseTensor> operands;
        for (const TensorType& operand : sample.operands) operands.push_back(draw(operand, sample, random));
        const std::vector<double> expected = def->eval(operands, sample.attrs, inferred.types)[0].data;
        REQUIRE(expected.size() == static_cast<size_t>(type.elements()));
        for (size_t i = 0; i < expected.size(); ++i) {
          std::vector<ScalarValue> elements;
          for (const DenseTensor& operand : operands)
            elements.push_back(scalars.constant(operand.type.dtype, operand.data[i]));
          const ScalarValue got = def->scalar(scalars, elements, type.dtype);
          INFO(def->name << " of " << operands[0].data[i] << (operands.size() > 1 ? ", …" : "") << " is "
                         << double_of(got) << ", not " << expected[i]);
          REQUIRE(got.dtype == type.dtype);
          const double ulp = is_float(type.dtype) ? ulp_of(type.dtype, expected[i]) : 0;
          // The reference itself rounds in double, so one rounding of ours is held to 0.5 ulp only in f32.
          const double allowed = type.dtype == DType::f32 ? def->ulps : std::max(def->ulps, 1.0);
          REQUIRE(std::fabs(double_of(got) - expected[i]) <= allowed * ulp);
        }
      }
    }
  }
  CHECK(ops >= 30);
}

TEST_CASE("derivatives at kinks, poles and zeros", "[scalar_ops]") {
  CHECK(slopes(Op::sqrt, {row({0, 4})})[0]->data == std::vector<double>{0, 0.25});
  CHECK(slopes(Op::abs, {row({-2, 0, 2})})[0]->data == std::vector<double>{-1, 0, 1});
  CHECK_FALSE(slopes(Op::sign, {row({-2, 0})})[0].has_value());

  const auto maximum = slopes(Op::maximum, {row({1, 2, 3}), row({2, 2, 2})});
  CHECK(maximum[0]->data == std::vector<double>{0, 0, 1});
  CHECK(maximum[1]->data == std::vector<double>{1, 1, 0});
  const auto minimum = slopes(Op::minimum, {row({1, 2, 3}), row({2, 2, 2})});
  CHECK(minimum[0]->data == std::vector<double>{1, 0, 0});
  CHECK(minimum[1]->data == std::vector<double>{0, 1, 1});

  const auto pow = slopes(Op::pow, {row({0, 0, 0, 2, -2}), row({0, 1, 2, 0, 2})});
  CHECK(pow[0]->data == std::vector<double>{0, 1, 0, 0, -4});
  CHECK(pow[1]->data[0] == 0);
  CHECK(pow[1]->data[2] == 0);
  CHECK(pow[1]->data[3] == Approx(std::log(2.0)));
  CHECK(std::isnan(pow[1]->data[4]));  // a negative number to a power that is not whole has no value
}

TEST_CASE("a constant exponent takes no gradient", "[scalar_ops]") {
  for (const auto& [exponent, expected] :
       std::map<double, std::vector<double>>{{1, {1, 1, 1}}, {2, {-4, 0, 4}}, {3, {12, 0, 12}}}) {
    const auto slope = slopes(Op::pow, {row({-2, 0, 2}), row({exponent, exponent, exponent})}, true);
    CHECK(slope[0]->data == expected);
    CHECK_FALSE(slope[1].has_value());
  }
  const auto root = slopes(Op::pow, {row({0, 4}), row({0.5, 0.5})}, true);
  CHECK(root[0]->data == std::vector<double>{0, 0.25});
  CHECK_FALSE(slopes(Op::pow, {row({0, 4}), row({0, 0})}, true)[0].has_value());
  const auto mixed = slopes(Op::pow, {row({0, 3, 3}), row({0, 1, 2})}, true);
  CHECK(mixed[0]->data == std::vector<double>{0, 1, 6});
  CHECK_FALSE(mixed[1].has_value());
}

TEST_CASE("elementwise ops are written with as few parentheses as the language needs", "[scalar_ops]") {
  const auto text = [](Op op, std::vector<MathText> operands) {
    return op_def(op).math(operands, op_def(op).attrs);
  };
  const MathText a = {"a", 100}, b = {"b", 100}, c = {"c", 100};
  CHECK(text(Op::mul, {text(Op::add, {a, b}), c}).text == "(a + b) * c");
  CHECK(text(Op::sub, {a, text(Op::sub, {b, c})}).text == "a - (b - c)");
  CHECK(text(Op::sub, {text(Op::sub, {a, b}), c}).text == "a - b - c");
  CHECK(text(Op::neg, {text(Op::pow, {a, b})}).text == "-a^b");
  CHECK(text(Op::pow, {text(Op::neg, {a}), b}).text == "(-a)^b");
  CHECK(text(Op::pow, {a, text(Op::pow, {b, c})}).text == "a^b^c");
  CHECK(text(Op::pow, {text(Op::pow, {a, b}), c}).text == "(a^b)^c");
  CHECK(text(Op::neg, {text(Op::neg, {a})}).text == "-(-a)");
  CHECK(text(Op::lt, {text(Op::lt, {a, b}), text(Op::add, {b, c})}).text == "(a < b) < b + c");
  CHECK(text(Op::logical_or, {text(Op::logical_and, {a, b}), text(Op::logical_not, {c})}).text ==
        "a and b or not c");
  CHECK(text(Op::exp, {text(Op::add, {a, b})}).text == "exp(a + b)");
  CHECK(text(Op::fma, {text(Op::add, {a, b}), b, c}).text == "(a + b) * b + c");
}

TEST_CASE("shape rules say what they found", "[scalar_ops]") {
  const auto error = [](Op op, std::vector<TensorType> types) {
    return op_def(op).infer(types, op_def(op).attrs).error;
  };
  const TensorType f32 = {DType::f32, {2, 3}}, f64 = {DType::f64, {}}, i32 = {DType::i32, {2, 3}};
  const TensorType yes = {DType::boolean, {2, 3}}, other = {DType::f32, {3}};
  CHECK(error(Op::tanh, {f64}) == "takes f32, found f64[]");
  CHECK(error(Op::add, {f32, other}) == "the operands differ: f32[2, 3] and f32[3]");
  CHECK(error(Op::div, {i32, i32}) == "takes f32 or f64, found i32[2, 3]");
  CHECK(error(Op::where, {f32, f32, f32}) == "the condition is f32[2, 3], not bool");
  CHECK(error(Op::where, {yes, f32, i32}) == "the operands differ: bool[2, 3], f32[2, 3] and i32[2, 3]");
  CHECK(error(Op::where, {yes, i32, i32}).empty());
}

}  // namespace nnc
