// Ctrl-C once asks the run to save and stop, twice ends the process at once; SIGTERM saves and stops.
#pragma once

#include <csignal>

namespace nnc::runtime {

// Catches the signals while it lives and restores what was there before.
class StopSignal {
 public:
  explicit StopSignal(bool active);
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  static bool requested();

 private:
  bool active_;
  struct sigaction interrupt_before_ {};
  struct sigaction terminate_before_ {};
};

}  // namespace nnc::runtime
