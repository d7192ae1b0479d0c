// What schedules and emission need to know of the processor. Plain numbers; filled in by host_target.cpp for the
// host.
#pragma once

#include <cstdint>
#include <string>

#include "ir/order.h"

namespace nnc::codegen {

struct Target {
  std::string isa = "avx512";  // "avx512" or "avx2"
  std::string cpu;             // LLVM's name, "znver4"
  std::string features;        // "+avx512f,…"
  int vector_registers = 32;   // of register_lanes floats
  int register_lanes = 16;
  // Floats that a multiply-add unit takes at once: 8 also where a 512-bit instruction is run in two halves.
  int unit_lanes = 16;
  int64_t l1_bytes = 32 * 1024;
  int64_t l2_bytes = 1024 * 1024;

  // Registers a vector of kLanes takes.
  int registers_per_value() const { return static_cast<int>(kLanes) / register_lanes; }
  // What loading one number into all lanes costs, where a multiply-add of kLanes costs 1: as many loads as multiply-adds
  // start in a cycle, and one load is enough whatever a multiply-add is cut into.
  double broadcast_price() const { return static_cast<double>(unit_lanes) / static_cast<double>(kLanes); }
};

}  // namespace nnc::codegen
