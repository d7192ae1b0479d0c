// The interpreter: orders of sums, combines, subscripts, tasks, flushing; each against plain code written
// here.
#include <cmath>
#include <limits>

#include "kernel_test.h"

using namespace nnc;
using namespace nnc::kernel;

namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

// The sum of terms in an order, written from the definition: which partial each term enters, and the trees.
template <class Term>
float sum_in_order(int64_t n, const std::string& order, const Term& enter) {
  std::vector<float> partials(order == "serial" ? 1 : 16, 0.0f);
  for (int64_t i = 0; i < n; ++i) {
    float& partial = partials[static_cast<size_t>(i) % partials.size()];
    partial = enter(partial, i);
  }
  return order == "serial" ? partials[0] : tree16(partials);
}

std::string number(int64_t n) {
  return std::to_string(n);
}

float reduce_one(const std::string& combine, const std::string& order, std::vector<float> x,
                 uint32_t component = 0) {
  std::string acc = component == 0 ? "acc" : "f32(acc" + number(component) + ")";
  Kernel k = kernel_of("kernel @f(x: f32[" + number(static_cast<int64_t>(x.size())) +
                       "], out y: f32[]) {\n  reduce over i:" + number(static_cast<int64_t>(x.size())) + " " +
                       combine + " order " + order + " value x[i] {\n    y[] = " + acc + "\n  }\n}\n");
  std::vector<float> y(1);
  run(k, {&x, &y});
  return y[0];
}

}  // namespace

TEST_CASE("a triangle leaves out terms, not zeros") {
  const auto y_of = [](const std::string& where) {
    Kernel k = kernel_of(
        "kernel @f(a: f32[3,3], out y: f32[3,3]) {\n  contract i:3, j:3 over k:3 order serial where " +
        where + "\n      a a[i,k] b 1 { y[i,j] = acc }\n}\n");
    std::vector<float> a = {1, kNan, kInf, 2, 4, kNan, 8, 16, 32}, y(9);
    run(k, {&a, &y});
    return y;
  };
  CHECK(y_of("k <= i") == std::vector<float>{1, 1, 1, 6, 6, 6, 56, 56, 56});
  CHECK(y_of("k <= j")[6] == 8);
  CHECK(y_of("k <= j")[7] == 24);
  CHECK(y_of("i <= k")[8] == 32);
  CHECK(y_of("j <= k")[6] == 56);
  const std::vector<float> below = y_of("j <= i");
  CHECK(std::isnan(below[0]));
  CHECK(below[1] == 0);
  CHECK(below[2] == 0);
  CHECK(below[8] == 56);
  CHECK(y_of("i <= j")[6] == 0);
}

TEST_CASE("sums and contractions follow their order to the bit") {
  for (int64_t n : {1, 2, 15, 16, 17, 40, 100, 333}) {
    for (const std::string order : {"serial", "lanes16"}) {
      INFO(n << " terms, " << order);
      auto a = random_floats(static_cast<size_t>(n), 1), b = random_floats(static_cast<size_t>(n), 2);
      std::vector<float> y(3);
      std::string over = " over k:" + number(n);
      Kernel k = kernel_of("kernel @f(a: f32[" + number(n) + "], b: f32[" + number(n) +
                           "], out y: f32[3]) {\n  contract" + over + " order " + order +
                           " a a[k] b b[k] { y[0] = acc }\n  contract over k order " + order +
                           " a a[k] * 1 b b[k] { y[1] = acc }\n  reduce over k sum order " + order +
                           " value a[k] { y[2] = acc }\n}\n");
      run(k, {&a, &b, &y});
      float dot = sum_in_order(n, order, [&](float acc, int64_t i) {
        return std::fma(a[static_cast<size_t>(i)], b[static_cast<size_t>(i)], acc);
      });
      float sum =
          sum_in_order(n, order, [&](float acc, int64_t i) { return acc + a[static_cast<size_t>(i)]; });
      CHECK(same_bits(y, {dot, dot, sum}));
    }
  }
}

