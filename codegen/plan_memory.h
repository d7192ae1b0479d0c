// Offsets for every slot of a set of programs. Parameters, optimizer state, scalars and outputs get places of
// their own in `state`, shared by name over all programs; temporaries of one program share an arena by
// lifetime, counted in barrier intervals (what lives in the same interval never overlaps).
#pragma once

#include "codegen/program.h"
#include "ir/kernel/kernel.h"

namespace nnc::codegen {

// Where a slot lives.
struct Place {
  // A constant lies beside the step's code.
  enum class Base : uint8_t { state, arena, input, constant } base = Base::arena;
  uint64_t offset = 0;  // bytes; for inputs: their number; for constants: the slot's
};

struct MemoryPlan {
  std::vector<TensorInfo> tensors;  // in `state`, by offset
  uint64_t state_bytes = 0;
  struct PerProgram {
    std::vector<Place> places;  // by SlotId
    uint64_t arena_bytes = 0;
    uint64_t scratch_bytes = 0;  // of one thread: the largest kernel's
    std::vector<InputInfo> inputs;
    MemoryBill bill;  // without scratch, which depends on the number of threads
  };
  std::vector<PerProgram> programs;
};

inline constexpr uint64_t kAlignment = 64;  // bytes, of every tensor and every local

MemoryPlan plan_memory(const std::vector<kernel::Program>& programs);

// What a slot takes.
uint64_t slot_bytes(const kernel::Slot& slot);

// What one batch of an input takes.
uint64_t input_bytes(const TensorType& type);

// What one local of a kernel takes of a thread's scratch, where they lie one after another.
uint64_t local_bytes(const kernel::Kernel& kernel, kernel::BufferId id);

}  // namespace nnc::codegen
