// The command as a function, which main() calls.
#pragma once

namespace nnc::driver {

// Does what the command line says and gives the exit code.
int run_command(int argc, char** argv);

}  // namespace nnc::driver
