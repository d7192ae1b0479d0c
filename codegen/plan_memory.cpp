// Places tensors in `state`, temporaries in the arena; writes the bill.
#include "codegen/plan_memory.h"

#include <algorithm>
#include <map>

#include "support/check.h"

namespace nnc::codegen {

using kernel::BufferId;
using kernel::Kernel;
using kernel::Program;
using kernel::Slot;
using kernel::SlotId;
using kernel::Space;

namespace {

uint64_t align(uint64_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

uint64_t bytes_of(const Shape& shape, const Layout& layout, DType dtype) {
  return align(static_cast<uint64_t>(storage_elements(shape, layout) * dtype_bytes(dtype)));
}

// Of all of a kernel's locals.
uint64_t scratch_bytes(const Kernel& kernel) {
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < kernel.buffers.size(); ++i)
    if (kernel.buffers[BufferId{i}].space == Space::local) bytes += local_bytes(kernel, BufferId{i});
  return bytes;
}

// The order of the parts of `state`: parameters first, so that an optimizer could sweep them flat.
enum class Part : uint8_t { parameters, kept, scalars, outputs, elsewhere };

Part part_of(Slot::Kind kind) {
  switch (kind) {
    case Slot::Kind::param:
      return Part::parameters;
    case Slot::Kind::state:
    case Slot::Kind::moment:
    case Slot::Kind::sum:
      return Part::kept;
    case Slot::Kind::scalar:
      return Part::scalars;
    case Slot::Kind::output:
      return Part::outputs;
    default:
      return Part::elsewhere;
  }
}

TensorRole role_of(Slot::Kind kind) {
  switch (kind) {
    case Slot::Kind::param:
      return TensorRole::param;
    case Slot::Kind::moment:
      return TensorRole::moment;
    case Slot::Kind::sum:
      return TensorRole::sum;
    case Slot::Kind::scalar:
      return TensorRole::scalar;
    case Slot::Kind::output:
      return TensorRole::output;
    default:
      return TensorRole::state;
  }
}

// First and last barrier interval in which a slot is touched.
struct Lifetime {
  int first = -1;
  int last = -1;
};

std::vector<Lifetime> lifetimes(const Program& program) {
  std::vector<Lifetime> out(program.slots.size());
  int interval = 0;
  for (const kernel::Item& item : program.items) {
    const auto* launch = std::get_if<kernel::Launch>(&item);
    if (!launch) {
      ++interval;
      continue;
    }
    for (SlotId slot : launch->arguments) {
      Lifetime& life = out[slot.index];
      if (life.first < 0) life.first = interval;
      life.last = interval;
    }
  }
  return out;
}

// Greedy by size: each temporary takes the lowest place free during its whole life.
uint64_t place_temporaries(const Program& program, const std::vector<Lifetime>& lives,
                           std::vector<Place>& places) {
  std::vector<uint32_t> order;
  for (uint32_t i = 0; i < program.slots.size(); ++i)
    if (program.slots[SlotId{i}].kind == Slot::Kind::temporary && lives[i].first >= 0) order.push_back(i);
  std::vector<uint64_t> bytes(program.slots.size());
  for (uint32_t i : order) bytes[i] = slot_bytes(program.slots[SlotId{i}]);
  std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return bytes[a] > bytes[b]; });
  uint64_t total = 0;
  std::vector<uint32_t> placed;
  for (uint32_t i : order) {
    std::vector<std::pair<uint64_t, uint64_t>> taken;
    for (uint32_t j : placed)
      if (lives[j].first <= lives[i].last && lives[i].first <= lives[j].last)
        taken.push_back({places[j].offset, places[j].offset + bytes[j]});
    std::sort(taken.begin(), taken.end());
    uint64_t at = 0;
    for (const auto& [begin, end] : taken) {
      if (at + bytes[i] <= begin) break;
      at = std::max(at, end);
    }
    places[i] = {Place::Base::arena, at};
    total = std::max(total, at + bytes[i]);
    placed.push_back(i);
  }
  return total;
}

