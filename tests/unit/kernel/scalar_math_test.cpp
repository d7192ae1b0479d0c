// The accuracy promised in docs/numerics.md, measured against the C++ library in the next wider format, and
// the special values.
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>

#include <catch2/catch.hpp>

#include "ir/scalar/compute.h"
#include "ir/scalar/math.h"

namespace nnc {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

using Unary = ScalarValue (*)(ScalarBuilder&, ScalarValue);

float run(Unary f, float x) {
  ComputingScalars scalars;
  const FlushToZero flush;
  return f32_of(f(scalars, scalar_f32(x)));
}
double run(Unary f, double x) {
  ComputingScalars scalars;
  const FlushToZero flush;
  return f64_of(f(scalars, scalar_f64(x)));
}
float run_pow(float a, float b) {
  ComputingScalars scalars;
  const FlushToZero flush;
  return f32_of(scalar_pow(scalars, scalar_f32(a), scalar_f32(b)));
}
double run_pow(double a, double b) {
  ComputingScalars scalars;
  const FlushToZero flush;
  return f64_of(scalar_pow(scalars, scalar_f64(a), scalar_f64(b)));
}

// The distance in units of the last place of `expected`, in a format of `digits` bits. What has no finite
// normal value in that format counts as right (0) or wrong (infinite): overflow must be infinite, underflow
// at most the least normal number.
template <class Wide>
Wide error_in_ulp(Wide got, Wide expected, int digits, int least_exponent, Wide greatest) {
  constexpr Wide wrong = std::numeric_limits<Wide>::infinity();
  if (std::isnan(expected)) return std::isnan(got) ? 0 : wrong;
  if (std::fabs(expected) > greatest) return got == (expected > 0 ? wrong : -wrong) ? 0 : wrong;
  const Wide least = std::ldexp(Wide{1}, least_exponent);
  if (std::fabs(expected) < least) return std::fabs(got) <= least ? 0 : wrong;
  int exponent = 0;
  std::frexp(expected, &exponent);
  const Wide error = std::fabs(got - expected) / std::ldexp(Wide{1}, exponent - digits);
  return std::isnan(error) ? wrong : error;
}
double error_f32(float got, double expected) {
  return error_in_ulp<double>(got, expected, 24, -126, std::numeric_limits<float>::max());
}
long double error_f64(double got, long double expected) {
  return error_in_ulp<long double>(got, expected, 53, -1022, std::numeric_limits<double>::max());
}

struct Worst {
  double ulp = 0;
  double at = 0;
  void add(double error, double x) {
    if (error > ulp) ulp = error, at = x;
  }
};

// Every `stride`-th f32 of all 2^32 (no subnormals: they count as 0), and 2^17 between `low` and `high`,
// where the function is interesting.
Worst sweep(Unary f, double (*expected)(double), float low, float high) {
  Worst worst;
  const auto visit = [&](float x) {
    if (!std::isnan(x) && std::fpclassify(x) != FP_SUBNORMAL) worst.add(error_f32(run(f, x), expected(x)), x);
  };
  for (uint64_t bits = 0; bits < (uint64_t{1} << 32); bits += 4099)
    visit(std::bit_cast<float>(static_cast<uint32_t>(bits)));
  for (int i = 0; i <= 1 << 17; ++i) visit(low + (high - low) * static_cast<float>(i) * 0x1p-17f);
  return worst;
}

double sigmoid(double x) {
  return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x));
}
double softplus(double x) {
  return std::fmax(x, 0) + std::log1p(std::exp(-std::fabs(x)));
}

}  // namespace

