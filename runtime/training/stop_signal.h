// Ctrl-C once asks a long command to stop in an orderly way (nnc train saves, nnc run shows what there is), twice ends the
// process at once; SIGTERM and SIGHUP ask the same, however often they come (a closing terminal sends SIGHUP twice). A
// file that grows past the process's limit is an error of that write, not the end of the process.
#pragma once

#include <csignal>

namespace nnc::runtime {

// Catches the signals while it lives, and restores what was there before unless it was asked to stop.
class StopSignal {
 public:
  explicit StopSignal(bool active);
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  static bool requested();

 private:
  static constexpr int kCaught[] = {SIGINT, SIGTERM, SIGHUP, SIGXFSZ};
  bool active_;
  struct sigaction before_[4]{};
};

}  // namespace nnc::runtime
