// Random programs.
#pragma once

#include "program.h"

namespace nnc::random {

// A graph of ops of the table, derivatives of numbers in it, and updates.
Program generate(uint64_t seed);

}  // namespace nnc::random
