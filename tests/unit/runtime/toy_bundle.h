// A bundle written by hand, so that the training loop is tested without a compiler: softmax regression 4 → 3
// with momentum, the weights stored with padded rows, loss and accuracy. What a compiled program does, in
// plain loops.
#pragma once

#include <unistd.h>

#include <atomic>
#include <cmath>
#include <cstring>
#include <map>

#include "codegen/program.h"

namespace nnc::runtime::test {

constexpr int kFeatures = 4, kClasses = 3, kPadded = 8;

// Offsets into the state.
enum : uint64_t {
  kWeight = 0,          // f32[3,4], rows of 8
  kBias = 128,          // f32[3]
  kMomentum = 192,      // f32[3,4], row-major
  kMomentumBias = 256,  // f32[3]
  kLr = 320,
  kT = 384,
  kSeed = 448,
  kLoss = 512,
  kLossData = 576,
  kLossPenalty = 640,
  kSum0 = 704,  // f64: sum of losses
  kSum1 = 768,  // f64: hits
  kSum2 = 832,  // f64: rows
  kAccuracy = 896,
  kForward = 960,  // f32[32,3]
  kStateBytes = 960 + 32 * 3 * 4,
};

// Switches for tests, read by the hand-written step.
inline std::atomic<int> sleep_per_step{0};   // µs
inline std::atomic<int64_t> poison_step{0};  // the loss of this step is NaN
inline void (*on_train_step)() = nullptr;
inline int32_t most_train_threads = 0;  // that a train entry was entered with

struct Toy {
  nnc_context* context;
  float& f(uint64_t offset, int64_t i = 0) const {
    return reinterpret_cast<float*>(context->state + offset)[i];
  }
  double& d(uint64_t offset) const { return *reinterpret_cast<double*>(context->state + offset); }
  int64_t& i(uint64_t offset) const { return *reinterpret_cast<int64_t*>(context->state + offset); }
  const float* x() const { return reinterpret_cast<const float*>(context->inputs[0]); }
  const int32_t* y() const { return reinterpret_cast<const int32_t*>(context->inputs[1]); }

