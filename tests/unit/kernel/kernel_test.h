// What the kernel tests share: kernels from text or from tests/kernels, and memory to run them on.
#pragma once

#include <bit>
#include <cstring>
#include <fstream>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "catch2/catch.hpp"
#include "ir/kernel/eval.h"
#include "ir/kernel/text.h"
#include "ir/scalar/compute.h"

namespace nnc::kernel {

inline std::string read_kernel_file(const std::string& name) {
  std::ifstream in(std::string(NNC_SOURCE_DIR) + "/tests/kernels/" + name, std::ios::binary);
  REQUIRE(in.good());
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// The five kernels that show what the IR has to be able to say.
inline constexpr const char* kProofKernels[] = {"dense_adam.nnk", "conv_weight_gradient.nnk", "attention.nnk",
                                                "lstm_scan.nnk", "batch_norm.nnk"};

// The errors of a text as the user sees them; empty when it is sound.
inline std::string errors_of(const std::string& text, bool program = false) {
  Sources sources;
  FileId file = sources.add("test.nnk", text);
  Diagnostics diagnostics;
  bool ok = program ? parse_program(sources, file, diagnostics).ok()
                    : parse_kernel(sources, file, diagnostics).ok();
  CHECK(ok == !diagnostics.has_errors());
  return render_all(diagnostics, sources);
}

inline Kernel kernel_of(const std::string& text) {
  Sources sources;
  FileId file = sources.add("test.nnk", text);
  Diagnostics diagnostics;
  Result<Kernel> kernel = parse_kernel(sources, file, diagnostics);
  INFO(render_all(diagnostics, sources));
  REQUIRE(kernel.ok());
  return *kernel;
}

inline Program program_of(const std::string& text) {
  Sources sources;
  FileId file = sources.add("test.nnk", text);
  Diagnostics diagnostics;
  Result<Program> program = parse_program(sources, file, diagnostics);
  INFO(render_all(diagnostics, sources));
  REQUIRE(program.ok());
  return *program;
}

// Runs a kernel whose parameters are all f32; each vector is one parameter's memory.
inline void run(const Kernel& kernel, std::vector<std::vector<float>*> memory) {
  std::vector<std::byte*> arguments;
  for (size_t i = 0; i < memory.size(); ++i) {
    const Buffer& buffer = kernel.buffers[BufferId{static_cast<uint32_t>(i)}];
    REQUIRE(buffer.type.dtype == DType::f32);
    REQUIRE(static_cast<int64_t>(memory[i]->size()) == storage_elements(buffer.type.shape, buffer.layout));
    arguments.push_back(reinterpret_cast<std::byte*>(memory[i]->data()));
  }
  evaluate(kernel, arguments);
}

inline std::vector<float> random_floats(size_t count, uint32_t seed, float low = -1, float high = 1) {
  std::mt19937 random(seed);
  std::vector<float> result(count);
  for (float& v : result) v = low + (high - low) * static_cast<float>(random()) * 0x1p-32f;
  return result;
}

// Equal to the bit, so that 0 differs from -0.
inline bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

inline double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  double worst = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    double difference = std::abs(double{a[i]} - double{b[i]});
    if (!(difference <= worst)) worst = difference;  // a NaN stays
  }
  return worst;
}

// Tree sum of 16 partials, as `lanes16` has it.
inline float tree16(std::vector<float> lanes) {
  for (size_t half = 8; half > 0; half /= 2)
    for (size_t l = 0; l < half; ++l) lanes[l] += lanes[l + half];
  return lanes[0];
}

}  // namespace nnc::kernel