TEST_CASE("the last of several summed axes runs fastest, and numbers the partial sums") {
  auto a = random_floats(5 * 7 * 3, 3), b = random_floats(7 * 5 * 3, 4);
  std::vector<float> y(3), expected(3);
  Kernel k = kernel_of(
      "kernel @f(a: f32[5,7,3], b: f32[7,5,3] order [2,0,1], out y: f32[3]) grid c:3 step 2 {\n"
      "  contract c over m:5, n:7 order lanes16 a a[m,n,c] b b[n,m,c] { y[c] = acc }\n}\n");
  run(k, {&a, &b, &y});
  for (size_t c = 0; c < 3; ++c)
    expected[c] = tree16([&] {
      std::vector<float> partials(16, 0.0f);
      for (size_t m = 0; m < 5; ++m)
        for (size_t n = 0; n < 7; ++n)
          partials[n] = std::fma(a[(m * 7 + n) * 3 + c], b[(c * 7 + n) * 5 + m], partials[n]);
      return partials;
    }());
  CHECK(same_bits(y, expected));
}

TEST_CASE("a contraction leaves terms out that lie outside") {
  // A term of 0 times an infinity would be a NaN.
  for (const std::string order : {"serial", "lanes16"}) {
    INFO(order);
    std::vector<float> x = {1, 2, 3}, w = {INFINITY, 5, INFINITY}, y(3);
    Kernel k = kernel_of(
        "kernel @f(x: f32[3], w: f32[3], out y: f32[3]) {\n"
        "  contract i:3 over k:3 order " +
        order + " a x[?(i*3+k-1)] b w[k] { y[i] = acc }\n}\n");
    run(k, {&x, &w, &y});
    CHECK(y == std::vector<float>{INFINITY, INFINITY, 0});
  }
}

TEST_CASE("maxima and minima keep NaN, argmax takes the first") {
  for (const char* order : {"serial", "lanes16"}) {
    INFO(order);
    std::vector<float> x = random_floats(50, 5);
    x[37] = 3;
    x[41] = 3;
    x[20] = -3;
    x[23] = -3;
    CHECK(reduce_one("max", order, x) == 3);
    CHECK(reduce_one("min", order, x) == -3);
    CHECK(reduce_one("argmax", order, x) == 3);
    CHECK(reduce_one("argmax", order, x, 1) == 37);
    CHECK(reduce_one("argmin", order, x, 1) == 20);
    x[40] = kNan;
    x[44] = kNan;
    CHECK(std::isnan(reduce_one("max", order, x)));
    CHECK(std::isnan(reduce_one("min", order, x)));
    CHECK(std::isnan(reduce_one("argmax", order, x)));
    CHECK(reduce_one("argmax", order, x, 1) == 40);
    CHECK(reduce_one("argmin", order, x, 1) == 40);
    // Of zeros of either sign the later one stays.
    CHECK(std::signbit(reduce_one("max", order, {0.0f, -0.0f, -kInf})));
    CHECK(!std::signbit(reduce_one("max", order, {-0.0f, 0.0f, -kInf})));
    std::vector<float> lowest(20, -kInf);
    CHECK(reduce_one("argmax", order, lowest, 1) == 0);
    CHECK(reduce_one("argmax", order, lowest) == -kInf);
  }
}

TEST_CASE("welford gives mean and sum of squares in every order") {
  std::vector<float> x = random_floats(77, 6, 100, 101);
  double mean = 0, m2 = 0;
  for (float v : x) mean += double{v} / 77;
  for (float v : x) m2 += (double{v} - mean) * (double{v} - mean);
  for (const char* order : {"serial", "lanes16"}) {
    INFO(order);
    CHECK(reduce_one("welford", order, x) == Approx(mean).epsilon(1e-6));
    CHECK(reduce_one("welford", order, x, 1) == Approx(m2).epsilon(1e-3));
    CHECK(reduce_one("welford", order, x, 2) == 77);
  }
  // Fewer values than lanes: the empty partials leave no trace.
  CHECK(reduce_one("welford", "lanes16", {1, 2, 3}) == 2);
  CHECK(reduce_one("welford", "lanes16", {1, 2, 3}, 1) == 2);
}

TEST_CASE("log-sum-exp is the maximum and the sum of what lies below it") {
  std::vector<float> x = random_floats(77, 6, -90, 100);
  double sum = 0;
  const double top = double{*std::max_element(x.begin(), x.end())};
  for (float v : x) sum += std::exp(double{v} - top);
  for (const char* order : {"serial", "lanes16"}) {
    INFO(order);
    CHECK(double{reduce_one("logsumexp", order, x)} == top);
    CHECK(reduce_one("logsumexp", order, x, 1) == Approx(sum).epsilon(1e-5));
    // Nothing but -inf: log(3) above -inf. Infinities and NaN as they are.
    CHECK(reduce_one("logsumexp", order, {-kInf, -kInf, -kInf}) == -kInf);
    CHECK(reduce_one("logsumexp", order, {-kInf, -kInf, -kInf}, 1) == 3);
    CHECK(reduce_one("logsumexp", order, {-kInf, 2, -kInf}, 1) == 1);
    CHECK(reduce_one("logsumexp", order, {1, kInf, 2}) == kInf);
    CHECK(reduce_one("logsumexp", order, {1, kInf, 2}, 1) == 1);
    CHECK(std::isnan(reduce_one("logsumexp", order, {1, kNan, 2})));
    CHECK(std::isnan(reduce_one("logsumexp", order, {1, 2, kNan})));
  }
}

