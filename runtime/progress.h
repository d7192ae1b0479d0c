// What a user sees while a run goes on, on stderr: a bar on a terminal (loss, speed, time left), plain lines
// otherwise, nothing when quiet. Results go to stdout and are not this file's business.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace nnc::runtime {

enum class ProgressMode { automatic, bar, plain, none };

// Whether to write colours to this stream: a terminal, unless NO_COLOR is set or TERM is dumb; CLICOLOR_FORCE
// forces.
bool wants_color(std::FILE* stream);
// `automatic` becomes bar on a terminal, else plain.
ProgressMode resolve_mode(ProgressMode mode, std::FILE* stream);

// "12 s", "3 min 20 s", "2 h 05 min"
std::string describe_seconds(double seconds);

class Progress {
 public:
  Progress(ProgressMode mode, std::FILE* stream);
  ~Progress();

  // Of the whole run, for the time left; `done` at a resume is what earlier runs did.
  void start(int64_t total_steps, int64_t done_steps);
  // Redraws the bar if it is due (about 10 times a second); no allocation, and mostly not even a look at the
  // clock.
  void step(int64_t done_steps, double loss) {
    if (mode_ != ProgressMode::bar || done_steps < next_look_) return;
    look(done_steps, loss);
  }
  void set_label(std::string_view label);  // "epoch 3/30"
  // One line that stays: an epoch's result, a note. The bar makes room for it.
  void line(std::string_view text);
  // Removes the bar.
  void finish();
  // Steps per second since start().
  double speed(int64_t done_steps) const;
  double seconds() const;

 private:
  using Clock = std::chrono::steady_clock;
  void look(int64_t done_steps, double loss);
  void clear();

  ProgressMode mode_;
  std::FILE* stream_;
  bool drawn_ = false;
  char label_[64] = {};
  int64_t total_ = 0, first_ = 0, next_look_ = 0, last_done_ = 0;
  Clock::time_point started_, last_drawn_;
};

}  // namespace nnc::runtime
