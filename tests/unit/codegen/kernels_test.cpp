// The kernels of tests/kernels, compiled under random schedules and cuts into tasks, against the kernel interpreter, to
// the bit. Whatever schedule the verifier accepts has to compile and to change nothing.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "codegen/compile.h"
#include "harness.h"
#include "ir/kernel/text.h"
#include "kernel_harness.h"

namespace nnc::test {
namespace {

using kernel::Kernel;

Kernel kernel_of(const std::string& text) {
  Sources sources;
  Diagnostics diagnostics;
  Result<Kernel> kernel = kernel::parse_kernel(sources, sources.add("test.nnk", text), diagnostics);
  INFO(render_all(diagnostics, sources));
  REQUIRE(kernel.ok());
  return std::move(*kernel);
}

std::vector<std::pair<std::string, Kernel>> proof_kernels() {
  std::vector<std::pair<std::string, Kernel>> kernels;
  for (const auto& file :
       std::filesystem::directory_iterator(std::string(NNC_SOURCE_DIR) + "/tests/kernels")) {
    if (file.path().extension() != ".nnk") continue;
    std::ostringstream text;
    text << std::ifstream(file.path()).rdbuf();
    kernels.emplace_back(file.path().filename(), kernel_of(text.str()));
  }
  std::ranges::sort(kernels, {}, &std::pair<std::string, Kernel>::first);
  return kernels;
}

}  // namespace

TEST_CASE("the proof kernels compile to what the interpreter computes, as they are written") {
  for (const auto& [name, kernel] : proof_kernels()) {
    INFO(name);
    for (uint64_t seed : {2, 3}) same_bits_compiled(kernel, seed);
  }
}

TEST_CASE("the proof kernels give the same bits under every schedule and cut into any tasks") {
  for (const auto& [name, kernel] : proof_kernels())
    for (uint64_t seed = 1; seed <= 12; ++seed) {
      INFO(name << ", schedule " << seed);
      same_bits_compiled(variant(kernel, seed), seed);
    }
}

TEST_CASE("what waits between the passes of a large product is bounded, and a local") {
  const Graph graph = prepare(
      "graph @f(x: f32[512,64], w: f32[512,64]) {\n"
      "  %0 = matmul x, w {transpose_b} : f32[512,512]\n  return y = %0\n}\n");
  int waiting = 0;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    CodegenOptions options;
    options.schedule_seed = seed;
    Diagnostics diagnostics;
    const Result<kernel::Program> program = lower_graph(graph, options, diagnostics);
    REQUIRE(program.ok());
    for (const Kernel& kernel : program->kernels) {
      CHECK(kernel::verify(kernel).empty());
      for (const kernel::Statement& statement : kernel.body) {
        const auto* contract = std::get_if<kernel::Contract>(&statement.body);
        if (!contract || !contract->schedule.waiting.valid()) continue;
        ++waiting;
        CHECK(element_count(kernel.local_shape(contract->schedule.waiting)) <= 64 << 10);
      }
    }
  }
  CHECK(waiting > 0);
}

}  // namespace nnc::test
