// What the text of an explanation says, in double: from its lines and the values of the inputs alone. It proves that what is printed
// is true (explain/check.h).
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ir/graph/eval.h"

namespace nnc::explain {

// Every name's values; of a sequence all places, stacked. Or what is wrong: "line 3: …". `given` has the inputs and what lines
// with `~` leave open.
std::variant<TensorMap, std::string> evaluate_text(std::string_view text, const TensorMap& given);

}  // namespace nnc::explain
