// The bits behind every random number, in plain C++: the reference that the ops' scalar rules are tested
// against.
#pragma once

#include <cstdint>

namespace nnc::ops {

// Word 0 … 3 of the Philox4x32-10 block with this key and this counter (its low and high 64 bits).
uint32_t philox_word(uint64_t key, uint64_t low, uint64_t high, uint32_t word);

}  // namespace nnc::ops
