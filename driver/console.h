// Where nnc's words go: results to stdout, messages to stderr, color only on a terminal that wants it. A
// reader that has gone away (nnc … | head) ends the program quietly.
#pragma once

#include <string>
#include <string_view>

#include "fmt/format.h"
#include "support/diagnostic.h"

namespace nnc::driver {

class Console {
 public:
  Console();

  bool quiet = false;  // no messages but errors
  bool verbose = false;

  bool color() const { return color_; }
  // stderr is a terminal that can redraw a line.
  bool live() const { return live_; }

  // To stdout.
  void write(std::string_view text);
  template <class... Args>
  void print(fmt::format_string<Args...> format, Args&&... args) {
    write(fmt::format(format, std::forward<Args>(args)...));
  }
  // To stderr, unless --quiet.
  template <class... Args>
  void say(fmt::format_string<Args...> format, Args&&... args) {
    if (!quiet) message(fmt::format(format, std::forward<Args>(args)...));
  }
  void message(std::string_view text);

  // Renders what was said about the input (with --quiet only the errors) and gives the exit code.
  int report(const Diagnostics& diagnostics, const Sources& sources);

  // Whoever read stdout through a pipe has closed it.
  static bool reader_gone();

  // Flushes stdout; an error there (a full disk) turns a good exit code into 1.
  int finish(int exit_code);

 private:
  void flush();  // stdout; what it could not write is remembered for finish()

  bool color_ = false;
  bool live_ = false;
  int failure_ = 0;  // errno of the first failed write to stdout
};

}  // namespace nnc::driver
