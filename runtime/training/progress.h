// What a user sees while a run goes on, on stderr: a bar on a terminal (loss, speed, time left), plain lines
// otherwise, nothing when quiet. Results go to stdout and are not this file's business.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>

namespace nnc::runtime {

// `automatic`: a bar on a terminal that can redraw a line, else plain lines.
enum class ProgressMode { automatic, bar, plain, none };

// The values as a row of blocks from the lowest (▁) to the highest (█), spaced by logarithm where all are positive; a
// space for what is not finite. `to` needs 3 bytes per value and one for the end. Returns how many bytes were written.
size_t sparkline(std::span<const double> values, char* to);

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
  // Seconds since start() that went into something else than steps: no part of the speed, but of the time left.
  void set_aside(double seconds) { aside_ = seconds; }
  // Steps per second of stepping since start().
  double speed(int64_t done_steps) const;
  double seconds() const;

 private:
  using Clock = std::chrono::steady_clock;
  void look(int64_t done_steps, double loss);
  void clear();
  void remember(double loss);

  ProgressMode mode_;
  std::FILE* stream_;
  bool drawn_ = false;
  char label_[64] = {};
  // The losses seen while drawing, for the sparkline: means of `every_` each; when full, neighbors are joined.
  static constexpr size_t kHistory = 24;
  double history_[kHistory] = {};
  size_t known_ = 0;
  int64_t every_ = 1, gathered_ = 0;
  double sum_ = 0;
  bool blocks_ = false;  // the terminal shows more than ASCII
  double aside_ = 0;
  int64_t total_ = 0, first_ = 0, next_look_ = 0, last_done_ = 0;
  Clock::time_point started_, last_drawn_;
};

}  // namespace nnc::runtime
