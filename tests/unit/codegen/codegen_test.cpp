// Compiled code against the kernel-IR interpreter, bit for bit, and against the double interpreter, for whole
// training steps of dense nets at sizes that straddle vectors and tiles.
#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <set>

#include <fmt/format.h>

#include "harness.h"
#include "ir/graph/verify.h"
#include "passes/pass.h"

namespace nnc::test {
namespace {

// A two-layer net with softmax cross-entropy and SGD.
std::string mlp(int batch, int in, int hidden, int classes) {
  return fmt::format(
      R"(graph @train(x: f32[{0},{1}], label: i32[{0}] classes {3}, param fc1.weight: f32[{2},{1}],
    param fc1.bias: f32[{2}], param fc2.weight: f32[{3},{2}], param fc2.bias: f32[{3}], scalar lr: f64) {{
  %0 = matmul x, fc1.weight {{transpose_b}} : f32[{0},{2}]
  %1 = broadcast fc1.bias {{shape=[{0},{2}], axes=[1]}} : f32[{0},{2}]
  %2 = add %0, %1 : f32[{0},{2}]
  %3 = constant 0 : f32[{0},{2}]
  %4 = maximum %2, %3 : f32[{0},{2}]
  %5 = matmul %4, fc2.weight {{transpose_b}} : f32[{0},{3}]
  %6 = broadcast fc2.bias {{shape=[{0},{3}], axes=[1]}} : f32[{0},{3}]
  %7 = add %5, %6 : f32[{0},{3}]
  %8 = reduce_max %7 {{axes=[1]}} : f32[{0}]
  %9 = detach %8 : f32[{0}]
  %10 = broadcast %9 {{shape=[{0},{3}], axes=[0]}} : f32[{0},{3}]
  %11 = sub %7, %10 : f32[{0},{3}]
  %12 = exp %11 : f32[{0},{3}]
  %13 = reduce_sum %12 {{axes=[1]}} : f32[{0}]
  %14 = log %13 : f32[{0}]
  %15 = broadcast %14 {{shape=[{0},{3}], axes=[0]}} : f32[{0},{3}]
  %16 = sub %11, %15 : f32[{0},{3}]
  %17 = pick %16, label : f32[{0}]
  %18 = reduce_sum %17 {{axes=[0]}} : f32[]
  %19 = constant {0} : f32[]
  %20 = div %18, %19 : f32[]
  %21 = neg %20 : f32[]
  %22:4 = grad %21, fc1.weight, fc1.bias, fc2.weight, fc2.bias : f32[{2},{1}], f32[{2}], f32[{3},{2}], f32[{3}]
  %26 = cast lr {{dtype=f32}} : f32[]
  %27 = broadcast %26 {{shape=[{2},{1}], axes=[]}} : f32[{2},{1}]
  %28 = mul %27, %22.0 : f32[{2},{1}]
  %29 = sub fc1.weight, %28 : f32[{2},{1}]
  %30 = broadcast %26 {{shape=[{2}], axes=[]}} : f32[{2}]
  %31 = mul %30, %22.1 : f32[{2}]
  %32 = sub fc1.bias, %31 : f32[{2}]
  %33 = broadcast %26 {{shape=[{3},{2}], axes=[]}} : f32[{3},{2}]
  %34 = mul %33, %22.2 : f32[{3},{2}]
  %35 = sub fc2.weight, %34 : f32[{3},{2}]
  %36 = broadcast %26 {{shape=[{3}], axes=[]}} : f32[{3}]
  %37 = mul %36, %22.3 : f32[{3}]
  %38 = sub fc2.bias, %37 : f32[{3}]
  return loss = %21, fc1.weight <- %29, fc1.bias <- %32, fc2.weight <- %35, fc2.bias <- %38
}}
)",
      batch, in, hidden, classes);
}

void same_bits(const Outputs& a, const Outputs& b) {
  REQUIRE(a.size() == b.size());
  for (const auto& [name, values] : a) {
    INFO(name);
    REQUIRE(values.size() == b.at(name).size());
    for (size_t i = 0; i < values.size(); ++i)
      if (!is_same(values[i], b.at(name)[i])) {
        INFO("element " << i << ": " << values[i] << " and " << b.at(name)[i]);
        REQUIRE(is_same(values[i], b.at(name)[i]));
      }
  }
}

