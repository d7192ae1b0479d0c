// Work in a process of its own, so that a crash is an answer like any other.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace nnc::reduce {

// How a child process ended.
struct Ended {
  int status = 0;      // as waitpid() gives it: 0 where all went well
  std::string answer;  // what `work` returned; empty if it did not
  std::string said;    // the beginning of its standard error
};

// Runs `work` in a child that is ended after so many seconds. Files that an internal error leaves in the folder of temporary files
// are removed. To be called while this process has one thread.
Ended in_child(const std::function<std::string()>& work, unsigned seconds);

// Runs a command without input or output, its words given to the program that the first one names. `seconds` as above.
Ended run_command(const std::vector<std::string>& words, unsigned seconds);

}  // namespace nnc::reduce
