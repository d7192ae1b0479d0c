// The commands of nnc: what they are called, take and do. With command_line.cpp the one place that knows CLI11.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "driver/commands/commands.h"

namespace CLI {
class App;
}

namespace nnc::driver {

struct CommandRow {
  const char* name;
  const char* arguments;  // as shown in the usage line
  size_t fewest, most;    // how many
  const char* example;
  const char* about;
  uint32_t groups;  // of flags that several commands take
  CommandFn run;
  void (*own_flags)(CLI::App& app, Options& o) = nullptr;
};

std::span<const CommandRow> command_rows();  // in the order of the help text

// Tells `app` the flags of the command and where in `options` their values go.
void add_flags(CLI::App& app, const CommandRow& row, Options& options);

}  // namespace nnc::driver