TEST_CASE("f32 functions stay within their bounds over all exponents", "[scalar_math]") {
  struct Row {
    const char* name;
    Unary f;
    double (*expected)(double);
    float low, high;
    double bound;  // in ulp
  };
  const Row row = GENERATE(values<Row>({
      {"exp", scalar_exp, std::exp, -88, 89, 1.0},
      {"log", scalar_log, std::log, 0.25, 4, 1.0},
      {"tanh", scalar_tanh, std::tanh, -10, 10, 2.5},
      {"erf", scalar_erf, std::erf, -4, 4, 2.0},
      {"sigmoid", scalar_sigmoid, sigmoid, -88, 20, 2.5},
      {"softplus", scalar_softplus, softplus, -20, 20, 2.0},
      {"sin", scalar_sin, std::sin, -20, 20, 0.51},
      {"cos", scalar_cos, std::cos, -20, 20, 0.51},
      {"tan", scalar_tan, std::tan, -20, 20, 0.51},
      {"asin", scalar_asin, std::asin, -1, 1, 0.51},
      {"acos", scalar_acos, std::acos, -1, 1, 0.51},
      {"atan", scalar_atan, std::atan, -5, 5, 0.51},
      {"sinh", scalar_sinh, std::sinh, -90, 90, 0.51},
      {"cosh", scalar_cosh, std::cosh, -90, 90, 0.51},
      {"exp2", scalar_exp2, std::exp2, -127, 129, 0.51},
      {"expm1", scalar_expm1, std::expm1, -20, 89, 0.58},
      {"log1p", scalar_log1p, std::log1p, -1, 4, 0.58},
      {"log2", scalar_log2, std::log2, 0.25, 4, 0.51},
      {"log10", scalar_log10, std::log10, 0.25, 4, 0.51},
  }));
  const Worst worst = sweep(row.f, row.expected, row.low, row.high);
  INFO(row.name << ": " << worst.ulp << " ulp at " << worst.at);
  CHECK(worst.ulp <= row.bound);
  CHECK(worst.ulp > 0.49);  // a sweep that saw nothing would be 0
}

// The closest that an f32 comes to a multiple of pi/2 among those of each exponent, and far ones.
TEST_CASE("the angles of sin, cos and tan may be as large as they like", "[scalar_math]") {
  std::mt19937 random(1);
  Worst worst;
  const auto visit = [&](float x) {
    worst.add(error_f32(run(scalar_sin, x), std::sin(static_cast<double>(x))), x);
    worst.add(error_f32(run(scalar_cos, x), std::cos(static_cast<double>(x))), x);
    worst.add(error_f32(run(scalar_tan, x), std::tan(static_cast<double>(x))), x);
  };
  for (const float x : {0x1.921fb6p0f, 0x1.921fb4p0f, 0x1.921fb6p1f, 0x1.6a09e6p100f, 16367173.0f * 0x1p72f,
                        0x1.6f5b9ap5f, 3.4028235e38f, 1e10f, 0x1p52f, 0x1p79f, 0x1p106f, 0x1.fffffep51f,
                        0x1.fffffep78f, 0x1.fffffep105f, 0x1.a3c1bcp78f})
    visit(x), visit(-x);
  for (int i = 0; i < 1 << 18; ++i) {
    const auto exponent = static_cast<uint32_t>(random() % 150 + 105);
    visit(std::bit_cast<float>(exponent << 23 | static_cast<uint32_t>(random() & 0x7fffff)));
    // Whole multiples of pi/2, rounded to f32.
    visit(static_cast<float>(std::ldexp(1 + random() * 0x1p-32, static_cast<int>(random() % 24)) *
                             0x1.921fb54442d18p0));
  }
  INFO(worst.ulp << " ulp at " << worst.at);
  CHECK(worst.ulp <= 0.51);
  for (const float x : {kInf, -kInf, kNaN}) {
    CHECK(std::isnan(run(scalar_sin, x)));
    CHECK(std::isnan(run(scalar_cos, x)));
    CHECK(std::isnan(run(scalar_tan, x)));
  }
}

