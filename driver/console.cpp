// Streams, color, and what happens when writing fails.
#include "driver/console.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace nnc::driver {
namespace {

// "" where it is not set: an empty variable says no more than none.
std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// The conventions of bixense.com/clicolors and no-color.org.
bool wants_color(bool terminal) {
  if (!environment("NO_COLOR").empty()) return false;
  const std::string_view force = environment("CLICOLOR_FORCE");
  return terminal || (!force.empty() && force != "0");
}

}  // namespace

Console::Console() {
  // A write to a closed pipe is then an error that write() sees, and not the end of a training run.
  std::signal(SIGPIPE, SIG_IGN);
  const std::string_view terminal = environment("TERM");
  live_ = isatty(STDERR_FILENO) != 0 && !terminal.empty() && terminal != "dumb";
  color_ = wants_color(live_);
}

void Console::write(std::string_view text) {
  if (failure_ != 0) return;
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size()) return;
  if (errno == EPIPE) std::_Exit(0);  // the reader has what it wanted
  failure_ = errno;
}

void Console::message(std::string_view text) {
  // Results first, so that the two streams read in order when they go to one place.
  flush();
  std::fwrite(text.data(), 1, text.size(), stderr);
}

int Console::report(const Diagnostics& diagnostics, const Sources& sources) {
  if (!quiet) {
    message(render_all(diagnostics, sources, color_));
    return diagnostics.exit_code();
  }
  for (const Diagnostic& d : diagnostics.all())
    if (d.severity == Severity::error) message(render(d, sources, color_));
  return diagnostics.exit_code();
}

bool Console::reader_gone() {
  pollfd descriptor{STDOUT_FILENO, POLLOUT, 0};
  return poll(&descriptor, 1, 0) == 1 && (descriptor.revents & POLLERR) != 0;
}

void Console::flush() {
  if (std::fflush(stdout) != 0 && failure_ == 0) failure_ = errno;
}

int Console::finish(int exit_code) {
  flush();
  if (failure_ == 0 || failure_ == EPIPE) return exit_code;
  message(fmt::format("nnc: error: cannot write to standard output: {}\n", std::strerror(failure_)));
  return exit_code == 0 ? 1 : exit_code;
}

}  // namespace nnc::driver