  void logits(const float* row, float* z) const {
    for (int c = 0; c < kClasses; ++c) {
      z[c] = f(kBias, c);
      for (int k = 0; k < kFeatures; ++k) z[c] += row[k] * f(kWeight, c * kPadded + k);
    }
  }
  // Turns z into probabilities; returns −log p[label].
  static float softmax(float* z, int label) {
    const float most = std::max(z[0], std::max(z[1], z[2]));
    float sum = 0;
    for (int c = 0; c < kClasses; ++c) sum += z[c] = std::exp(z[c] - most);
    for (int c = 0; c < kClasses; ++c) z[c] /= sum;
    return -std::log(z[label]);
  }
};

template <int kRows>
void toy_train(nnc_context* context, int32_t thread, int32_t threads) {
  if (thread != 0) return;
  most_train_threads = std::max(most_train_threads, threads);
  if (on_train_step != nullptr) on_train_step();
  if (sleep_per_step > 0) ::usleep(static_cast<unsigned>(sleep_per_step.load()));
  const Toy toy{context};
  float gradient[kClasses][kFeatures + 1] = {};
  float loss = 0;
  for (int row = 0; row < kRows; ++row) {
    float z[kClasses];
    const float* x = toy.x() + row * kFeatures;
    toy.logits(x, z);
    loss += Toy::softmax(z, toy.y()[row]);
    for (int c = 0; c < kClasses; ++c) {
      const float delta = (z[c] - (c == toy.y()[row] ? 1.0f : 0.0f)) / kRows;
      for (int k = 0; k < kFeatures; ++k) gradient[c][k] += delta * x[k];
      gradient[c][kFeatures] += delta;
    }
  }
  float squares = 0;
  const auto lr = static_cast<float>(toy.d(kLr));
  for (int c = 0; c < kClasses; ++c) {
    for (int k = 0; k < kFeatures; ++k) {
      float& w = toy.f(kWeight, c * kPadded + k);
      float& m = toy.f(kMomentum, c * kFeatures + k);
      squares += w * w;
      m = 0.9f * m + gradient[c][k] + 0.01f * w;
      w -= lr * m;
    }
    float& m = toy.f(kMomentumBias, c);
    m = 0.9f * m + gradient[c][kFeatures];
    toy.f(kBias, c) -= lr * m;
  }
  toy.f(kLossData) = loss / kRows;
  toy.f(kLossPenalty) = 0.005f * squares;
  toy.f(kLoss) = toy.f(kLossData) + toy.f(kLossPenalty);
  if (toy.i(kT) == poison_step) toy.f(kLoss) = toy.f(kLossData) = std::nanf("");
}

template <int kRows>
void toy_eval(nnc_context* context, int32_t thread, int32_t) {
  if (thread != 0) return;
  const Toy toy{context};
  for (int row = 0; row < kRows; ++row) {
    float z[kClasses];
    toy.logits(toy.x() + row * kFeatures, z);
    const int best = z[0] >= z[1] && z[0] >= z[2] ? 0 : z[1] >= z[2] ? 1 : 2;
    toy.d(kSum0) += Toy::softmax(z, toy.y()[row]);
    toy.d(kSum1) += best == toy.y()[row] ? 1 : 0;
    toy.d(kSum2) += 1;
  }
}

inline void toy_finish(nnc_context* context, int32_t thread, int32_t) {
  if (thread != 0) return;
  const Toy toy{context};
  toy.f(kLoss) = static_cast<float>(toy.d(kSum0) / toy.d(kSum2));
  toy.f(kAccuracy) = static_cast<float>(toy.d(kSum1) / toy.d(kSum2));
}

inline void toy_init(nnc_context* context, int32_t thread, int32_t) {
  if (thread != 0) return;
  const Toy toy{context};
  uint64_t word = static_cast<uint64_t>(toy.i(kSeed)) * 2654435761U + 1;
  for (int c = 0; c < kClasses; ++c)
    for (int k = 0; k < kFeatures; ++k) {
      word = word * 6364136223846793005ULL + 1442695040888963407ULL;
      toy.f(kWeight, c * kPadded + k) = static_cast<float>(word >> 40) / 16777216.0f - 0.5f;
    }
}

inline void toy_predict(nnc_context* context, int32_t thread, int32_t) {
  if (thread != 0) return;
  const Toy toy{context};
  for (int row = 0; row < 32; ++row) {
    toy.logits(toy.x() + row * kFeatures, &toy.f(kForward, row * kClasses));
    Toy::softmax(&toy.f(kForward, row * kClasses), 0);
  }
}

// For 32 rows a batch. `train_rest` and `eval_rest` are the programs of the last batches, with that many
// rows.
template <int kTrainRest, int kEvalRest>
Bundle toy_bundle() {
  Bundle bundle;
  const auto tensor = [&](const char* name, TensorRole role, DType type, std::vector<int64_t> shape,
                          std::vector<int64_t> strides, uint64_t offset, uint64_t bytes) {
    bundle.tensors.push_back({name, role, type, std::move(shape), std::move(strides), offset, bytes});
  };
  using enum TensorRole;
  tensor("fc.weight", param, DType::f32, {kClasses, kFeatures}, {kPadded, 1}, kWeight, 96);
  tensor("fc.bias", param, DType::f32, {kClasses}, {1}, kBias, 12);
  tensor("optimizer.m.fc.weight", moment, DType::f32, {kClasses, kFeatures}, {kFeatures, 1}, kMomentum, 48);
  tensor("optimizer.m.fc.bias", moment, DType::f32, {kClasses}, {1}, kMomentumBias, 12);
  tensor("lr", scalar, DType::f64, {}, {}, kLr, 8);
  tensor("t", scalar, DType::i64, {}, {}, kT, 8);
  tensor("seed", scalar, DType::i64, {}, {}, kSeed, 8);
  tensor("loss", output, DType::f32, {}, {}, kLoss, 4);
  tensor("loss.data", output, DType::f32, {}, {}, kLossData, 4);
  tensor("loss.penalty", output, DType::f32, {}, {}, kLossPenalty, 4);
  tensor("sum.0", sum, DType::f64, {}, {}, kSum0, 8);
  tensor("sum.1", sum, DType::f64, {}, {}, kSum1, 8);
  tensor("sum.2", sum, DType::f64, {}, {}, kSum2, 8);
  tensor("accuracy", output, DType::f32, {}, {}, kAccuracy, 4);
  tensor("probability", output, DType::f32, {32, kClasses}, {kClasses, 1}, kForward, 32 * kClasses * 4);
  bundle.state_bytes = kStateBytes;
  const std::map<std::string, OutputKind> kinds = {{"loss", OutputKind::loss},
                                                   {"loss.data", OutputKind::part},
                                                   {"loss.penalty", OutputKind::part},
                                                   {"accuracy", OutputKind::metric}};
  for (const auto& [name, kind] : kinds)
    for (TensorInfo& t : bundle.tensors)
      if (t.name == name) t.kind = kind;

  const auto entry = [&](const char* name, nnc_entry function, int64_t rows, bool labels) {
    EntryPoint e;
    e.name = name;
    e.rows = rows;
    e.function = function;
    if (rows > 0) e.inputs.push_back({"x", DType::f32, {rows, kFeatures}});
    if (labels) e.inputs.push_back({"label", DType::i32, {rows}});
    bundle.entries.push_back(std::move(e));
  };
  entry("init", toy_init, 0, false);
  entry("train", toy_train<32>, 32, true);
  if constexpr (kTrainRest > 0) entry("train", toy_train<kTrainRest>, kTrainRest, true);
  entry("eval", toy_eval<32>, 32, true);
  if constexpr (kEvalRest > 0) entry("eval", toy_eval<kEvalRest>, kEvalRest, true);
  entry("finish", toy_finish, 0, false);
  entry("predict.probability", toy_predict, 32, false);
  return bundle;
}

}  // namespace nnc::runtime::test
