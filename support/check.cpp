// Reports of internal errors: failed checks and crashes.
#include "support/check.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

#include <unistd.h>

namespace nnc {
namespace {

thread_local WorkingOn* innermost = nullptr;

constexpr char kRequest[] =
    "This is a bug in nnc, not in your model; please report it with the command you ran";

// In the folder of temporary files; numbered by process, so that two runs do not write the same file.
std::string report_path(const std::string& extension) {
  std::error_code error;
  std::filesystem::path folder = std::filesystem::temp_directory_path(error);
  if (error) folder = ".";
  return (folder / ("nnc-internal-error-" + std::to_string(::getpid()) + extension)).string();
}

[[noreturn]] void leave() {
  std::fflush(nullptr);
  std::_Exit(1);
}

}  // namespace

WorkingOn::WorkingOn(std::string what, std::string extension, std::function<std::string()> text)
    : what_(std::move(what)),
      extension_(std::move(extension)),
      text_(std::move(text)),
      around_(std::exchange(innermost, this)) {}

WorkingOn::~WorkingOn() {
  innermost = around_;
}

void report_work() {
  const WorkingOn* work =
      std::exchange(innermost, nullptr);  // a second failure, while reporting, reports nothing
  if (work == nullptr) {
    std::fprintf(stderr, "%s.\n", kRequest);
    return;
  }
  std::fprintf(stderr, "It happened in %s.\n", work->what_.c_str());
  const std::string path = report_path(work->extension_);
  const std::string text = work->text_();
  std::FILE* file = std::fopen(path.c_str(), "w");
  const bool written = file != nullptr && std::fwrite(text.data(), 1, text.size(), file) == text.size();
  if (file != nullptr && std::fclose(file) == 0 && written)
    std::fprintf(stderr, "%s and the file %s, which holds what it worked on.\n", kRequest, path.c_str());
  else
    std::fprintf(stderr, "%s.\n", kRequest);
}

void check_failed(const char* condition, const char* file, int line, const std::string& message) {
  std::fprintf(stderr, "nnc: internal error at %s:%d: %s does not hold: %s\n", file, line, condition,
               message.c_str());
  report_work();
  leave();
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)

void report_crashes() {}  // sanitizers have reports of their own

#else

namespace {

constexpr int kCrashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

// Only the first line is sure to be printed. What follows allocates, which a corrupt heap may not survive: the second
// signal then ends the process at once.
void on_crash(int signal) {
  for (int other : kCrashes) std::signal(other, [](int) { std::_Exit(1); });
  sigset_t crashes;
  sigemptyset(&crashes);
  for (int other : kCrashes) sigaddset(&crashes, other);
  sigprocmask(SIG_UNBLOCK, &crashes, nullptr);
  const char* what = signal == SIGSEGV   ? "nnc: internal error: segmentation fault\n"
                     : signal == SIGBUS  ? "nnc: internal error: bus error\n"
                     : signal == SIGABRT ? "nnc: internal error: aborted\n"
                     : signal == SIGFPE  ? "nnc: internal error: arithmetic exception\n"
                                         : "nnc: internal error: illegal instruction\n";
  if (::write(STDERR_FILENO, what, std::strlen(what)) < 0) std::_Exit(1);
  report_work();
  std::_Exit(1);
}

}  // namespace

void report_crashes() {
  // A stack that has run out cannot hold the handler: it gets one of its own.
  static char stack[64 << 10];
  stack_t alternate{};
  alternate.ss_sp = stack;
  alternate.ss_size = sizeof stack;
  sigaltstack(&alternate, nullptr);
  struct sigaction action {};
  action.sa_handler = on_crash;
  action.sa_flags = SA_ONSTACK;
  for (int signal : kCrashes) sigaction(signal, &action, nullptr);
}

#endif

}  // namespace nnc
