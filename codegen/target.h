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
  // Floats that a multiply-add unit processes at once: 8 also where it runs a 512-bit instruction in two halves.
  int unit_lanes = 16;
  int64_t l1_bytes = 32 * 1024;
  int64_t l2_bytes = 1024 * 1024;

  // Registers a vector of kLanes takes.
  int registers_per_value() const { return static_cast<int>(kLanes) / register_lanes; }
  // The cost of loading one number into all lanes, relative to a multiply-add of kLanes. As many loads as multiply-adds
  // start in a cycle; a multiply-add that is run in two halves still needs the one load.
  double broadcast_price() const { return static_cast<double>(unit_lanes) / static_cast<double>(kLanes); }
};

}  // namespace nnc::codegen
