// argv → Options and the command to run.
#pragma once

#include "driver/commands/commands.h"

namespace nnc::driver {

struct CommandLine {
  CommandFn command = nullptr;  // null: everything is said, leave with `exit_code`
  int exit_code = 0;
};

// Prints help and version itself. A word that is no command or flag is an error with a suggestion (exit 2).
CommandLine parse_command_line(int argc, char** argv, Options& options, Console& console);

}  // namespace nnc::driver
