// nnc lsp: the language server for editors, on standard input and output.
#include <unistd.h>

#include <csignal>

#include "driver/commands/commands.h"
#include "driver/language_server/server.h"

namespace nnc::driver {

int lsp(const Options&, Console& console) {
  std::signal(SIGPIPE, SIG_IGN);  // an editor that went away is noticed by what it sends: nothing
  language_server::Transport transport(STDIN_FILENO, STDOUT_FILENO);
  return language_server::Server(transport, console).run();
}

}  // namespace nnc::driver
