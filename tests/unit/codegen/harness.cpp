#include "harness.h"

#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <thread>

#include "ir/graph/verify.h"
#include "ir/kernel/eval.h"
#include "ir/kernel/text.h"
#include "passes/pass.h"

namespace nnc::test {
namespace {

// An aligned, zeroed block.
struct Block {
  explicit Block(uint64_t bytes)
      : size((bytes + 127) / 64 * 64),
        data(static_cast<std::byte*>(std::aligned_alloc(64, size)), &std::free) {
    std::memset(data.get(), 0, size);
  }
  uint64_t size;
  std::unique_ptr<std::byte, void (*)(void*)> data;
};

// Calls `element` with the logical position and the storage offset of each element.
template <class F>
void for_each_element(const Shape& shape, const std::vector<int64_t>& strides, F element) {
  const int64_t count = element_count(shape);
  std::vector<int64_t> at(shape.size());
  for (int64_t i = 0; i < count; ++i) {
    int64_t offset = 0;
    for (size_t d = 0; d < shape.size(); ++d) offset += at[d] * strides[d];
    element(i, offset);
    for (size_t d = shape.size(); d-- > 0;) {
      if (++at[d] < shape[d]) break;
      at[d] = 0;
    }
  }
}

void write(std::byte* memory, const TensorType& type, const std::vector<int64_t>& strides,
           const DenseTensor& from) {
  for_each_element(type.shape, strides, [&](int64_t i, int64_t offset) {
    write_element(type.dtype, memory + offset * dtype_bytes(type.dtype), from.data[static_cast<size_t>(i)]);
  });
}

std::vector<double> read(const std::byte* memory, DType dtype, const Shape& shape,
                         const std::vector<int64_t>& strides) {
  std::vector<double> out;
  for_each_element(shape, strides, [&](int64_t, int64_t offset) {
    out.push_back(read_element(dtype, memory + offset * dtype_bytes(dtype)));
  });
  return out;
}

kernel::Program lower(const Graph& graph, const CodegenOptions& options) {
  Diagnostics diagnostics;
  Result<kernel::Program> program = lower_graph(graph, options, diagnostics);
  REQUIRE(program.ok());
  for (const kernel::Kernel& k : program->kernels) {
    INFO(kernel::print(k));
    const std::vector<std::string> broken = kernel::verify(k);
    for (const std::string& line : broken) UNSCOPED_INFO(line);
    REQUIRE(broken.empty());
  }
  // The text is the program: what runs from here on was read back from it.
  const std::string text = kernel::print(*program);
  Sources sources;
  Result<kernel::Program> again =
      kernel::parse_program(sources, sources.add("program.nnk", text), diagnostics);
  INFO(render_all(diagnostics, sources));
  REQUIRE(again.ok());
  REQUIRE(kernel::print(*again) == text);
  return std::move(*again);
}

}  // namespace

bool is_same(double a, double b) {
  return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b) || (std::isnan(a) && std::isnan(b));
}

TensorMap random_inputs(const Graph& graph, uint64_t seed, int64_t classes) {
  std::mt19937_64 random(seed);
  TensorMap inputs;
  for (NodeId id : graph.inputs) {
    const Node& node = graph.nodes[id];
    const auto& attrs = std::get<InputAttrs>(node.attrs);
    DenseTensor tensor{node.types[0], {}};
    for (int64_t i = 0; i < node.types[0].elements(); ++i) {
      double value = std::uniform_real_distribution<double>(-1, 1)(random);
      // Second moments are not negative, rates are small, steps count from 1.
      if (attrs.role == Role::state) value = std::abs(value);
      if (attrs.role == Role::scalar) value = attrs.name == "lr" ? 0.01 : 3;
      if (node.types[0].dtype == DType::f32) value = static_cast<float>(value);
      if (is_integer(node.types[0].dtype) && attrs.role != Role::scalar)
        value = static_cast<double>(random() %
                                    static_cast<uint64_t>(attrs.classes > 0 ? attrs.classes : classes));
      if (node.types[0].dtype == DType::boolean) value = random() % 2 == 0 ? 0 : 1;
      tensor.data.push_back(value);
    }
    inputs[attrs.name] = std::move(tensor);
  }
  return inputs;
}

