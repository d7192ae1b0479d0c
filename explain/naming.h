// Names for what equations have in common: an expression that is used several times, or that makes a line too long, gets an
// equation of its own.
#pragma once

#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "explain/explanation.h"
#include "explain/layout.h"

namespace nnc::explain {

// Adds equations u1, u2, … to the blocks, each before the first one that uses it, and writes the others with these names.
void name_shared(formula::Formula& f, std::vector<Block>& blocks,
                 const std::function<std::string(const std::string& letter)>& numbered);

}  // namespace nnc::explain
