#include "reference.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <fstream>

#include "codegen/compile.h"
#include "fmt/format.h"
#include "passes/pass.h"
#include "runtime/data/splitmix.h"

namespace nnc::test {
namespace {

// Row-major bytes of a tensor in this type.
runtime::AlignedBytes to_bytes(const std::vector<double>& values, DType dtype) {
  runtime::AlignedBytes bytes(values.size() * dtype_size(dtype));
  write_elements(dtype, bytes.data(), values);
  return bytes;
}

}  // namespace

nlohmann::json load_reference(const std::string& name) {
  std::ifstream file(std::string(NNC_SOURCE_DIR) + "/tests/reference/" + name);
  REQUIRE(file);
  return nlohmann::json::parse(file);
}

TensorMap drawn_inputs(const nlohmann::json& inputs) {
  TensorMap map;
  for (const nlohmann::json& input : inputs) {
    const bool whole = input.contains("below");
    DenseTensor tensor{{whole ? DType::i32 : DType::f32, input.at("shape").get<Shape>()}, {}};
    const auto seed = input.at("seed").get<uint64_t>();
    for (int64_t i = 0; i < tensor.type.elements(); ++i) {
      const uint64_t word = runtime::splitmix_word(seed, static_cast<uint64_t>(i) + 1);
      if (whole) {
        tensor.data.push_back(static_cast<double>((word >> 33) % input.at("below").get<uint64_t>()));
      } else {
        const double low = input.at("low").get<double>();
        const double high = input.at("high").get<double>();
        tensor.data.push_back(
            static_cast<float>(low + (high - low) * static_cast<double>(word >> 40) / 16777216.0));
      }
    }
    map[input.at("name").get<std::string>()] = std::move(tensor);
  }
  return map;
}

TensorMap inputs_of(const Graph& graph, const TensorMap& drawn) {
  TensorMap map;
  for (const NodeId id : graph.inputs) {
    const Node& node = graph.nodes[id];
    const auto& attrs = std::get<InputAttrs>(node.attrs);
    if (attrs.role == Role::scalar) {
      map[attrs.name] = {node.types[0], {attrs.name == "t" ? 1.0 : 0.0}};
      continue;
    }
    const auto found = drawn.find(attrs.name);
    if (found == drawn.end()) FAIL("the case draws no " << attrs.name);
    REQUIRE(found->second.type == node.types[0]);
    map.insert(*found);
  }
  return map;
}

std::string difference(const std::vector<double>& got, const std::vector<double>& want, double tolerance,
                       double floor) {
  if (got.size() != want.size()) return fmt::format("{} elements, not {}", got.size(), want.size());
  double largest = 0;
  for (const double value : want) largest = std::max(largest, std::fabs(value));
  for (size_t i = 0; i < want.size(); ++i) {
    const double error = std::fabs(got[i] - want[i]);
    if (!(error <= tolerance * std::max(std::fabs(want[i]), floor * largest)))  // so that NaN is a difference
      return fmt::format("[{}] is {:.17g}, not {:.17g}: off by {:.1e}", i, got[i], want[i], error);
  }
  return "";
}

Compiled::Compiled(const Graph& graph, int threads) {
  Diagnostics diagnostics;
  passes::PipelineOptions pipeline;
  const Result<Graph> ready = passes::run_pipeline(graph, pipeline, diagnostics);
  REQUIRE(ready.ok());
  CodegenOptions options;
  options.threads = threads;
  options.use_cache = false;
  std::vector<kernel::Program> programs;
  Result<kernel::Program> program = lower_graph(*ready, options, diagnostics);
  REQUIRE(program.ok());
  programs.push_back(std::move(*program));
  Result<Bundle> bundle = compile_programs(std::move(programs), options, diagnostics);
  REQUIRE(bundle.ok());
  bundle_ = std::make_unique<Bundle>(std::move(*bundle));
  pool_ = std::make_unique<runtime::ThreadPool>(threads);
  memory_ = std::make_unique<runtime::Session>(*bundle_, *pool_);
}

void Compiled::set(const std::string& name, const DenseTensor& tensor) {
  if (const TensorInfo* info = bundle_->find_tensor(name)) {
    runtime::write_tensor(*info, memory_->state(), to_bytes(tensor.data, info->dtype).data());
    return;
  }
  for (const InputInfo& info : bundle_->entries[0].inputs)
    if (info.name == name) columns_[name] = to_bytes(tensor.data, info.dtype);
}

void Compiled::step(double lr, int64_t t) {
  memory_->set_scalar("lr", lr);
  memory_->set_scalar("t", t);
  std::vector<const unsigned char*> inputs;
  for (const InputInfo& info : bundle_->entries[0].inputs) inputs.push_back(columns_.at(info.name).data());
  memory_->run(bundle_->entries[0], inputs.data());
}

std::vector<double> Compiled::read(const std::string& name) const {
  const TensorInfo* info = bundle_->find_tensor(name);
  REQUIRE(info != nullptr);
  int64_t elements = 1;
  for (const int64_t extent : info->shape) elements *= extent;
  runtime::AlignedBytes bytes(static_cast<size_t>(elements) * dtype_size(info->dtype));
  runtime::read_tensor(*info, memory_->state(), bytes.data());
  return read_elements(info->dtype, {bytes.data(), bytes.size()});
}

}  // namespace nnc::test