Outputs run_interpreted(const Graph& graph, const TensorMap& inputs, const CodegenOptions& options) {
  const kernel::Program program = lower(graph, options);
  std::vector<Block> blocks;
  std::vector<std::byte*> memory;
  for (const kernel::Slot& slot : program.slots) {
    blocks.emplace_back(
        static_cast<uint64_t>(storage_elements(slot.type.shape, slot.layout) * dtype_bytes(slot.type.dtype)));
    memory.push_back(blocks.back().data.get());
    if (const auto found = inputs.find(slot.name); found != inputs.end())
      write(memory.back(), slot.type, strides_of(slot.type.shape, slot.layout), found->second);
  }
  kernel::evaluate(program, memory);
  Outputs outputs;
  for (const Output& output : graph.outputs)
    for (uint32_t i = 0; i < program.slots.size(); ++i) {
      const kernel::Slot& slot = program.slots[kernel::SlotId{i}];
      if (slot.name == output.name)
        outputs[output.name] =
            read(memory[i], slot.type.dtype, slot.type.shape, strides_of(slot.type.shape, slot.layout));
    }
  return outputs;
}

Outputs run_compiled(const Graph& graph, const TensorMap& inputs, const CodegenOptions& options,
                     int threads) {
  CodegenOptions own = options;
  own.use_cache = false;
  Diagnostics diagnostics;
  std::vector<kernel::Program> programs;
  programs.push_back(lower(graph, own));
  Result<Bundle> bundle = compile_programs(std::move(programs), own, diagnostics);
  REQUIRE(bundle.ok());
  const EntryPoint& entry = bundle->entries[0];
  if (entry.serial) threads = 1;
  Block state(bundle->state_bytes);
  Block arena(entry.arena_bytes + entry.scratch_bytes_per_thread * static_cast<uint64_t>(threads));
  for (const TensorInfo& info : bundle->tensors)
    if (const auto found = inputs.find(info.name); found != inputs.end())
      write(state.data.get() + info.offset, TensorType{info.dtype, info.shape}, info.strides, found->second);
  std::vector<Block> columns;
  std::vector<const unsigned char*> pointers;
  for (const InputInfo& info : entry.inputs) {
    const TensorType type{info.dtype, info.shape};
    columns.emplace_back(static_cast<uint64_t>(type.bytes()));
    write(columns.back().data.get(), type, strides_of(type.shape, {}), inputs.at(info.name));
    pointers.push_back(reinterpret_cast<const unsigned char*>(columns.back().data.get()));
  }
  nnc_context context{};
  context.state = reinterpret_cast<unsigned char*>(state.data.get());
  context.arena = reinterpret_cast<unsigned char*>(arena.data.get());
  context.inputs = pointers.data();
  Block claims(NNC_CLAIM_BYTES * static_cast<uint64_t>(threads));
  context.claims = reinterpret_cast<unsigned char*>(claims.data.get());
  std::vector<std::thread> others;
  for (int t = 1; t < threads; ++t) others.emplace_back([&, t] { entry.function(&context, t, threads); });
  entry.function(&context, 0, threads);
  for (std::thread& thread : others) thread.join();
  Outputs outputs;
  for (const Output& output : graph.outputs) {
    const TensorInfo* info = bundle->find_tensor(output.name);
    REQUIRE(info != nullptr);
    outputs[output.name] = read(state.data.get() + info->offset, info->dtype, info->shape, info->strides);
  }
  return outputs;
}

Graph prepare(const std::string& text) {
  Sources sources;
  Diagnostics diagnostics;
  const FileId file = sources.add("test.nnir", text);
  Result<Graph> graph = parse_graph(sources, file, diagnostics);
  INFO(render_all(diagnostics, sources));
  REQUIRE(graph.ok());
  passes::PipelineOptions options;
  Result<Graph> ready = passes::run_pipeline(*graph, options, diagnostics);
  INFO(render_all(diagnostics, sources));
  REQUIRE(ready.ok());
  return std::move(*ready);
}

}  // namespace nnc::test
