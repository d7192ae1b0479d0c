// Memory for compiled and interpreted kernels, laid out as they want it.
#include "validate/execute.h"

#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "ir/kernel/eval.h"
#include "ir/kernel/text.h"

namespace nnc::validate {
namespace {

// An aligned, zeroed block.
struct Block {
  explicit Block(uint64_t bytes)
      : size((bytes + 127) / 64 * 64),
        data(static_cast<std::byte*>(std::aligned_alloc(64, size)), &std::free) {
    std::memset(data.get(), 0, size);
  }
  unsigned char* bytes() const { return reinterpret_cast<unsigned char*>(data.get()); }
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

// Where an output is found: under its own name, or that of the input it replaces.
const std::string& place_of(const Graph& graph, const Output& output) {
  if (!output.replaces) return output.name;
  return std::get<InputAttrs>(graph.nodes[*output.replaces].attrs).name;
}

}  // namespace

bool is_same(double a, double b) {
  return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b) || (std::isnan(a) && std::isnan(b));
}

std::variant<kernel::Program, std::string> lower_checked(const Graph& graph, const CodegenOptions& options) {
  Diagnostics diagnostics;
  Result<kernel::Program> program = lower_graph(graph, options, diagnostics);
  if (!program) return "the graph does not lower";
  for (const kernel::Kernel& k : program->kernels) {
    std::string broken;
    for (const std::string& line : kernel::verify(k)) broken += line + "\n";
    if (!broken.empty()) return broken + kernel::print(k);
  }
  const std::string text = kernel::print(*program);
  Sources sources;
  Result<kernel::Program> again =
      kernel::parse_program(sources, sources.add("program.nnk", text), diagnostics);
  if (!again) return render_all(diagnostics, sources);
  if (kernel::print(*again) != text) return "kernels do not read back as they are printed\n" + text;
  return std::move(*again);
}

struct Executable::Memory {
  Graph graph;
  Bundle bundle;
  Block state{0};
  Block arena{0};
  Block claims{0};
  int most_threads = 0;  // that arena and claims are large enough for
  std::vector<Block> columns;
  std::vector<const unsigned char*> pointers;
  nnc_context context{};

  const EntryPoint& entry() const { return bundle.entries[0]; }

  void allocate(int threads) {
    if (threads <= most_threads) return;
    most_threads = threads;
    arena = Block(entry().arena_bytes + entry().scratch_bytes_per_thread * static_cast<uint64_t>(threads));
    claims = Block(NNC_CLAIM_BYTES * static_cast<uint64_t>(threads));
    context.state = state.bytes();
    context.arena = arena.bytes();
    context.claims = claims.bytes();
    context.inputs = pointers.data();
  }

  void set(const TensorMap& inputs) {
    for (const TensorInfo& info : bundle.tensors)
      if (const auto found = inputs.find(info.name); found != inputs.end())
        write(state.data.get() + info.offset, TensorType{info.dtype, info.shape}, info.strides,
              found->second);
    for (size_t i = 0; i < columns.size(); ++i) {
      const InputInfo& info = entry().inputs[i];
      const TensorType type{info.dtype, info.shape};
      write(columns[i].data.get(), type, strides_of(type.shape, {}), inputs.at(info.name));
    }
  }
};

Executable::Executable() : memory_(std::make_unique<Memory>()) {}
Executable::Executable(Executable&&) noexcept = default;
Executable& Executable::operator=(Executable&&) noexcept = default;
Executable::~Executable() = default;

std::variant<Executable, std::string> Executable::compile(const Graph& graph, const CodegenOptions& options) {
  auto lowered = lower_checked(graph, options);
  if (std::string* fault = std::get_if<std::string>(&lowered)) return std::move(*fault);
  return compile(std::move(std::get<kernel::Program>(lowered)), graph, options);
}

std::variant<Executable, std::string> Executable::compile(kernel::Program program, const Graph& graph,
                                                          const CodegenOptions& options) {
  Diagnostics diagnostics;
  std::vector<kernel::Program> programs;
  programs.push_back(std::move(program));
  Result<Bundle> bundle = compile_programs(std::move(programs), options, diagnostics);
  if (!bundle) return render_all(diagnostics, Sources());
  Executable made;
  Memory& memory = *made.memory_;
  memory.graph = graph;
  memory.bundle = std::move(*bundle);
  memory.state = Block(memory.bundle.state_bytes);
  for (const InputInfo& info : memory.entry().inputs)
    memory.columns.emplace_back(static_cast<uint64_t>(TensorType{info.dtype, info.shape}.bytes()));
  for (const Block& column : memory.columns) memory.pointers.push_back(column.bytes());
  return made;
}

Outputs Executable::step(const TensorMap& inputs, int threads) {
  Memory& memory = *memory_;
  if (memory.entry().serial) threads = 1;
  memory.allocate(threads);
  memory.set(inputs);
  const nnc_entry function = memory.entry().function;
  std::vector<std::thread> others;
  for (int t = 1; t < threads; ++t) others.emplace_back([&, t] { function(&memory.context, t, threads); });
  function(&memory.context, 0, threads);
  for (std::thread& thread : others) thread.join();
  Outputs outputs;
  for (const Output& output : memory.graph.outputs)
    if (const TensorInfo* info = memory.bundle.find_tensor(place_of(memory.graph, output)))
      outputs[output.name] =
          read(memory.state.data.get() + info->offset, info->dtype, info->shape, info->strides);
  return outputs;
}

Outputs interpret(const kernel::Program& program, const Graph& graph, const TensorMap& inputs,
                  Outputs* temporaries) {
  std::vector<Block> blocks;
  std::vector<std::byte*> memory;
  const auto strides = [](const kernel::Slot& slot) { return strides_of(slot.type.shape, slot.layout); };
  for (const kernel::Slot& slot : program.slots) {
    blocks.emplace_back(
        static_cast<uint64_t>(storage_elements(slot.type.shape, slot.layout) * dtype_bytes(slot.type.dtype)));
    memory.push_back(blocks.back().data.get());
    if (const auto found = inputs.find(slot.name); found != inputs.end())
      write(memory.back(), slot.type, strides(slot), found->second);
  }
  kernel::evaluate(program, memory);
  const auto read_slot = [&](uint32_t i) {
    const kernel::Slot& slot = program.slots[kernel::SlotId{i}];
    return read(memory[i], slot.type.dtype, slot.type.shape, strides(slot));
  };
  Outputs outputs;
  for (const Output& output : graph.outputs)
    for (uint32_t i = 0; i < program.slots.size(); ++i)
      if (program.slots[kernel::SlotId{i}].name == place_of(graph, output)) outputs[output.name] = read_slot(i);
  if (temporaries != nullptr)
    for (uint32_t i = 0; i < program.slots.size(); ++i)
      if (const kernel::Slot& slot = program.slots[kernel::SlotId{i}]; slot.kind == kernel::Slot::Kind::temporary)
        temporaries->emplace(slot.name, read_slot(i));
  return outputs;
}

}  // namespace nnc::validate
