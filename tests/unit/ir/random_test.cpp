// Random numbers: the generator against its authors' test vectors, and what is drawn from it.
#include "helpers.h"
#include "ir/scalar/compute.h"
#include "support/philox.h"

namespace nnc::test {
namespace {

std::vector<double> draw_random(RandomAttrs attrs, double seed, double step) {
  const TensorType scalar = {DType::i64, {}};
  const std::vector<DenseTensor> operands = {{scalar, {seed}}, {scalar, {step}}};
  const std::vector<TensorType> types = {{DType::f32, attrs.shape}};
  return op_def(Op::random).eval(operands, attrs, types)[0].data;
}

TEST_CASE("Philox4x32-10 gives the known answers of Random123") {
  const auto block = [](uint64_t key, uint64_t low, uint64_t high) {
    std::vector<uint32_t> words;
    for (const uint32_t word : philox_block(key, low, high)) words.push_back(word);
    return words;
  };
  CHECK(block(0, 0, 0) == std::vector<uint32_t>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(block(~uint64_t{0}, ~uint64_t{0}, ~uint64_t{0}) ==
        std::vector<uint32_t>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(block(0x299f31d0a4093822, 0x85a308d3243f6a88, 0x0370734413198a2e) ==
        std::vector<uint32_t>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("the scalar rule of random_bits gives the reference's bits") {
  std::mt19937_64 rng(11);
  ComputingScalars scalars;
  for (int i = 0; i < 1000; ++i) {
    const uint64_t key = rng();
    const uint64_t step = rng();
    const uint64_t index = i < 8 ? static_cast<uint64_t>(i) : rng() >> 24;
    const auto number = [](uint64_t v) { return scalar_i64(static_cast<int64_t>(v)); };
    const std::vector<ScalarValue> operands = {number(key & 0xffffffff), number(key >> 32), number(step),
                                               number(index)};
    const uint32_t expected = philox_block(key, index / 4, step)[index % 4] >> 8;
    const int32_t found = i32_of(op_def(Op::random_bits).scalar(scalars, operands, DType::i32));
    REQUIRE(found == static_cast<int32_t>(expected));
  }
}

TEST_CASE("a draw depends on seed, step, stream and index, and on nothing else") {
  const RandomAttrs attrs = {Distribution::uniform, 0, 1, {6, 10}, "fc.weight"};
  const std::vector<double> numbers = draw_random(attrs, 1, 2);
  CHECK(draw_random(attrs, 1, 2) == numbers);
  CHECK(draw_random(attrs, 2, 2) != numbers);
  CHECK(draw_random(attrs, 1, 3) != numbers);
  RandomAttrs other = attrs;
  other.stream = "fc.bias";
  CHECK(draw_random(other, 1, 2) != numbers);
  other = attrs;
  other.shape = {60};  // the same row-major positions
  CHECK(draw_random(other, 1, 2) == numbers);
}

TEST_CASE("draws have the moments of their distribution") {
  constexpr int64_t kCount = 200'000;
  const auto moments = [](const std::vector<double>& numbers) {
    double mean = 0;
    for (const double x : numbers) mean += x / kCount;
    double variance = 0;
    for (const double x : numbers) variance += (x - mean) * (x - mean) / kCount;
    return std::pair(mean, variance);
  };
  // Five standard errors of the mean; the seed is fixed, so this is no matter of luck from run to run.
  const auto uniform = draw_random({Distribution::uniform, -2, 4, {kCount}, "u"}, 3, 0);
  CHECK(*std::ranges::min_element(uniform) >= -2);
  CHECK(*std::ranges::max_element(uniform) <= 4);
  CHECK(moments(uniform).first == Approx(1).margin(5 * std::sqrt(3.0 / kCount)));
  CHECK(moments(uniform).second == Approx(3).epsilon(0.01));
  const auto normal = draw_random({Distribution::normal, 1, 2, {kCount}, "n"}, 3, 0);
  CHECK(moments(normal).first == Approx(1).margin(5 * 2 / std::sqrt(double{kCount})));
  CHECK(moments(normal).second == Approx(4).epsilon(0.02));
  double tail = 0;
  for (const double x : normal) tail += std::abs(x - 1) > 2 * 1.959964 ? 1.0 / kCount : 0;
  CHECK(tail == Approx(0.05).margin(0.0025));
  const auto bernoulli = draw_random({Distribution::bernoulli, 0.3, 0, {kCount}, "b"}, 3, 0);
  CHECK(moments(bernoulli).first == Approx(0.3).margin(5 * std::sqrt(0.21 / kCount)));
  for (const double p : {0.0, 1.0})
    CHECK(draw_random({Distribution::bernoulli, p, 0, {100}, "b"}, 3, 0) == std::vector<double>(100, p));
}

TEST_CASE("erfinv inverts erf") {
  ComputingScalars scalars;
  const auto erfinv = [&](float x) {
    const ScalarValue operand = scalar_f32(x);
    return f32_of(op_def(Op::erfinv).scalar(scalars, std::span(&operand, 1), DType::f32));
  };
  for (double x = -1 + 0x1p-23; x < 1; x += 0.00037) {
    const auto rounded = static_cast<float>(x);
    const double reference = op_def(Op::erfinv)
                                 .eval(std::vector<DenseTensor>{{{DType::f32, {}}, {double{rounded}}}},
                                       NoAttrs(), std::vector<TensorType>{{DType::f32, {}}})[0]
                                 .data[0];
    REQUIRE(std::erf(reference) == Approx(rounded).epsilon(1e-13).margin(1e-15));
    REQUIRE(erfinv(rounded) == Approx(reference).epsilon(6e-7).margin(1e-12));
  }
  CHECK(erfinv(1) == INFINITY);
  CHECK(erfinv(-1) == -INFINITY);
  CHECK(std::isnan(erfinv(1.5f)));
  CHECK(erfinv(0) == 0);
}

}  // namespace
}  // namespace nnc::test
