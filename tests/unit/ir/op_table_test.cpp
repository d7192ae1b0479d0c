// Tests that come with the table: every row's facts, every sample's shapes, text, values and derivatives. A
// new op is tested by being there.
#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "helpers.h"
#include "ir/kernel/element_expr.h"
#include "ir/kernel/kernel.h"

namespace nnc::test {
namespace {

// One node of the op on inputs x0, x1, …; float operands get the role param.
struct SampleGraph {
  Graph graph;
  std::vector<Value> operands;
  std::vector<Value> results;
  TensorMap inputs;
};

SampleGraph sample_graph(Op op, const Sample& sample, std::mt19937_64& rng) {
  SampleGraph s;
  s.graph.name = "sample";
  Builder b(s.graph);
  for (size_t i = 0; i < sample.operands.size(); ++i) {
    const std::string name = fmt::format("x{}", i);
    const Role role = is_float(sample.operands[i].dtype) ? Role::param : Role::input;
    s.operands.push_back(b.input(name, role, sample.operands[i]));
    s.inputs.emplace(name, draw(sample.operands[i], sample.low, sample.high, rng));
  }
  s.results = b.make_all(op, s.operands, sample.attrs);
  return s;
}

// Calls f(op, sample, name of both) for every sample of the table.
template <class F>
void for_each_sample(F f) {
  const auto table = all_ops();
  for (size_t i = 0; i < table.size(); ++i)
    for (size_t k = 0; k < table[i]->samples.size(); ++k)
      f(static_cast<Op>(i), table[i]->samples[k], fmt::format("{}, sample {}", table[i]->name, k));
}

TEST_CASE("every row of the op table is complete") {
  constexpr std::string_view kNames[] = {
#define NNC_OP(name) #name,
#include "ir/ops/ops.def"
  };
  const auto table = all_ops();
  REQUIRE(table.size() == std::size(kNames));
  for (size_t i = 0; i < table.size(); ++i) {
    const OpDef& def = *table[i];
    INFO(kNames[i]);
    CHECK(def.name == kNames[i]);
    CHECK(find_op(def.name) == static_cast<Op>(i));
    CHECK(!def.doc.empty());
    CHECK(def.infer != nullptr);
    CHECK(def.eval != nullptr);
    CHECK(def.math != nullptr);
    // A derivative, or the reason why there is none; never both, never neither.
    CHECK((def.derivative.vjp != nullptr) == def.derivative.why_not.empty());
    CHECK((def.max_operands < 0 || def.max_operands >= def.min_operands));
    if (def.has(kElementwise)) CHECK(def.scalar != nullptr);
    if (def.has(kSmooth)) CHECK(def.derivative.vjp != nullptr);
    // Only ops whose types are stated, and `grad`, which has no value of its own, go without samples.
    CHECK(def.samples.empty() == (def.has(kTyped) || def.name == "grad" || def.name == "hole"));
  }
}

// Whether each element of the result is one of the operand's.
bool only_moves(const SampleGraph& s, const DenseTensor& x) {
  const std::vector<double> results = evaluate_all(s.graph, s.inputs)[s.results[0].node.index][0].data;
  return std::ranges::all_of(results, [&](double y) { return std::ranges::count(x.data, y) > 0; });
}

// Whether the op reads at an axis each, from some begin.
bool reads_plainly(const SampleGraph& s) {
  for (const Read& read : reads_of(s.graph, s.results[0].node))
    for (const kernel::Index& index : read.index) {
      const bool is_axis =
          index.terms.empty() || (index.terms.size() == 1 && index.terms[0].coefficient == 1);
      if (!is_axis || index.computed.valid() || index.checked) return false;
    }
  return true;
}

TEST_CASE("the table knows which ops move elements, and which of them are views") {
  std::mt19937_64 rng(3);
  std::map<std::string_view, bool> moves, plain;
  for_each_sample([&](Op op, const Sample& sample, const std::string& name) {
    const OpDef& def = op_def(op);
    if (!std::holds_alternative<ElementRule>(def.lower) || def.has(kElementwise) || def.max_operands != 1)
      return;
    INFO(name);
    const SampleGraph s = sample_graph(op, sample, rng);
    const auto note = [&](std::map<std::string_view, bool>& known, bool holds) {
      known[def.name] = known.try_emplace(def.name, true).first->second && holds;
    };
    note(moves, only_moves(s, s.inputs.at("x0")));
    note(plain, reads_plainly(s));
  });
  CHECK(moves.size() >= 6);
  for (const auto& [name, holds] : moves) {
    INFO(name);
    const OpDef& def = op_def(*find_op(name));
    CHECK(def.has(kMoves) == (holds && def.name != "detach"));
    // A relayout reads plainly too, but to put what it reads in another place.
    CHECK(def.has(kView) == (holds && plain.at(name) && def.name != "relayout"));
  }
}

TEST_CASE("samples satisfy their op's shape rule, verify, and survive printing") {
  std::mt19937_64 rng(1);
  for_each_sample([&](Op op, const Sample& sample, const std::string& name) {
    INFO(name);
    const Inferred inferred = infer_types(op, sample.operands, sample.attrs);
    REQUIRE(inferred.error.empty());
    if (op_def(op).has(kInternal)) return;
    SampleGraph s = sample_graph(op, sample, rng);
    for (size_t i = 0; i < s.results.size(); ++i)
      s.graph.outputs.push_back({fmt::format("y{}", i), s.results[i], {}});
    CHECK(verify(s.graph) == std::vector<std::string>());
    check_round_trip(s.graph);
  });
}

TEST_CASE("shape rules reject wrong operand counts and foreign attributes") {
  for_each_sample([&](Op op, const Sample& sample, const std::string& name) {
    INFO(name);
    const OpDef& def = op_def(op);
    std::vector<TensorType> operands = sample.operands;
    if (def.max_operands >= 0) {
      operands.resize(static_cast<size_t>(def.max_operands) + 1, {DType::f32, {}});
      CHECK(infer_types(op, operands, sample.attrs).error.starts_with(fmt::format("{}: takes ", def.name)));
    }
    const Attrs foreign =
        std::holds_alternative<NoAttrs>(sample.attrs) ? Attrs(AxisAttrs{}) : Attrs(NoAttrs{});
    CHECK(!infer_types(op, sample.operands, foreign).error.empty());
  });
}

TEST_CASE("no shape rule accepts or crashes on operands it does not know") {
  // Every op, on every operand of a set of odd types: either an error or types that are well formed.
  const std::vector<TensorType> odd = {
      {DType::f32, {}},     {DType::f32, {3}},    {DType::f32, {2, 3}},
      {DType::boolean, {}}, {DType::i32, {2}},    {DType::i64, {}},
      {DType::u8, {2, 3}},  {DType::f64, {1, 1}}, {DType::f32, {1, 1, 1, 1, 1}}};
  for (const OpDef* def : all_ops()) {
    const Op op = *find_op(def->name);
    const int count = std::max(def->min_operands, 1);
    for (size_t first = 0; first < odd.size(); ++first)
      for (size_t second = 0; second < odd.size(); ++second) {
        std::vector<TensorType> operands;
        for (int i = 0; i < count && def->max_operands != 0; ++i)
          operands.push_back(odd[i == 0 ? first : second]);
        INFO(def->name);
        std::vector<Attrs> attrs = {def->attrs};
        for (const Sample& sample : def->samples) attrs.push_back(sample.attrs);
        for (const Attrs& a : attrs) {
          const Inferred inferred = infer_types(op, operands, a);
          CHECK(inferred.error.empty() != inferred.types.empty());
        }
      }
  }
}

TEST_CASE("results have the inferred types and are finite on the samples") {
  std::mt19937_64 rng(2);
  for_each_sample([&](Op op, const Sample& sample, const std::string& name) {
    INFO(name);
    const SampleGraph s = sample_graph(op, sample, rng);
    const auto values = evaluate_all(s.graph, s.inputs).back();
    const auto& types = s.graph.nodes.back().types;
    REQUIRE(values.size() == types.size());
    for (size_t i = 0; i < values.size(); ++i) {
      CHECK(values[i].type == types[i]);
      CHECK(static_cast<int64_t>(values[i].data.size()) == types[i].elements());
      for (const double value : values[i].data) CHECK(std::isfinite(value));
    }
  });
}

TEST_CASE("derivatives agree with central differences, second ones too where an op is smooth") {
  std::mt19937_64 rng(3);
  size_t tested = 0;
  for_each_sample([&](Op op, const Sample& sample, const std::string& name) {
    const OpDef& def = op_def(op);
    // That of a loop holds a `grad`, which a pass works out: tests/run/scan_gradients.test.
    if (def.derivative.vjp == nullptr || std::holds_alternative<LoopRule>(def.lower)) return;
    INFO(name);
    SampleGraph s = sample_graph(op, sample, rng);
    Builder b(s.graph);
    std::vector<Value> results;
    std::vector<Value> weights;
    const auto weight = [&](Value value, std::string weight_name) {
      const TensorType type = b.type(value);
      s.inputs.emplace(weight_name, draw(type, -1, 1, rng));
      return b.input(std::move(weight_name), Role::input, type);
    };
    for (const Value& result : s.results) {
      if (!is_float(b.type(result).dtype)) continue;
      weights.push_back(weight(result, fmt::format("w{}", results.size())));
      results.push_back(result);
    }
    if (results.empty()) return;
    const Value y = weighted_sum(b, results, weights);
    b.output("y", y);
    std::vector<Value> of;
    std::map<std::string, std::string> first;
    for (size_t i = 0; i < s.operands.size(); ++i)
      if (is_float(b.type(s.operands[i]).dtype)) of.push_back(s.operands[i]);
    if (of.empty()) return;
    const auto adjoints = reverse(b, y, of);
    std::vector<Value> flows;
    std::vector<Value> flow_weights;
    for (size_t i = 0; i < of.size(); ++i) {
      const std::string input = std::get<InputAttrs>(b.graph().nodes[of[i].node].attrs).name;
      first[input] = adjoints[i] ? "d" + input : "";
      if (!adjoints[i]) continue;
      b.output("d" + input, *adjoints[i]);
      flows.push_back(*adjoints[i]);
      flow_weights.push_back(weight(*adjoints[i], "v" + input));
    }
    ++tested;
    REQUIRE(verify(s.graph) == std::vector<std::string>());
    check_derivatives(s.graph, s.inputs, "y", first);
    if (!def.has(kSmooth) || flows.empty()) return;

    const Value z = weighted_sum(b, flows, flow_weights);
    b.output("z", z);
    const auto seconds = reverse(b, z, of);
    std::map<std::string, std::string> second;
    for (size_t i = 0; i < of.size(); ++i) {
      const std::string input = std::get<InputAttrs>(b.graph().nodes[of[i].node].attrs).name;
      second[input] = seconds[i] ? "dd" + input : "";
      if (seconds[i]) b.output("dd" + input, *seconds[i]);
    }
    REQUIRE(verify(s.graph) == std::vector<std::string>());
    check_derivatives(s.graph, s.inputs, "z", second);
  });
  CHECK(tested > 40);
}

TEST_CASE("what is computed for all steps at once is what each step computes") {
  constexpr int64_t kSteps = 3;
  std::mt19937_64 rng(5);
  size_t tested = 0;
  for_each_sample([&](Op op, const Sample& sample, const std::string& name) {
    const LiftFn lift = lift_rule(op_def(op));
    if (lift == nullptr || sample.operands.empty() || op_def(op).has(kInternal)) return;
    const SampleGraph one = sample_graph(op, sample, rng);
    for (uint32_t which = 1; which < 1U << sample.operands.size(); ++which) {
      INFO(name << " " << which);
      Graph many;
      Builder b(many);
      std::vector<Value> operands;
      std::vector<bool> stacked;
      std::vector<TensorMap> steps(kSteps);
      TensorMap inputs;
      for (size_t i = 0; i < sample.operands.size(); ++i) {
        const std::string input = fmt::format("x{}", i);
        TensorType type = sample.operands[i];
        stacked.push_back((which >> i & 1) != 0);
        DenseTensor all = draw(type, sample.low, sample.high, rng);
        if (stacked[i]) {
          type.shape.insert(type.shape.begin(), kSteps);
          all = draw(type, sample.low, sample.high, rng);
        }
        const auto size = static_cast<std::ptrdiff_t>(sample.operands[i].elements());
        for (int64_t t = 0; t < kSteps; ++t) {
          const auto begin = all.data.begin() + (stacked[i] ? t * size : 0);
          steps[static_cast<size_t>(t)][input] = {sample.operands[i], {begin, begin + size}};
        }
        operands.push_back(b.input(input, Role::input, type));
        inputs.emplace(input, std::move(all));
      }
      const Node& node = one.graph.node(one.results[0]);
      const std::vector<Value> results = lift({b, node, operands, stacked, kSteps});
      REQUIRE(results.size() == node.types.size());
      for (size_t r = 0; r < results.size(); ++r) b.output(fmt::format("y{}", r), results[r]);
      const TensorMap found = evaluate(many, inputs);
      for (size_t r = 0; r < results.size(); ++r) {
        const DenseTensor& stack = found.at(fmt::format("y{}", r));
        REQUIRE(stack.type.elements() == kSteps * node.types[r].elements());
        for (int64_t t = 0; t < kSteps; ++t) {
          const DenseTensor step = evaluate_all(one.graph, steps[static_cast<size_t>(t)]).back()[r];
          for (size_t k = 0; k < step.data.size(); ++k)
            CHECK(stack.data[static_cast<size_t>(t) * step.data.size() + k] ==
                  Approx(step.data[k]).epsilon(1e-12).margin(1e-12));
        }
      }
      ++tested;
    }
  });
  CHECK(tested > 100);
}

TEST_CASE("fused ops compute what they expand to") {
  std::mt19937_64 rng(4);
  size_t tested = 0;
  for_each_sample([&](Op op, const Sample& sample, const std::string& name) {
    const auto* rule = std::get_if<ExpandRule>(&op_def(op).lower);
    if (rule == nullptr) return;
    INFO(name);
    ++tested;
    SampleGraph s = sample_graph(op, sample, rng);
    Builder b(s.graph);
    const Node node = s.graph.nodes.back();
    const std::vector<Value> expanded = rule->expand(b, node, s.operands);
    REQUIRE(expanded.size() == s.results.size());
    for (size_t i = 0; i < expanded.size(); ++i) {
      CHECK(b.type(expanded[i]) == b.type(s.results[i]));
      b.output(fmt::format("fused{}", i), s.results[i]);
      b.output(fmt::format("expanded{}", i), expanded[i]);
    }
    const TensorMap values = evaluate(s.graph, s.inputs);
    for (size_t i = 0; i < expanded.size(); ++i) {
      const auto& a = values.at(fmt::format("fused{}", i)).data;
      const auto& c = values.at(fmt::format("expanded{}", i)).data;
      for (size_t k = 0; k < a.size(); ++k) CHECK(a[k] == Approx(c[k]).epsilon(1e-12).margin(1e-12));
    }
  });
  CHECK(tested >= 7);
}

TEST_CASE("whole numbers of a model's text: exact, and as the reference has it where a double is exact") {
  const TensorType scalar{DType::f64, {}};
  int rows = 0;
  for (const OpDef* def : all_ops()) {
    if (def->whole == nullptr) continue;
    ++rows;
    CHECK(def->has(kElementwise));
    CHECK(def->min_operands == 2);
    CHECK(def->max_operands == 2);
    for (int64_t a = -9; a <= 9; ++a) {
      for (int64_t b = -9; b <= 9; ++b) {
        INFO(def->name << " of " << a << " and " << b);
        const std::vector<DenseTensor> x = {{scalar, {static_cast<double>(a)}},
                                            {scalar, {static_cast<double>(b)}}};
        const double reference = def->eval(x, def->attrs, std::span(&scalar, 1))[0].data[0];
        const WholeResult result = def->whole(a, b);
        if (const int64_t* whole = std::get_if<int64_t>(&result)) {
          CHECK(static_cast<double>(*whole) == reference);
        } else if (const double* real = std::get_if<double>(&result)) {
          CHECK(*real == reference);
        } else {
          CHECK(!std::isfinite(reference));
        }
      }
    }
  }
  CHECK(rows == 8);
}

TEST_CASE("whole numbers of a model's text: at their limits") {
  constexpr int64_t kLeast = INT64_MIN, kGreatest = INT64_MAX, kOdd = (int64_t{1} << 53) + 1;
  const auto of = [](Op op, int64_t a, int64_t b) { return op_def(op).whole(a, b); };
  const WholeResult too_large = "a whole number beyond 2^63", by_zero = "division by zero";
  CHECK(of(Op::add, kGreatest, 0) == WholeResult(kGreatest));
  CHECK(of(Op::add, kGreatest, 1) == too_large);
  CHECK(of(Op::sub, kLeast, 1) == too_large);
  CHECK(of(Op::mul, kOdd, 3) == WholeResult(kOdd * 3));
  CHECK(of(Op::mul, kGreatest, 2) == too_large);
  CHECK(of(Op::div, kOdd * 3, 3) == WholeResult(kOdd));
  CHECK(of(Op::div, 1, 4) == WholeResult(0.25));
  for (const Op division : {Op::div, Op::floordiv}) {
    CHECK(of(division, kLeast, -1) == too_large);
    CHECK(of(division, kGreatest, -1) == WholeResult(-kGreatest));
    CHECK(of(division, kLeast, 0) == by_zero);
  }
  CHECK(of(Op::floordiv, -kOdd, 2) == WholeResult(-(kOdd / 2) - 1));
  CHECK(of(Op::pow, 3, 39) == WholeResult(int64_t{4052555153018976267}));
  CHECK(of(Op::pow, -2, 63) == WholeResult(kLeast));
  CHECK(of(Op::pow, 2, 63) == too_large);
  CHECK(of(Op::pow, -1, kGreatest) == WholeResult(int64_t{-1}));
  CHECK(of(Op::pow, 0, -1) == by_zero);
  CHECK(of(Op::maximum, kOdd, kOdd - 1) == WholeResult(kOdd));
  CHECK(of(Op::minimum, kOdd, kOdd - 1) == WholeResult(kOdd - 1));
}

TEST_CASE("the notation of an op reads like mathematics") {
  const auto math = [](Op op, std::vector<MathText> operands, const Attrs& attrs = NoAttrs()) {
    return op_def(op).math(operands, attrs).text;
  };
  const MathText sum = {"a + b", 60};
  CHECK(math(Op::matmul, {sum, {"w", 100}}, MatmulAttrs{false, true}) == "(a + b) · wᵀ");
  CHECK(math(Op::reduce_sum, {sum}, ReduceAttrs{{1}}) == "sum(a + b, axis = 1)");
  CHECK(math(Op::permute, {sum}, PermuteAttrs{{1, 0}}) == "(a + b)ᵀ");
  CHECK(math(Op::softmax_xent_grad, {{"p", 100}, {"y", 100}, {"g", 100}}) == "(p − one_hot(y)) · g / n");
  CHECK(math(Op::grad, {{"loss", 100}, {"w", 100}}) == "∂loss/∂w");
}

TEST_CASE("docs/ops.md is what the table says") {
  const std::string text = ops_reference();
  for (const OpDef* def : all_ops())
    CHECK(text.find(fmt::format("\n## {}\n", def->name)) != std::string::npos);
  FILE* file = std::fopen(NNC_SOURCE_DIR "/docs/ops.md", "rb");
  REQUIRE(file != nullptr);
  std::string stored;
  for (int c; (c = std::fgetc(file)) != EOF;) stored += static_cast<char>(c);
  std::fclose(file);
  INFO("docs/ops.md is old: nnc ops --markdown > docs/ops.md");
  CHECK((stored == text));
}

}  // namespace
}  // namespace nnc::test
