// See stop_signal.h. A signal handler can reach nothing but a global: this one flag is the exception to the
// rule.
#include "runtime/stop_signal.h"

#include <unistd.h>

#include <atomic>

namespace nnc::runtime {
namespace {

std::atomic<int> stop_requests = 0;  // lock-free, so a handler may touch it
static_assert(std::atomic<int>::is_always_lock_free);

void on_signal(int) {
  if (stop_requests.fetch_add(1) > 0) _exit(130);
}

}  // namespace

StopSignal::StopSignal(bool active) : active_(active) {
  stop_requests = 0;
  if (!active_) return;
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, &interrupt_before_);
  sigaction(SIGTERM, &action, &terminate_before_);
}

StopSignal::~StopSignal() {
  if (!active_) return;
  sigaction(SIGINT, &interrupt_before_, nullptr);
  sigaction(SIGTERM, &terminate_before_, nullptr);
}

bool StopSignal::requested() {
  return stop_requests > 0;
}

}  // namespace nnc::runtime
