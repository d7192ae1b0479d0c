// See stop_signal.h. A signal handler can reach nothing but a global: these flags are the exception to the rule.
#include "runtime/training/stop_signal.h"

#include <unistd.h>

#include <atomic>
#include <iterator>

namespace nnc::runtime {
namespace {

std::atomic<bool> stop_requested = false;  // lock-free, so a handler may touch it
std::atomic<int> interrupts = 0;
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

void on_signal(int signal) {
  if (signal == SIGINT && interrupts.fetch_add(1) > 0) _exit(130);
  stop_requested = true;
}

}  // namespace

StopSignal::StopSignal(bool active) : active_(active) {
  stop_requested = false;
  interrupts = 0;
  if (!active_) return;
  for (size_t i = 0; i < std::size(kCaught); ++i) {
    struct sigaction action {};
    if (kCaught[i] == SIGXFSZ)
      action.sa_handler = SIG_IGN;
    else
      action.sa_handler = on_signal;
    sigemptyset(&action.sa_mask);
    action.sa_flags = SA_RESTART;  // or a write to a full pipe fails, and what it was writing is lost
    sigaction(kCaught[i], &action, &before_[i]);
    // Started with `nohup`, the run has been told to outlive its terminal.
    if (kCaught[i] == SIGHUP && before_[i].sa_handler == SIG_IGN) sigaction(SIGHUP, &before_[i], nullptr);
  }
}

StopSignal::~StopSignal() {
  // Asked to stop, the process is on its way out: a second SIGHUP or SIGTERM may not change how it ends.
  if (!active_ || stop_requested) return;
  for (size_t i = 0; i < std::size(kCaught); ++i) sigaction(kCaught[i], &before_[i], nullptr);
}

bool StopSignal::requested() {
  return stop_requested;
}

}  // namespace nnc::runtime