// `count` numbers, `number(i)` each, as graph text has them.
std::string numbers(int count, const std::function<std::string(int)>& number) {
  std::string text;
  for (int i = 0; i < count; ++i) text += (i == 0 ? "" : ", ") + number(i);
  return text;
}

void near(const Outputs& a, const TensorMap& reference, double tolerance) {
  for (const auto& [name, values] : a) {
    INFO(name);
    const std::vector<double>& expected = reference.at(name).data;
    REQUIRE(values.size() == expected.size());
    for (size_t i = 0; i < values.size(); ++i)
      if (!(std::abs(values[i] - expected[i]) <= tolerance * std::max(1.0, std::abs(expected[i])))) {
        INFO("element " << i);
        REQUIRE(values[i] == Approx(expected[i]));
      }
  }
}

}  // namespace

TEST_CASE("a training step gives the same bits under every schedule, thread count and instruction set") {
  const auto [batch, in, hidden, classes] = GENERATE(table<int, int, int, int>({
      {1, 3, 2, 2},
      {5, 7, 3, 4},
      {32, 64, 32, 10},
      {17, 33, 18, 5},
      {16, 300, 15, 3},
      {33, 130, 100, 20},
      {32, 128, 192, 10},
  }));
  const std::string text = mlp(batch, in, hidden, classes);
  const Graph graph = prepare(text);
  const TensorMap inputs = random_inputs(graph, 7, classes);
  CodegenOptions plain;
  plain.schedule = false;
  const Outputs oracle = run_interpreted(graph, inputs, plain);
  near(oracle, evaluate(prepare(text), inputs), 1e-4);

  SECTION("the empty schedule") {
    same_bits(run_compiled(graph, inputs, plain), oracle);
  }
  SECTION("the scheduled kernels, interpreted") {
    same_bits(run_interpreted(graph, inputs, {}), oracle);
  }
  SECTION("compiled") {
    same_bits(run_compiled(graph, inputs, {}), oracle);
  }
  SECTION("compiled for AVX2") {
    CodegenOptions options;
    options.isa = "avx2";
    same_bits(run_compiled(graph, inputs, options), oracle);
  }
  SECTION("two and four threads") {
    CodegenOptions options;
    for (const int threads : {2, 4}) {
      options.threads = threads;
      Diagnostics diagnostics;
      CHECK(lower_graph(graph, options, diagnostics)->serial ==
            (hidden < 100));  // the smaller are not worth sharing
      same_bits(run_compiled(graph, inputs, options, threads), oracle);
    }
  }
  SECTION("random schedules") {
    for (uint64_t seed = 1; seed <= 4; ++seed) {
      INFO("seed " << seed);
      CodegenOptions options;
      options.schedule_seed = seed;
      same_bits(run_compiled(graph, inputs, options, 2), oracle);
    }
  }
}