TEST_CASE("the signs of zeros, exact values and ends of the elementary functions", "[scalar_math]") {
  const auto same = [](float a, float b) { return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b); };
  for (const Unary f : {Unary{scalar_sin}, Unary{scalar_tan}, Unary{scalar_asin}, Unary{scalar_atan},
                        Unary{scalar_sinh}, Unary{scalar_expm1}, Unary{scalar_log1p}}) {
    CHECK(same(run(f, 0.0f), 0.0f));
    CHECK(same(run(f, -0.0f), -0.0f));
    CHECK(same(run(f, 1e-30f), 1e-30f));
  }
  CHECK(run(scalar_cos, 0.0f) == 1);
  CHECK(run(scalar_exp2, 10.0f) == 1024);
  CHECK(run(scalar_exp2, -126.0f) == 0x1p-126f);
  CHECK(run(scalar_exp2, 128.0f) == kInf);
  CHECK(run(scalar_log2, 0x1p-100f) == -100);
  CHECK(run(scalar_log10, 1e10f) == 10);
  CHECK(run(scalar_log2, 0.0f) == -kInf);
  CHECK(run(scalar_log1p, -1.0f) == -kInf);
  CHECK(std::isnan(run(scalar_log1p, -1.5f)));
  CHECK(std::isnan(run(scalar_log10, -1.0f)));
  CHECK(std::isnan(run(scalar_asin, 1.0000001f)));
  CHECK(std::isnan(run(scalar_acos, -1.0000001f)));
  CHECK(run(scalar_acos, -1.0f) == 3.14159274f);
  CHECK(run(scalar_atan, kInf) == 1.57079637f);
  CHECK(run(scalar_sinh, -kInf) == -kInf);
  CHECK(run(scalar_sinh, 89.4f) < kInf);
  CHECK(run(scalar_cosh, -kInf) == kInf);
  CHECK(run(scalar_expm1, -kInf) == -1);
  const auto atan2 = [](float y, float x) {
    ComputingScalars scalars;
    const FlushToZero flush;
    return f32_of(scalar_atan2(scalars, scalar_f32(y), scalar_f32(x)));
  };
  for (const float y : {0.0f, -0.0f, 1.0f, -1.0f, 1e-30f, 3e38f, -3e38f, kInf, -kInf, kNaN, 0.3f})
    for (const float x : {0.0f, -0.0f, 1.0f, -1.0f, 1e-30f, 3e38f, -3e38f, kInf, -kInf, kNaN, -0.7f}) {
      INFO("atan2(" << y << ", " << x << ")");
      const double expected = std::atan2(static_cast<double>(y), static_cast<double>(x));
      CHECK(error_f32(atan2(y, x), expected) <= 0.51);
      if (!std::isnan(expected)) CHECK(std::signbit(atan2(y, x)) == std::signbit(expected));
    }
}

TEST_CASE("f32 functions at special values", "[scalar_math]") {
  for (const Unary f : {Unary{scalar_exp}, Unary{scalar_log}, Unary{scalar_tanh}, Unary{scalar_erf},
                        Unary{scalar_sigmoid}, Unary{scalar_softplus}})
    for (const uint32_t nan : {0x7fc00000u, 0xffc00000u, 0x7fffffffu, 0x7fc00001u})
      CHECK(std::isnan(run(f, std::bit_cast<float>(nan))));

  CHECK(run(scalar_exp, -1e30f) == 0);
  CHECK(run(scalar_exp, -kInf) == 0);
  CHECK(run(scalar_exp, -87.4f) == 0);
  CHECK(run(scalar_exp, 0.0f) == 1);
  CHECK(run(scalar_exp, 100.0f) == kInf);
  CHECK(run(scalar_exp, kInf) == kInf);
  CHECK(run(scalar_exp, 88.72283f) < kInf);
  CHECK(run(scalar_log, 0.0f) == -kInf);
  CHECK(run(scalar_log, -0.0f) == -kInf);
  CHECK(run(scalar_log, 1e-40f) == -kInf);  // subnormal, hence 0
  CHECK(run(scalar_log, 1.0f) == 0);
  CHECK(run(scalar_log, kInf) == kInf);
  CHECK(std::isnan(run(scalar_log, -1.0f)));
  CHECK(std::isnan(run(scalar_log, -kInf)));
  CHECK(run(scalar_tanh, kInf) == 1);
  CHECK(run(scalar_tanh, -kInf) == -1);
  CHECK(run(scalar_tanh, 1e30f) == 1);
  CHECK(run(scalar_tanh, 0.0f) == 0);
  CHECK(run(scalar_tanh, 1e-30f) == 1e-30f);
  CHECK(run(scalar_erf, kInf) == 1);
  CHECK(run(scalar_erf, -kInf) == -1);
  CHECK(run(scalar_erf, 0.0f) == 0);
  CHECK(run(scalar_sigmoid, kInf) == 1);
  CHECK(run(scalar_sigmoid, -kInf) == 0);
  CHECK(run(scalar_sigmoid, 0.0f) == 0.5f);
  CHECK(run(scalar_softplus, kInf) == kInf);
  CHECK(run(scalar_softplus, -kInf) == 0);
  CHECK(run(scalar_softplus, 1e30f) == 1e30f);
}

