// The five kernels of tests/kernels: each verifies, prints back, and gives the numbers of a plain computation
// written here. Where that computation only adds, multiplies, divides and takes roots, the bits are equal.
#include <cmath>

#include "kernel_test.h"

using namespace nnc;
using namespace nnc::kernel;

TEST_CASE("the proof kernels print back and stay themselves") {
  for (const char* name : kProofKernels) {
    INFO(name);
    Kernel kernel = kernel_of(read_kernel_file(name));
    std::string text = print(kernel);
    Kernel again = kernel_of(text);
    CHECK(again == kernel);
    CHECK(print(again) == text);
    CHECK(verify(kernel).empty());
  }
}

TEST_CASE("dense_adam: the product's sum in order, then Adam, to the bit") {
  Kernel kernel = kernel_of(read_kernel_file("dense_adam.nnk"));
  constexpr size_t N = 12, I = 7, O = 5;
  auto x = random_floats(N * I, 1), dy = random_floats(N * O, 2), h = random_floats(N * O, 3);
  std::vector<float> lr = {0.01f}, correction = {0.1f, 0.001f};
  auto p = random_floats(O * I, 4), m = random_floats(O * I, 5, -0.1f, 0.1f),
       v = random_floats(O * I, 6, 0, 0.1f);
  auto p1 = p, m1 = m, v1 = v;
  for (size_t o = 0; o < O; ++o) {
    for (size_t i = 0; i < I; ++i) {
      float g = 0;
      for (size_t n = 0; n < N; ++n) g = std::fma(h[n * O + o] > 0 ? dy[n * O + o] : 0.0f, x[n * I + i], g);
      float& mi = m1[o * I + i];
      float& vi = v1[i * O + o];  // v lies the other way round
      mi = 0.9f * mi + 0.1f * g;
      vi = 0.999f * vi + 0.001f * (g * g);
      p1[o * I + i] -= lr[0] * (mi / correction[0]) / (std::sqrt(vi / correction[1]) + 1e-8f);
    }
  }
  run(kernel, {&x, &dy, &h, &lr, &correction, &p, &m, &v});
  CHECK(same_bits(m, m1));
  CHECK(same_bits(v, v1));
  CHECK(same_bits(p, p1));
}

TEST_CASE("conv_weight_gradient: interleaved partial sums, to the bit") {
  Kernel kernel = kernel_of(read_kernel_file("conv_weight_gradient.nnk"));
  constexpr int N = 2, H = 9, W = 8, C = 3, Y = 5, Z = 4, O = 4;
  auto x = random_floats(N * H * W * C, 7), dy = random_floats(N * Y * Z * O, 8);
  std::vector<float> dw(O * 9 * C), expected(dw.size());
  for (int o = 0; o < O; ++o)
    for (int ky = 0; ky < 3; ++ky)
      for (int kx = 0; kx < 3; ++kx)
        for (int c = 0; c < C; ++c) {
          std::vector<float> lanes(16, 0.0f);
          for (int n = 0; n < N; ++n)
            for (int y = 0; y < Y; ++y)
              for (int z = 0; z < Z; ++z) {
                int row = y * 2 + ky - 1, column = z * 2 + kx - 1;
                bool inside = row >= 0 && row < H && column >= 0 && column < W;
                if (!inside) continue;
                float input = x[static_cast<size_t>(((n * H + row) * W + column) * C + c)];
                float& lane = lanes[static_cast<size_t>(z)];
                lane = std::fma(dy[static_cast<size_t>(((n * Y + y) * Z + z) * O + o)], input, lane);
              }
          expected[static_cast<size_t>(((o * 3 + ky) * 3 + kx) * C + c)] = tree16(lanes);
        }
  run(kernel, {&x, &dy, &dw});
  CHECK(same_bits(dw, expected));
}

TEST_CASE("attention: causal softmax of scores, weighted sum") {
  Kernel kernel = kernel_of(read_kernel_file("attention.nnk"));
  constexpr size_t B = 2, L = 10, D = 8;
  auto q = random_floats(B * L * D, 9, -2, 2), k = random_floats(B * L * D, 10, -2, 2);
  auto v = random_floats(B * L * D, 11);
  std::vector<float> y(B * L * D), lse(B * L), y1(y.size()), lse1(lse.size());
  for (size_t b = 0; b < B; ++b) {
    for (size_t i = 0; i < L; ++i) {
      std::vector<double> weight(i + 1);
      double total = 0;
      for (size_t j = 0; j <= i; ++j) {
        double score = 0;
        for (size_t d = 0; d < D; ++d)
          score += double{q[(b * L + i) * D + d]} * double{k[(b * L + j) * D + d]};
        weight[j] = std::exp(score * 0.35355338);
        total += weight[j];
      }
      lse1[b * L + i] = static_cast<float>(std::log(total));
      for (size_t e = 0; e < D; ++e) {
        double sum = 0;
        for (size_t j = 0; j <= i; ++j) sum += weight[j] / total * double{v[(b * L + j) * D + e]};
        y1[(b * L + i) * D + e] = static_cast<float>(sum);
      }
    }
  }
  run(kernel, {&q, &k, &v, &y, &lse});
  CHECK(largest_difference(y, y1) < 1e-6);
  CHECK(largest_difference(lse, lse1) < 1e-6);
}

