// Matching the arguments of a call with the types of a signature.
#pragma once

#include "frontend/elaborate/elaborator.h"

namespace nnc::frontend {

// Reports a size that nothing defines, with the nearest known one.
void unknown_size(Elaborator& e, const std::string& name, const Site& site);

}  // namespace nnc::frontend