TEST_CASE("tanh and erf are odd to the bit", "[scalar_math]") {
  for (int i = 1; i < 20000; ++i) {
    const float x = static_cast<float>(i) * 0x1.3p-11f;
    REQUIRE(run(scalar_tanh, -x) == -run(scalar_tanh, x));
    REQUIRE(run(scalar_erf, -x) == -run(scalar_erf, x));
  }
}

TEST_CASE("functions do not fall where they rise", "[scalar_math]") {
  // Not promised to the last bit; but a seam between pieces would show as a fall by more than an ulp or two.
  for (const Unary f : {Unary{scalar_tanh}, Unary{scalar_erf}, Unary{scalar_softplus}, Unary{scalar_exp}})
    for (float x = -5; x < 5; x += 0x1.1p-9f)
      REQUIRE(run(f, x + 0x1.1p-9f) >= run(f, x) * (x < 0 ? 1.0f : 0.9999998f));
}

TEST_CASE("f64 exp, log and pow against long double", "[scalar_math]") {
  std::mt19937_64 random(7);
  std::uniform_real_distribution<double> unit(0, 1);
  Worst exp, log, pow;
  for (int i = 0; i < 200000; ++i) {
    const double x = (unit(random) - 0.5) * (i % 2 == 0 ? 2 : 1416);
    exp.add(static_cast<double>(error_f64(run(scalar_exp, x), std::exp(static_cast<long double>(x)))), x);
    const double y = std::exp((unit(random) - 0.5) * (i % 3 == 0 ? 1400 : i % 3 == 1 ? 2 : 1e-3));
    log.add(static_cast<double>(error_f64(run(scalar_log, y), std::log(static_cast<long double>(y)))), y);
    const double a = std::exp((unit(random) - 0.5) * (i % 3 == 0 ? 1400 : i % 3 == 1 ? 2 : 1e-4));
    const double b = (unit(random) - 0.5) * 1400 / std::log(a);
    if (!std::isfinite(b)) continue;
    const long double expected = std::pow(static_cast<long double>(a), static_cast<long double>(b));
    pow.add(static_cast<double>(error_f64(run_pow(a, b), expected)), a);
  }
  INFO("exp " << exp.ulp << " at " << exp.at << ", log " << log.ulp << " at " << log.at << ", pow " << pow.ulp
              << " at base " << pow.at);
  CHECK(exp.ulp <= 1.0);
  CHECK(log.ulp <= 0.51);
  CHECK(pow.ulp <= 2.0);
}

TEST_CASE("1 - beta^t of an optimizer is right for millions of steps", "[scalar_math]") {
  for (const double beta : {0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999999}) {
    for (double t = 1; t <= 1e7; t = std::ceil(t * 1.3)) {
      const long double expected = std::pow(static_cast<long double>(beta), static_cast<long double>(t));
      if (expected < 1e-300L) break;
      REQUIRE(std::fabs(static_cast<long double>(run_pow(beta, t)) / expected - 1) < 1e-15L);
    }
  }
}

TEST_CASE("f32 pow of random operands", "[scalar_math]") {
  std::mt19937_64 random(11);
  std::uniform_real_distribution<double> unit(0, 1);
  Worst worst;
  for (int i = 0; i < 400000; ++i) {
    float a = static_cast<float>(std::exp((unit(random) - 0.5) * (i % 3 == 0 ? 170 : i % 3 == 1 ? 2 : 0.01)));
    float b = static_cast<float>((unit(random) - 0.5) * 178 / std::log(static_cast<double>(a)));
    if (i % 5 == 0) b = std::round(b);
    if (i % 7 == 0) b = static_cast<float>(unit(random) * 4 - 2);
    if (!std::isfinite(b)) continue;
    if (b == std::round(b) && i % 2 == 0) a = -a;
    worst.add(error_f32(run_pow(a, b), std::pow(static_cast<double>(a), static_cast<double>(b))), a);
  }
  INFO(worst.ulp << " ulp at base " << worst.at);
  CHECK(worst.ulp <= 1.1);
}