TEST_CASE("constants that are data are read from memory, in every dtype and wherever an operand may stand") {
  const auto real = [](int i) { return fmt::format("{}", (i * 37 % 101 - 50) / 64.0); };
  const std::string text = fmt::format(
      R"(graph @train(x: f32[5,40], n: i32[40], m: i64[40]) {{
  %0 = constant @0 : f32[40,24]
  %1 = matmul x, %0 : f32[5,24]
  %2 = matmul %1, %0 {{transpose_b}} : f32[5,40]
  %3 = add %2, x : f32[5,40]
  %4 = exp %0 : f32[40,24]
  %5 = reduce_sum %4 {{axes=[1]}} : f32[40]
  %6 = broadcast %5 {{shape=[5,40], axes=[1]}} : f32[5,40]
  %7 = mul %3, %6 : f32[5,40]
  %8 = constant @1 : i32[40]
  %9 = add %8, n : i32[40]
  %10 = constant @2 : bool[40]
  %11 = where %10, %9, n : i32[40]
  %12 = constant @3 : i64[40]
  %13 = add %12, m : i64[40]
  %14 = constant @0 : f32[40,24]
  %15 = slice %14 {{begin=[3,2], end=[40,24]}} : f32[37,22]
  return product = %7, chosen = %11, wide = %13, cut = %15, whole = %0
  data @0 = [{}]
  data @1 = [{}]
  data @2 = [{}]
  data @3 = [{}]
}}
)",
      numbers(40 * 24, real), numbers(40, [](int i) { return fmt::format("{}", i * 1000003 - 9); }),
      numbers(40, [](int i) { return fmt::format("{}", i % 3 == 0 ? 1 : 0); }),
      numbers(40, [](int i) { return fmt::format("{}", (int64_t{i} - 20) << 40); }));
  const Graph graph = prepare(text);
  const TensorMap inputs = random_inputs(graph, 3);
  CodegenOptions plain;
  plain.schedule = false;
  const Outputs oracle = run_interpreted(graph, inputs, plain);
  near(oracle, evaluate(graph, inputs), 1e-4);
  for (const char* isa : {"", "avx2"}) {
    CodegenOptions options;
    options.isa = isa;
    same_bits(run_compiled(graph, inputs, options), oracle);
  }
  Diagnostics diagnostics;
  const kernel::Program program = *lower_graph(graph, plain, diagnostics);
  std::set<DType> dtypes;
  std::set<std::pair<DType, std::vector<double>>> different;
  size_t data = 0;
  for (const kernel::Slot& slot : program.slots) {
    if (slot.kind != kernel::Slot::Kind::constant) continue;
    ++data;
    dtypes.insert(slot.type.dtype);
    different.insert({slot.type.dtype, slot.values});
  }
  CHECK(dtypes == std::set<DType>{DType::f32, DType::i32, DType::i64, DType::boolean});
  CHECK(different.size() == data);
}

TEST_CASE("16 numbers are written into the code, 17 are data") {
  for (const int count : {16, 17}) {
    const Graph graph =
        prepare(fmt::format("graph @g(x: f32[{0}]) {{\n %0 = constant [{1}] : f32[{0}]\n %1 = add x, %0 : "
                            "f32[{0}]\n return y = %1\n}}",
                            count, numbers(count, [](int i) { return fmt::format("{}", i * i); })));
    Diagnostics diagnostics;
    const kernel::Program program = *lower_graph(graph, {}, diagnostics);
    const auto is_data = [](const kernel::Slot& slot) { return slot.kind == kernel::Slot::Kind::constant; };
    CHECK(std::any_of(program.slots.begin(), program.slots.end(), is_data) == (count == 17));
  }
}

TEST_CASE("long sums: whole blocks and a rest, over one axis and two") {
  const auto [rows, columns, axes, left] = GENERATE(table<int, int, std::string, std::string>({
      {8192, 1, "0,1", ""},
      {8193, 1, "0", "1"},
      {12300, 2, "0", "2"},
      {20481, 3, "0", "3"},
      {9000, 17, "0", "17"},
      {300, 97, "0,1", ""},
      {3, 30011, "1", "3"},
      {7, 8200, "0,1", ""},
  }));
  const Graph graph =
      prepare(fmt::format("graph @g(x: f32[{0},{1}]) {{\n %0 = mul x, x : f32[{0},{1}]\n %1 = reduce_sum %0 "
                          "{{axes=[{2}]}} : f32[{3}]\n"
                          " %2 = reduce_max x {{axes=[{2}]}} : f32[{3}]\n return sum = %1, max = %2\n}}",
                          rows, columns, axes, left));
  const TensorMap inputs = random_inputs(graph, 11);
  CodegenOptions plain;
  plain.schedule = false;
  const Outputs oracle = run_interpreted(graph, inputs, plain);
  near(oracle, evaluate(graph, inputs), 1e-5);
  same_bits(run_compiled(graph, inputs, plain), oracle);
  same_bits(run_compiled(graph, inputs, {}), oracle);
}

