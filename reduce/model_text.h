// Models made smaller as text: statements, members, layers and arguments dropped, parts of expressions in their place, smaller
// numbers; in the formatter's style.
#pragma once

#include <functional>
#include <string>

#include "reduce/search.h"

namespace nnc::reduce {

// The smallest text found that `fails` still; each candidate parses, and may be no sound model otherwise. The text itself
// parses, and is taken to fail.
std::string reduce_model(const std::string& text, const std::function<bool(const std::string&)>& fails,
                         Search& search);

}  // namespace nnc::reduce