TEST_CASE("what is empty is neutral") {
  Kernel k = kernel_of(
      "kernel @f(x: f32[0], n: i32[0], out y: f32[6], out m: i32[2]) {\n"
      "  reduce over i:0 sum order lanes16 value x[i] { y[0] = acc }\n"
      "  reduce over i max order lanes16 value x[i] { y[1] = acc }\n"
      "  reduce over i min order serial value x[i] { y[2] = acc }\n"
      "  contract over i order lanes16 a x[i] b x[i] { y[3] = acc }\n"
      "  reduce over i max order serial value n[i] { m[0] = acc }\n"
      "  reduce over i argmin order serial value x[i] { y[4] = acc m[1] = acc1 }\n"
      "  map i { y[5] = 1 }\n}\n");
  std::vector<float> x(1), y(6, 9.0f);
  std::vector<int32_t> n(1), m(2, 9);
  std::vector<std::byte*> arguments = {
      reinterpret_cast<std::byte*>(x.data()), reinterpret_cast<std::byte*>(n.data()),
      reinterpret_cast<std::byte*>(y.data()), reinterpret_cast<std::byte*>(m.data())};
  evaluate(k, arguments);
  CHECK(y == std::vector<float>{0, -kInf, kInf, 0, kInf, 9});
  CHECK(m == std::vector<int32_t>{std::numeric_limits<int32_t>::min(), -1});
}

TEST_CASE("computed subscripts are clamped, checked ones give 0") {
  Kernel k = kernel_of(
      "kernel @f(x: f32[4], n: i32[6], w: i64[2], out y: f32[6], out z: f32[6], out v: f32[2]) {\n"
      "  map i:6 { y[i] = x[n[i]] z[i] = x[?(i*2-3)] }\n"
      "  map j:2 { v[j] = x[j+1+w[j]] }\n}\n");
  std::vector<float> x = {1, 2, 3, 4}, y(6), z(6), v(2);
  std::vector<int32_t> n = {
      0, 3, 4, -1, std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()};
  std::vector<int64_t> w = {std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::min()};
  auto bytes = [](auto& data) { return reinterpret_cast<std::byte*>(data.data()); };
  std::vector<std::byte*> arguments = {bytes(x), bytes(n), bytes(w), bytes(y), bytes(z), bytes(v)};
  evaluate(k, arguments);
  CHECK(y == std::vector<float>{1, 4, 4, 1, 1, 4});
  CHECK(z == std::vector<float>{0, 0, 2, 4, 0, 0});
  CHECK(v == std::vector<float>{4, 1});
}

TEST_CASE("scatter adds one point after the other") {
  Kernel k = kernel_of(
      "kernel @f(n: i32[5], dy: f32[5,2], inout table: f32[3,2]) grid c:2 step 1 {\n"
      "  scatter r:5, c { table[n[r],c] += dy[r,c] }\n}\n");
  std::vector<int32_t> n = {2, 0, 2, 7, 2};
  std::vector<float> dy = random_floats(10, 7), table = random_floats(6, 8), expected = table;
  for (size_t r = 0; r < 5; ++r)
    for (size_t c = 0; c < 2; ++c) expected[static_cast<size_t>(std::min(n[r], 2)) * 2 + c] += dy[r * 2 + c];
  std::vector<std::byte*> arguments = {reinterpret_cast<std::byte*>(n.data()),
                                       reinterpret_cast<std::byte*>(dy.data()),
                                       reinterpret_cast<std::byte*>(table.data())};
  evaluate(k, arguments);
  CHECK(same_bits(table, expected));
}

TEST_CASE("a point's values are all computed before any of them is stored") {
  Kernel k = kernel_of("kernel @f(inout a: f32[4], inout b: f32[4]) { map i:4 { a[i] = b[i] b[i] = a[i] } }");
  std::vector<float> a = {1, 2, 3, 4}, b = {5, 6, 7, 8};
  run(k, {&a, &b});
  CHECK(a == std::vector<float>{5, 6, 7, 8});
  CHECK(b == std::vector<float>{1, 2, 3, 4});
}

