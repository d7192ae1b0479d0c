// Flags that would change nothing are refused: one that was typed is meant.
#pragma once

#include <span>
#include <string_view>

#include "driver/commands/commands.h"
#include "support/diagnostic.h"

namespace nnc::driver {

// An error bad_flag for each of `flags` that was typed, with the reason why it has no effect. Says whether there was one.
bool refuse_flags(const Options& options, std::span<const std::string_view> flags, std::string_view reason,
                  Diagnostics& diagnostics);

// The same for all that can be known from the command line alone.
bool refuse_unused_flags(std::string_view command, const Options& options, Diagnostics& diagnostics);

}  // namespace nnc::driver
