// NNC_CHECK: for our own mistakes, never for the user's. It stays on in release builds: a wrong answer is worse
// than a stopped program. What the user sees is a report: what nnc was doing, and a file with what it worked on.
#pragma once

#include <functional>
#include <string>

namespace nnc {

// While one of these lives, an internal error on its thread names `what` ("the pass simplify on @train") and writes
// `text()` to a file with this extension (".nnir"). Of nested ones the innermost is reported.
class WorkingOn {
 public:
  WorkingOn(std::string what, std::string extension, std::function<std::string()> text);
  ~WorkingOn();
  WorkingOn(const WorkingOn&) = delete;
  WorkingOn& operator=(const WorkingOn&) = delete;

 private:
  friend void report_work();
  std::string what_;
  std::string extension_;
  std::function<std::string()> text_;
  WorkingOn* around_;
};

// Prints the failed condition, its place and `message`, then what was being worked on, and exits with 1.
[[noreturn]] void check_failed(const char* condition, const char* file, int line, const std::string& message);

// Makes a crash (a signal that would end the process with a core dump) end in the same kind of report and exit code.
void report_crashes();

}  // namespace nnc

#define NNC_CHECK(condition, message) \
  ((condition) ? void() : ::nnc::check_failed(#condition, __FILE__, __LINE__, (message)))