TEST_CASE("pow at special values is the library's", "[scalar_math]") {
  const std::array specials = {0.0f,   -0.0f,  1.0f,  -1.0f, 2.0f,        -2.0f,       3.0f,
                               -3.0f,  0.5f,   -0.5f, 1.5f,  -2.5f,       1e-30f,      1e30f,
                               -1e30f, kInf,   -kInf, kNaN,  4.0f,        -5.0f,       0.25f,
                               101.f,  -101.f, 1e9f,  -1e9f, 16777216.0f, 16777217.0f, 33554431.0f};
  for (const float a : specials) {
    for (const float b : specials) {
      const double expected = std::pow(static_cast<double>(a), static_cast<double>(b));
      const float got = run_pow(a, b);
      const double got64 = run_pow(static_cast<double>(a), static_cast<double>(b));
      INFO("pow(" << a << ", " << b << ") = " << got << " and " << got64 << ", not " << expected);
      CHECK(error_f32(got, expected) <= 1.1);
      CHECK(error_f64(got64, std::pow(static_cast<long double>(a), static_cast<long double>(b))) <= 2);
      if (!std::isnan(expected)) CHECK(std::signbit(got) == std::signbit(expected));
      if (!std::isnan(expected)) CHECK(std::signbit(got64) == std::signbit(expected));
    }
  }
}

TEST_CASE("maximum and minimum keep a NaN on either side", "[scalar_math]") {
  ComputingScalars s;
  const auto greater = [&](float a, float b) {
    return f32_of(scalar_maximum(s, scalar_f32(a), scalar_f32(b)));
  };
  const auto smaller = [&](float a, float b) {
    return f32_of(scalar_minimum(s, scalar_f32(a), scalar_f32(b)));
  };
  CHECK(greater(1, 2) == 2);
  CHECK(greater(2, 1) == 2);
  CHECK(smaller(1, 2) == 1);
  CHECK(smaller(2, 1) == 1);
  CHECK(smaller(-kInf, 1) == -kInf);
  CHECK(std::isnan(greater(kNaN, 0)));
  CHECK(std::isnan(greater(0, kNaN)));
  CHECK(std::isnan(smaller(kNaN, 0)));
  CHECK(std::isnan(smaller(0, kNaN)));
}

TEST_CASE("computing scalars: integers", "[scalar_compute]") {
  ComputingScalars s;
  const auto div = [&](int32_t a, int32_t b) { return i32_of(s.div(scalar_i32(a), scalar_i32(b))); };
  CHECK(div(7, 2) == 3);
  CHECK(div(-7, 2) == -4);
  CHECK(div(7, -2) == -4);
  CHECK(div(-7, -2) == 3);
  CHECK(div(-8, 2) == -4);
  CHECK(div(5, 0) == 0);
  CHECK(div(INT32_MIN, -1) == INT32_MIN);
  CHECK(i64_of(s.div(scalar_i64(INT64_MIN), scalar_i64(-1))) == INT64_MIN);
  CHECK(i32_of(s.add(scalar_i32(INT32_MAX), scalar_i32(1))) == INT32_MIN);
  CHECK(i32_of(s.mul(scalar_i32(65536), scalar_i32(65536))) == 0);
  CHECK(i32_of(s.neg(scalar_i32(INT32_MIN))) == INT32_MIN);
  CHECK(i32_of(s.sub(scalar_i32(3), scalar_i32(5))) == -2);
  CHECK(s.sub(scalar_i32(3), scalar_i32(5)).handle == scalar_i32(-2).handle);  // the upper half stays 0
  CHECK(s.neg(scalar_i32(2)).handle == scalar_i32(-2).handle);
  CHECK(i32_of(s.abs(scalar_i32(-4))) == 4);
  CHECK(i32_of(s.shift_right(scalar_i32(-1), 28)) == 15);
  CHECK(i64_of(s.shift_right(scalar_i64(-1), 60)) == 15);
  CHECK(i32_of(s.shift_left(scalar_i32(-1), 31)) == INT32_MIN);
  CHECK(i32_of(s.bit_xor(scalar_i32(6), scalar_i32(3))) == 5);
  CHECK(bool_of(s.compare(Compare::lt, scalar_i32(-1), scalar_i32(1))));
  CHECK(i64_of(s.integer(DType::i64, INT64_MAX)) == INT64_MAX);
}

