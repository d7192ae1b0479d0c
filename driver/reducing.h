// How candidates of nnc reduce are tried: each in a process of its own, through the stages of the compiler or by a command of the
// user's, and how their failures are told apart.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "driver/session.h"

namespace nnc::driver {

// What became of a candidate.
struct Outcome {
  enum class Kind { good, refused, changed, crashed, command } kind = Kind::good;
  std::string which;  // what has to stay the same: the stage that changes a value, where the compiler stops
  std::string sentence;  // for people, of the one at hand

  bool is_failure() const { return kind != Kind::good && kind != Kind::refused; }
  bool is_same(const Outcome& other) const { return kind == other.kind && which == other.which; }
};

class Trial {
 public:
  // `command`: the user's, whose words {} become the candidate's path; empty: the stages. `stages` by name.
  Trial(const Options& options, std::vector<std::string> command, std::vector<std::string> stages);
  ~Trial();
  Trial(const Trial&) = delete;
  Trial& operator=(const Trial&) = delete;

  Outcome of(const Graph& graph) const;
  // Of a model's text; `path` is what it was read from.
  Outcome of(const std::string& text, const std::string& path) const;

 private:
  Outcome by_stages(const std::function<Result<Graph>(Session&)>& candidate) const;
  Outcome by_command(const std::string& text, const std::string& extension) const;

  const Options& options_;
  std::vector<std::string> command_;
  std::vector<std::string> stages_;
  std::string folder_;  // of the candidate that the command reads; empty where none can be made
};

}  // namespace nnc::driver
