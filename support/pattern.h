// Names that are chosen by a pattern: "*.bias".
#pragma once

#include <string_view>

namespace nnc {

// Whether the whole name fits: `*` stands for any characters, `?` for one.
bool fits_pattern(std::string_view pattern, std::string_view name);

}  // namespace nnc
