// See text_program.h.
#include "driver/text_program.h"

#include "driver/dense.h"
#include "driver/programs.h"
#include "driver/verify_passes.h"
#include "ir/kernel/text.h"
#include "runtime/file.h"
#include "runtime/store/checkpoint.h"
#include "support/dtype.h"
#include "validate/inputs.h"

namespace nnc::driver {
namespace {

uint64_t hash_bits(const DenseTensor& tensor) {
  std::vector<unsigned char> bytes(tensor.data.size() * dtype_size(tensor.type.dtype));
  write_elements(tensor.type.dtype, bytes.data(), tensor.data);
  return runtime::hash_bytes(bytes.data(), bytes.size());
}

Role role_of(kernel::Slot::Kind kind) {
  switch (kind) {
    case kernel::Slot::Kind::param:
      return Role::param;
    case kernel::Slot::Kind::state:
      return Role::state;
    case kernel::Slot::Kind::moment:
      return Role::moment;
    case kernel::Slot::Kind::sum:
      return Role::sum;
    case kernel::Slot::Kind::scalar:
      return Role::scalar;
    default:
      return Role::input;
  }
}

bool is_input(kernel::Slot::Kind kind) {
  return kind == kernel::Slot::Kind::input || kind == kernel::Slot::Kind::scalar || kernel::is_kept(kind);
}

// With line tables where they are asked for.
CodegenOptions code_options(const Session& session) {
  CodegenOptions options = codegen_options(session.options);
  if (session.options.debug_lines) options.lines = &session.sources;
  return options;
}

// A program that runs the one kernel once on parameters and outputs of its own.
kernel::Program program_of(kernel::Kernel k) {
  using kernel::Slot;
  kernel::Program program;
  program.name = k.name;
  kernel::Launch launch;
  for (const kernel::Buffer& buffer : k.buffers) {
    if (buffer.space == kernel::Space::local) continue;
    Slot slot;
    slot.name = buffer.name;
    slot.type = buffer.type;
    slot.layout = buffer.layout;
    slot.kind = buffer.space == kernel::Space::out ? Slot::Kind::output : Slot::Kind::param;
    kernel::SlotId id = program.slots.push_back(slot);
    if (buffer.space == kernel::Space::inout) {
      slot.kind = Slot::Kind::output;
      slot.in_place_of = id;
      slot.name += ".new";
      id = program.slots.push_back(std::move(slot));
    }
    launch.arguments.push_back(id);
  }
  launch.kernel = program.kernels.push_back(std::move(k));
  program.items.push_back(std::move(launch));
  return program;
}

Result<CompiledText> compile_graph_text(Session& session, const std::string& path) {
  const Result<Module> module = load_module(session, path);
  if (!module) return Failure();
  Result<Graph> graph = choose_graph(session, *module);
  if (!graph) return Failure();
  const Result<std::vector<std::string>> disabled = disabled_passes(session);
  if (!disabled) return Failure();
  return compile_graph_alone(session, std::move(*graph), *disabled);
}

Result<CompiledText> compile_kernel_text(Session& session, const std::string& path) {
  CompiledText out;
  const Result<FileId> file = open_source(session, path);
  if (!file) return Failure();
  Result<kernel::Program> program = kernel::parse_program(session.sources, *file, session.diagnostics);
  if (!program) return Failure();
  if (program->slots.empty() && program->kernels.size() == 1)
    *program = program_of(std::move(program->kernels[kernel::KernelId{0}]));
  if (program->items.empty()) {
    session.diagnostics
        .error_at(DiagnosticKind::wrong_file_kind, path,
                  fmt::format("there is nothing to run: {} kernels and no program", program->kernels.size()))
        .suggest("program @NAME { slot …  launch @KERNEL(…) } says on what, and in which order");
    return Failure();
  }
  const CodegenOptions options = code_options(session);
  decide_sharing(*program, options);
  Builder builder(out.signature);
  for (const kernel::Slot& slot : program->slots) {
    if (is_input(slot.kind)) {
      InputAttrs attrs{slot.name, role_of(slot.kind)};
      attrs.classes = slot.classes;
      builder.input(std::move(attrs), slot.type);
    }
    if (slot.kind != kernel::Slot::Kind::output) continue;
    const std::string place = slot.in_place_of.valid() ? program->slots[slot.in_place_of].name : slot.name;
    out.places.push_back({slot.in_place_of.valid() ? place : slot.name, place});
  }
  std::vector<kernel::Program> programs;
  programs.push_back(std::move(*program));
  Result<Bundle> bundle = compile_programs(std::move(programs), options, session.diagnostics);
  if (!bundle) return Failure();
  out.bundle = std::move(*bundle);
  return out;
}

}  // namespace

bool is_program_text(const std::string& path) {
  return path.ends_with(".nnir") || path.ends_with(".nnk");
}

Result<CompiledText> compile_graph_alone(Session& session, Graph graph,
                                         const std::vector<std::string>& disabled) {
  if (session.options.verify_passes && !verify_passes(session, {&graph, 1})) return Failure();
  Result<Bundle> bundle = nnc::compile_graphs({&graph, 1}, disabled, code_options(session),
                                              session.diagnostics, nullptr, memory_limit(session.options));
  if (!bundle) return Failure();
  CompiledText out;
  out.bundle = std::move(*bundle);
  for (const nnc::Output& output : graph.outputs)
    out.places.push_back({output.name, output.replaces ? graph.input_name(*output.replaces) : output.name});
  out.signature = std::move(graph);
  return out;
}

Result<CompiledText> compile_text(Session& session, const std::string& path) {
  return path.ends_with(".nnk") ? compile_kernel_text(session, path) : compile_graph_text(session, path);
}

std::unique_ptr<TextProgram> TextProgram::open(Session& session, const std::string& path) {
  Result<CompiledText> text = compile_text(session, path);
  return text ? open(session, std::move(*text)) : nullptr;
}

std::unique_ptr<TextProgram> TextProgram::open(Session& session, CompiledText text) {
  if (!check_memory(session, text.bundle)) return nullptr;
  std::unique_ptr<TextProgram> made(new TextProgram(std::move(text)));
  made->pool_ = std::make_unique<runtime::ThreadPool>(codegen_options(session.options).threads);
  made->memory_ = std::make_unique<runtime::Session>(made->bundle(), *made->pool_);
  if (!made->memory_->check_memory(session.diagnostics)) return nullptr;
  made->set_inputs(session.options.seed.value_or(0));
  return made;
}

void TextProgram::set_inputs(uint64_t seed) {
  runtime::initialize(*memory_, 0);
  const TensorMap inputs = validate::draw_inputs(text_.signature, seed);
  const auto bytes_of = [&](const std::string& name, DType dtype) {
    const DenseTensor& tensor = inputs.at(name);
    std::vector<unsigned char> bytes(tensor.data.size() * dtype_size(dtype));
    write_elements(dtype, bytes.data(), tensor.data);
    return bytes;
  };
  for (const TensorInfo& info : bundle().tensors)
    if (inputs.contains(info.name) && info.role != TensorRole::output)
      runtime::write_tensor(info, memory_->state(), bytes_of(info.name, info.dtype).data());
  for (const InputInfo& input : step().inputs) columns_.push_back(bytes_of(input.name, input.dtype));
  for (const std::vector<unsigned char>& column : columns_) pointers_.push_back(column.data());
}

void TextProgram::take_step() {
  memory_->set_scalar("t", ++taken_);
  memory_->run(step(), pointers_.data());
}

std::vector<TextProgram::Output> TextProgram::outputs() {
  std::vector<Output> all;
  for (const CompiledText::Place& place : text_.places) {
    const TensorInfo* info = bundle().find_tensor(place.tensor);
    NNC_CHECK(info != nullptr, "an output without a place: " + place.tensor);
    all.push_back({place.output, dense(*info, memory_->state()), 0});
    all.back().bits = hash_bits(all.back().tensor);
  }
  std::ranges::stable_sort(all, {}, &Output::name);
  return all;
}

uint64_t bits_of(const std::vector<TextProgram::Output>& outputs) {
  std::vector<uint64_t> all;
  for (const TextProgram::Output& output : outputs) all.push_back(output.bits);
  return runtime::hash_bytes(all.data(), all.size() * sizeof(uint64_t));
}

}  // namespace nnc::driver