TEST_CASE("lstm_scan: six steps of a recurrence on the task's own state") {
  Kernel kernel = kernel_of(read_kernel_file("lstm_scan.nnk"));
  constexpr size_t T = 6, B = 5, U = 4, G = 16;
  auto xp = random_floats(T * B * G, 12), w = random_floats(G * U, 13);
  auto h0 = random_floats(B * U, 14), c0 = random_floats(B * U, 15);
  std::vector<float> hs(T * B * U), last(B * U), hs1(hs.size()), last1(last.size());
  auto sigmoid = [](double z) { return 1 / (1 + std::exp(-z)); };
  for (size_t b = 0; b < B; ++b) {
    std::vector<double> h(U), c(U);
    for (size_t u = 0; u < U; ++u) h[u] = double{h0[b * U + u]}, c[u] = double{c0[b * U + u]};
    for (size_t t = 0; t < T; ++t) {
      std::vector<double> gate(G);
      for (size_t g = 0; g < G; ++g) {
        gate[g] = double{xp[(t * B + b) * G + g]};
        for (size_t k = 0; k < U; ++k) gate[g] += h[k] * double{w[g * U + k]};
      }
      for (size_t u = 0; u < U; ++u) {
        c[u] = sigmoid(gate[U + u]) * c[u] + sigmoid(gate[u]) * std::tanh(gate[2 * U + u]);
        h[u] = sigmoid(gate[3 * U + u]) * std::tanh(c[u]);
        hs1[(t * B + b) * U + u] = static_cast<float>(h[u]);
      }
    }
    for (size_t u = 0; u < U; ++u) last1[b * U + u] = static_cast<float>(h[u]);
  }
  run(kernel, {&xp, &w, &h0, &c0, &hs, &last});
  CHECK(largest_difference(hs, hs1) < 1e-6);
  CHECK(largest_difference(last, last1) < 1e-6);
}

namespace {

struct Moments {
  float mean = 0, m2 = 0, count = 0;

  void enter(float x) {
    count += 1;
    float d = x - mean;
    mean = mean + d / count;
    m2 = m2 + d * (x - mean);
  }
  static Moments meet(const Moments& a, const Moments& b) {
    if (b.count == 0) return a;
    if (a.count == 0) return b;
    float n = a.count + b.count, w = b.count / n, d = b.mean - a.mean;
    return {a.mean + d * w, (a.m2 + b.m2) + (d * d) * (a.count * w), n};
  }
};

}  // namespace

TEST_CASE("batch_norm: moments by Welford in sixteen lanes, running statistics, to the bit") {
  Kernel kernel = kernel_of(read_kernel_file("batch_norm.nnk"));
  constexpr size_t N = 45, C = 6;
  auto x = random_floats(N * C, 16, 1, 3), gamma = random_floats(C, 17), beta = random_floats(C, 18);
  auto running_mean = random_floats(C, 19), running_var = random_floats(C, 20, 0, 1);
  auto running_mean1 = running_mean, running_var1 = running_var;
  std::vector<float> y(N * C), mean(C), rstd(C), y1(N * C), mean1(C), rstd1(C);
  for (size_t c = 0; c < C; ++c) {
    std::vector<Moments> lanes(16);
    double sum = 0;
    for (size_t n = 0; n < N; ++n) lanes[n % 16].enter(x[n * C + c]), sum += double{x[n * C + c]};
    for (size_t half = 8; half > 0; half /= 2)
      for (size_t l = 0; l < half; ++l) lanes[l] = Moments::meet(lanes[l], lanes[l + half]);
    mean1[c] = lanes[0].mean;
    CHECK(std::abs(double{mean1[c]} - sum / N) < 1e-6);
    rstd1[c] = 1 / std::sqrt(lanes[0].m2 / lanes[0].count + 1e-5f);
    running_mean1[c] = 0.9f * running_mean1[c] + 0.1f * lanes[0].mean;
    running_var1[c] = 0.9f * running_var1[c] + 0.1f * (lanes[0].m2 / (lanes[0].count - 1));
    for (size_t n = 0; n < N; ++n) y1[n * C + c] = (x[n * C + c] - mean1[c]) * rstd1[c] * gamma[c] + beta[c];
  }
  run(kernel, {&x, &gamma, &beta, &y, &mean, &rstd, &running_mean, &running_var});
  CHECK(same_bits(mean, mean1));
  CHECK(same_bits(rstd, rstd1));
  CHECK(same_bits(running_mean, running_mean1));
  CHECK(same_bits(running_var, running_var1));
  CHECK(same_bits(y, y1));
}
