// Programs made smaller for as long as they fail.
#pragma once

#include <functional>

#include "program.h"

namespace nnc::random {

// The smallest program found that `fails` still; each candidate is sound. `most`: how many are tried.
Program shrink(Program program, const std::function<bool(const Program&)>& fails, int most = 400);

}  // namespace nnc::random
