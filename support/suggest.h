// "did you mean …": the known name nearest to a mistyped one.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace nnc {

// The candidate with the smallest edit distance (insertions, deletions, replacements, swaps of neighbors; case is
// ignored), if that is at most a third of the longer word's length (at least 1). Ties go to the first.
std::optional<std::string> suggest(std::string_view word, std::span<const std::string> candidates);

}  // namespace nnc