TEST_CASE("computing scalars: casts", "[scalar_compute]") {
  ComputingScalars s;
  const auto to_i32 = [&](float x) { return i32_of(s.cast(DType::i32, scalar_f32(x))); };
  CHECK(to_i32(-1.9f) == -1);
  CHECK(to_i32(1.9f) == 1);
  CHECK(to_i32(3e9f) == INT32_MAX);
  CHECK(to_i32(-3e9f) == INT32_MIN);
  CHECK(to_i32(kNaN) == 0);
  CHECK(i64_of(s.cast(DType::i64, scalar_f64(1e19))) == INT64_MAX);
  CHECK(i64_of(s.cast(DType::i64, scalar_f64(-kInf))) == INT64_MIN);
  CHECK(u8_of(s.cast(DType::u8, scalar_f32(300))) == 255);
  CHECK(i32_of(s.cast(DType::i32, scalar_i64((int64_t{1} << 32) + 5))) == 5);
  CHECK(f32_of(s.cast(DType::f32, scalar_i64((int64_t{1} << 25) + 1))) == 0x1p25f);
  CHECK(f32_of(s.cast(DType::f32, scalar_u8(200))) == 200);
  CHECK(bool_of(s.cast(DType::boolean, scalar_f32(kNaN))));
  CHECK_FALSE(bool_of(s.cast(DType::boolean, scalar_f32(-0.0f))));
  CHECK(f64_of(s.cast(DType::f64, scalar_bool(true))) == 1);
  CHECK(i32_of(s.bitcast(DType::i32, scalar_f32(1))) == 0x3f800000);
}

TEST_CASE("computing scalars: floats", "[scalar_compute]") {
  ComputingScalars s;
  CHECK(f32_of(s.round_even(scalar_f32(2.5f))) == 2);
  CHECK(f32_of(s.round_even(scalar_f32(-3.5f))) == -4);
  CHECK(f32_of(s.floor(scalar_f32(-0.5f))) == -1);
  // One rounding: 1 + 2^-24 + 2^-48 is above the tie that 1 + 2^-24 alone would be.
  CHECK(f32_of(s.fma(scalar_f32(1 + 0x1p-12f), scalar_f32(0x1p-12f + 0x1p-23f), scalar_f32(1))) ==
        static_cast<float>(1.0 + (1 + 0x1p-12) * (0x1p-12 + 0x1p-23)));
  CHECK_FALSE(bool_of(s.compare(Compare::eq, scalar_f32(kNaN), scalar_f32(kNaN))));
  CHECK(bool_of(s.compare(Compare::ne, scalar_f32(kNaN), scalar_f32(1))));
  CHECK_FALSE(bool_of(s.compare(Compare::ge, scalar_f32(kNaN), scalar_f32(1))));

  const float least = std::numeric_limits<float>::min();
  CHECK(f32_of(s.mul(scalar_f32(least), scalar_f32(0.5f))) > 0);
  {
    const FlushToZero flush;
    CHECK(f32_of(s.mul(scalar_f32(least), scalar_f32(0.5f))) == 0);
    CHECK_FALSE(bool_of(s.compare(Compare::gt, scalar_f32(least / 2), scalar_f32(0))));
    CHECK(double_of(ScalarValue{1, DType::f32}) == 0x1p-149);
  }
  CHECK(f32_of(s.mul(scalar_f32(least), scalar_f32(0.5f))) > 0);  // restored
}

TEST_CASE("scalars in memory", "[scalar_compute]") {
  std::array<unsigned char, 9> bytes = {};
  write_scalar(&bytes[1], scalar_f64(-2.5));
  CHECK(f64_of(read_scalar(DType::f64, &bytes[1])) == -2.5);
  write_scalar(&bytes[1], scalar_i32(-3));
  CHECK(i32_of(read_scalar(DType::i32, &bytes[1])) == -3);
  bytes[0] = 7;
  CHECK(read_scalar(DType::boolean, bytes.data()).handle == 1);
  write_scalar(bytes.data(), scalar_bool(true));
  CHECK(bytes[0] == 1);
}

}  // namespace nnc