// Bytes of the arena in which a gradient lies at some time.
uint64_t gradient_bytes(const Program& program, const std::vector<Lifetime>& lives,
                        const std::vector<Place>& places) {
  std::vector<std::pair<uint64_t, uint64_t>> taken;
  for (uint32_t i = 0; i < program.slots.size(); ++i)
    if (const Slot& slot = program.slots[SlotId{i}]; slot.gradient && lives[i].first >= 0)
      taken.emplace_back(places[i].offset, places[i].offset + slot_bytes(slot));
  std::sort(taken.begin(), taken.end());
  uint64_t bytes = 0, end = 0;
  for (const auto& [from, to] : taken) {
    bytes += std::max(end, to) - std::max(end, from);
    end = std::max(end, to);
  }
  return bytes;
}

}  // namespace

uint64_t slot_bytes(const Slot& slot) {
  return bytes_of(slot.type.shape, slot.layout, slot.type.dtype);
}

uint64_t input_bytes(const TensorType& type) {
  return align(static_cast<uint64_t>(type.bytes()));
}

uint64_t local_bytes(const Kernel& kernel, BufferId id) {
  return bytes_of(kernel.local_shape(id), {}, kernel.buffers[id].type.dtype);
}

MemoryPlan plan_memory(const std::vector<Program>& programs) {
  MemoryPlan plan;
  std::map<std::string, size_t> tensor_at;
  // Each part in the order of the first program that has the tensor.
  const auto add_tensor = [&](const Program& program, const Slot& slot) {
    const std::string of = slot.of.valid() ? program.slots[slot.of].name : "";
    const auto [at, is_new] = tensor_at.try_emplace(slot.name, plan.tensors.size());
    if (!is_new) {
      TensorInfo& known = plan.tensors[at->second];
      NNC_CHECK(known.shape == slot.type.shape && known.strides == strides_of(slot.type.shape, slot.layout) &&
                    known.dtype == slot.type.dtype,
                "programs disagree about the type or layout of " + slot.name);
      if (known.kind == OutputKind::plain) known.kind = slot.output, known.of = of;
      return;
    }
    plan.tensors.push_back({slot.name, role_of(slot.kind), slot.type.dtype, slot.type.shape,
                            strides_of(slot.type.shape, slot.layout), plan.state_bytes, slot_bytes(slot),
                            slot.output, of});
    plan.state_bytes += slot_bytes(slot);
  };
  for (const Part part : {Part::parameters, Part::kept, Part::scalars, Part::outputs})
    for (const Program& program : programs)
      for (const Slot& slot : program.slots)
        if (part_of(slot.kind) == part && !slot.in_place_of.valid()) add_tensor(program, slot);

  for (const Program& program : programs) {
    MemoryPlan::PerProgram out;
    out.places.resize(program.slots.size());
    const std::vector<Lifetime> lives = lifetimes(program);
    out.arena_bytes = place_temporaries(program, lives, out.places);
    for (uint32_t i = 0; i < program.slots.size(); ++i) {
      const Slot& slot = program.slots[SlotId{i}];
      if (slot.kind == Slot::Kind::input) {
        out.places[i] = {Place::Base::input, out.inputs.size()};
        out.inputs.push_back({slot.name, slot.type.dtype, slot.type.shape});
        out.bill.inputs += input_bytes(slot.type);
      } else if (slot.kind == Slot::Kind::constant) {
        out.places[i] = {Place::Base::constant, i};
        out.bill.constants += slot_bytes(slot);
      } else if (part_of(slot.kind) != Part::elsewhere) {
        const Slot& home = slot.in_place_of.valid() ? program.slots[slot.in_place_of] : slot;
        out.places[i] = {Place::Base::state, plan.tensors[tensor_at.at(home.name)].offset};
      }
    }
    out.bill.gradients = gradient_bytes(program, lives, out.places);
    out.bill.activations = out.arena_bytes - out.bill.gradients;
    for (const Kernel& k : program.kernels) out.scratch_bytes = std::max(out.scratch_bytes, scratch_bytes(k));
    plan.programs.push_back(std::move(out));
  }
  return plan;
}

}  // namespace nnc::codegen