TEST_CASE("layouts: a gap between the places of the outermost axis") {
  Kernel k = kernel_of(
      "kernel @f(x: f32[2,2], out y: f32[2,2] order [1,0] gap 3) { copy i:2, j:2 { y[i,j] = x[i,j] } }");
  std::vector<float> x = {1, 2, 3, 4},
                     y(static_cast<size_t>(storage_elements({2, 2}, {{1, 0}, 0, 3})), -1.0f);
  run(k, {&x, &y});
  CHECK(y == std::vector<float>{1, 3, -1, -1, -1, 2, 4, -1, -1, -1});
}

TEST_CASE("layouts: permuted axes and padding that is left alone") {
  Kernel k = kernel_of(
      "kernel @f(x: f32[2,3], out y: f32[2,3] order [1,0] pitch 4) { copy i:2, j:3 { y[i,j] = x[i,j] } }");
  std::vector<float> x = {1, 2, 3, 4, 5, 6},
                     y(static_cast<size_t>(storage_elements({2, 3}, {{1, 0}, 4})), -1.0f);
  run(k, {&x, &y});
  std::vector<float> seen;
  for (size_t j = 0; j < 3; ++j)
    for (size_t i = 0; i < 2; ++i) seen.push_back(y[j * 4 + i]);
  CHECK(seen == std::vector<float>{1, 4, 2, 5, 3, 6});
  CHECK(y[2] == -1);
  CHECK(y[3] == -1);
}

TEST_CASE("the grid changes no bit") {
  std::string body =
      " {\n  local t: f32[i, 9]\n  map i:13, j:9 { t[i,j] = x[i,j] * 3 }\n"
      "  reduce i over j sum order lanes16 value t[i,j] { y[i] = acc }\n}\n";
  std::vector<float> x = random_floats(13 * 9, 9), first;
  for (int step : {1, 2, 5, 13}) {
    std::string text =
        "kernel @f(x: f32[13,9], out y: f32[13]) grid i:13 step " + std::to_string(step) + body;
    text.replace(text.rfind("i:13"), 4, "i");
    std::vector<float> y(13);
    run(kernel_of(text), {&x, &y});
    if (first.empty()) first = y;
    CHECK(same_bits(y, first));
  }
  CHECK(first[12] != 0);
}

TEST_CASE("subnormal numbers are zero while a kernel runs, and only then") {
  Kernel k =
      kernel_of("kernel @f(x: f32[2], out y: f32[2]) { map { y[0] = x[0] * 0.5 y[1] = x[1] + x[1] } }");
  volatile float smallest = 1.17549435e-38f;
  float subnormal = smallest / 2;
  std::vector<float> x = {smallest, subnormal}, y(2, 1.0f);
  run(k, {&x, &y});
  CHECK(y == std::vector<float>{0, 0});
  CHECK(smallest / 2 == subnormal);
  CHECK(std::fpclassify(subnormal) == FP_SUBNORMAL);
}

TEST_CASE("a training step of the digits example takes milliseconds", "[.][speed]") {
  Kernel k = kernel_of(
      "kernel @f(x: f32[64,64], w: f32[32,64], b: f32[32], inout p: f32[32,64], out h: f32[64,32]) {\n"
      "  contract n:64, o:32 over i:64 order serial a w[o,i] b x[n,i] { h[n,o] = maximum(acc + b[o], 0) }\n"
      "  contract o, i over n order lanes16 a where(h[n,o] > 0, h[n,o], 0) b x[n,i] "
      "{ p[o,i] = p[o,i] - 0.01 * acc }\n}\n");
  auto x = random_floats(64 * 64, 1), w = random_floats(32 * 64, 2), b = random_floats(32, 3), p = w;
  std::vector<float> h(64 * 32);
  for (int i = 0; i < 100; ++i) run(k, {&x, &w, &b, &p, &h});
  CHECK(std::isfinite(p[0]));
}

TEST_CASE("a contraction's sums have the type that it says") {
  const auto sum = [](const std::string& type) {
    Kernel k = kernel_of("kernel @f(x: f32[3], w: f32[3], out y: f32[]) {\n  contract over i:3 order serial" +
                         type + " a x[i] b w[i] {\n    y[] = f32(acc)\n  }\n}\n");
    std::vector<float> x = {1e8f, 1, -1e8f}, w = {1, 1, 1}, y(1);
    run(k, {&x, &w, &y});
    return y[0];
  };
  CHECK(sum("") == 0);
  CHECK(sum(" in f64") == 1);
}
