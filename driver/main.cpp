// nnc: the command. Everything a user can do wrong becomes a Diagnostic inside a command; what is left for
// this file are the two things no command can answer, memory that runs out and a bug in a library.
#include <exception>
#include <new>

#include "driver/command_line.h"
#include "support/check.h"

int main(int argc, char** argv) {
  nnc::report_crashes();
  nnc::driver::Console console;
  nnc::driver::Options options;
  const nnc::driver::CommandLine line = nnc::driver::parse_command_line(argc, argv, options, console);
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
