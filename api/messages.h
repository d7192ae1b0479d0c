// Diagnostics as the library hands them out: values, and the text that the command prints.
#pragma once

#include "nnc/nnc.h"
#include "support/diagnostic.h"

namespace nnc {

std::vector<Message> messages_of(const Diagnostics& diagnostics, const Sources& sources);
Error error_of(const Diagnostics& diagnostics, const Sources& sources);

}  // namespace nnc
