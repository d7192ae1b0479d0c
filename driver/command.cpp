// nnc: the command. Everything a user can do wrong becomes a Diagnostic inside a command; what is left for
// this file are the two things no command can answer, memory that runs out and a bug in a library.
#include "driver/command.h"

#include <exception>
#include <new>

#include "driver/command_line.h"
#include "support/check.h"

namespace nnc::driver {

int run_command(int argc, char** argv) {
  report_crashes();
  Console console;
  Options options;
  const CommandLine line = parse_command_line(argc, argv, options, console);
  if (line.command == nullptr) return console.finish(line.exit_code);
  try {
    return console.finish(line.command(options, console));
  } catch (const std::bad_alloc&) {
    console.message("nnc: error: out of memory\n");
  } catch (const std::exception& error) {
    console.message(fmt::format("nnc: error: {}\n", error.what()));
  }
  return console.finish(1);
}

}  // namespace nnc::driver