// The reference computes in double, whose range holds the squares of all numbers of f32.
TEST_CASE("the gradient of atan2 neither overflows nor underflows on its way") {
  const Graph graph = prepare(R"(graph @g(y: f32[13], x: f32[13]) {
  %0 = atan2 y, x : f32[13]
  %1 = reduce_sum %0 {axes=[0]} : f32[]
  %2:2 = grad %1, y, x : f32[13], f32[13]
  return dy = %2.0, dx = %2.1
})");
  const auto f32s = [](const std::vector<float>& values) {
    return DenseTensor{{DType::f32, {13}}, {values.begin(), values.end()}};
  };
  const TensorMap inputs = {
      {"y", f32s({1e20F, 1e30F, 3e38F, -2e19F, 1e-25F, -1e-20F, 2e-38F, 1, 1e30F, 1e-10F, 0, 1e-30F, 3})},
      {"x", f32s({2e20F, -1e19F, 3e38F, 3e19F, 1e-25F, 1e-30F, 1e-37F, 1e30F, 1, -1e20F, 1e25F, 0, -4})}};
  const TensorMap expected = evaluate(graph, inputs);
  for (const auto& [name, values] : run_compiled(graph, inputs, {}))
    for (size_t i = 0; i < values.size(); ++i) {
      INFO(name << "[" << i << "]");
      const double exact = expected.at(name).data[i];
      const bool below_normal = std::abs(exact) < 0x1p-126;
      CHECK(std::abs(values[i] - exact) <= (below_normal ? 0x1p-126 : 1e-6 * std::abs(exact)));
    }
}

TEST_CASE("a new value is written over the old one unless the kernel still needs that at another place") {
  const auto [what, body, copies] = GENERATE(table<std::string, std::string, int>({
      {"its row's sum",
       R"(%0 = reduce_sum u {axes=[1]} : f32[4]
  %1 = broadcast %0 {shape=[4,8], axes=[0]} : f32[4,8]
  %2 = sub u, %1 : f32[4,8]
  return u <- %2)",
       0},
      {"what was computed of the element before it",
       R"(%0 = reduce_sum x {axes=[0,1]} : f32[]
  %1 = broadcast %0 {shape=[4], axes=[]} : f32[4]
  %2 = mul w, %1 : f32[4]
  %3 = slice %2 {begin=[0], end=[3]} : f32[3]
  %4 = pad %3 {shape=[4], begin=[1]} : f32[4]
  %5 = add w, %4 : f32[4]
  return w <- %5)",
       1},
      {"what was computed of a part, as elements of the part lie",
       R"(%0 = reduce_sum x {axes=[0,1]} : f32[]
  %1 = broadcast %0 {shape=[3], axes=[]} : f32[3]
  %2 = slice w {begin=[0], end=[3]} : f32[3]
  %3 = mul %2, %1 : f32[3]
  %4 = pad %3 {shape=[4], begin=[1]} : f32[4]
  %5 = add w, %4 : f32[4]
  return w <- %5)",
       1},
      {"new values of two shapes, the second of which needs both old ones",
       R"(%0 = mul u, x : f32[4,8]
  %1 = reduce_sum %0 {axes=[1]} : f32[4]
  %2 = sub w, %1 : f32[4]
  %3 = mul w, %1 : f32[4]
  %4 = broadcast %3 {shape=[4,8], axes=[0]} : f32[4,8]
  %5 = sub u, %4 : f32[4,8]
  return w <- %2, u <- %5)",
       1},
  }));
  INFO(what);
  const Graph graph =
      prepare("graph @step(x: f32[4,8], param u: f32[4,8], param w: f32[4]) {\n  " + body + "\n}\n");
  CodegenOptions plain;
  plain.schedule = false;
  Diagnostics diagnostics;
  const kernel::Program program = *lower_graph(graph, plain, diagnostics);
  CHECK(std::ranges::count_if(program.kernels,
                              [](const kernel::Kernel& k) { return k.name.starts_with("copy."); }) == copies);
  const TensorMap inputs = random_inputs(graph, 5);
  const Outputs oracle = run_interpreted(graph, inputs, plain);
  near(oracle, evaluate(graph, inputs), 1e-5);
  same_bits(run_compiled(graph, inputs, {}), oracle);
}

}  // namespace nnc::test
