// See child.h.
#include "reduce/child.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include <fmt/format.h>

namespace nnc::reduce {
namespace {

constexpr size_t kMostSaid = 2000;
constexpr int kNotRun = 127;  // as a shell has it

std::string text_of(std::FILE* file, size_t most) {
  std::rewind(file);
  std::string text;
  char part[4096];
  while (text.size() < most) {
    const size_t read = std::fread(part, 1, std::min(sizeof part, most - text.size()), file);
    if (read == 0) break;
    text.append(part, read);
  }
  std::fclose(file);
  return text;
}

// Runs `body`, which does not return, in a child whose standard error goes to a file.
Ended ended(const std::function<void()>& body, unsigned seconds) {
  std::FILE* said = std::tmpfile();
  std::fflush(nullptr);  // or the child writes it again
  const pid_t child = said == nullptr ? -1 : fork();
  if (child == 0) {
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) std::signal(signal, SIG_DFL);
    dup2(fileno(said), STDERR_FILENO);
    alarm(seconds);
    body();
    _exit(kNotRun);
  }
  Ended result{kNotRun << 8, "", ""};
  if (child > 0)
    while (waitpid(child, &result.status, 0) < 0 && errno == EINTR) continue;
  if (said != nullptr) result.said = text_of(said, kMostSaid);
  return result;
}

}  // namespace

Ended in_child(const std::function<std::string()>& work, unsigned seconds) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path reports = fs::temp_directory_path(error) / fmt::format("nnc-child-{}", getpid());
  fs::create_directory(reports, error);
  std::FILE* answer = std::tmpfile();
  Ended result = ended(
      [&] {
        setenv("TMPDIR", reports.c_str(), 1);
        const std::string text = work();
        const bool written = answer != nullptr && std::fwrite(text.data(), 1, text.size(), answer) == text.size() &&
                             std::fflush(answer) == 0;
        _exit(written ? 0 : 1);
      },
      seconds);
  fs::remove_all(reports, error);
  if (answer != nullptr) result.answer = text_of(answer, SIZE_MAX);
  return result;
}

Ended run_command(const std::vector<std::string>& words, unsigned seconds) {
  return ended(
      [&] {
        const int nothing = open("/dev/null", O_RDWR);
        for (const int stream : {STDIN_FILENO, STDOUT_FILENO}) dup2(nothing, stream);
        std::vector<char*> arguments;
        for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
        arguments.push_back(nullptr);
        execvp(arguments[0], arguments.data());
        std::perror(arguments[0]);
      },
      seconds);
}

}  // namespace nnc::reduce
