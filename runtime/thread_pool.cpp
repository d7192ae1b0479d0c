// The pool's protocol: the caller publishes (function, data), raises `generation_`, works as thread 0, and
// waits until `running_` is back at 0. Workers wait for a new generation. Both waits spin first: a training
// step is often shorter than the two system calls it would take to sleep and be woken.
#include "runtime/thread_pool.h"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <system_error>

namespace nnc::runtime {
namespace {

constexpr int64_t kSpinNs = 50'000;

int available_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    const int count = CPU_COUNT(&set);
    if (count > 0) return count;
  }
  return static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
}

void pause_briefly() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

}  // namespace

int default_threads() {
  if (const char* text = std::getenv("NNC_THREADS")) {
    int value = 0;
    const char* end = text + std::strlen(text);
    const auto [stop, error] = std::from_chars(text, end, value);
    if (error == std::errc() && stop == end && value > 0) return std::min(value, 1024);
  }
  return available_processors();
}

ThreadPool::ThreadPool(int threads) {
  const int wanted = std::max(1, threads);
  spin_ns_ = wanted <= available_processors() ? kSpinNs : 0;
  workers_.reserve(static_cast<size_t>(wanted - 1));
  // A thread that cannot be made is no reason to fail: the results do not depend on how many there are.
  // Workers read threads_ only after the first run() has published it.
  for (int i = 1; i < wanted; ++i) {
    try {
      workers_.emplace_back([this, i] { work(i); });
    } catch (const std::system_error&) {
      break;
    }
  }
  threads_ = static_cast<int>(workers_.size()) + 1;
}

ThreadPool::~ThreadPool() {
  stop_ = true;
  generation_.fetch_add(1, std::memory_order_release);
  generation_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

// Whether `done` came true within the spinning time.
template <class Done>
bool ThreadPool::spin(Done done) const {
  if (spin_ns_ == 0) return done();
  const auto start = std::chrono::steady_clock::now();
  do {
    for (int i = 0; i < 64; ++i) {
      if (done()) return true;
      pause_briefly();
    }
  } while (std::chrono::steady_clock::now() - start < std::chrono::nanoseconds(spin_ns_));
  return done();
}

void ThreadPool::work(int32_t thread) {
  uint32_t seen = 0;
  while (true) {
    const auto raised = [&] { return generation_.load(std::memory_order_acquire) != seen; };
    if (!spin(raised))
      while (!raised()) generation_.wait(seen, std::memory_order_acquire);
    ++seen;  // the caller waits for every worker, so the generation is never ahead by more than one
    if (stop_) return;
    function_(data_, thread, threads_);
    if (running_.fetch_sub(1, std::memory_order_acq_rel) == 1) running_.notify_one();
  }
}

void ThreadPool::run(Function function, void* data) {
  if (threads_ == 1) {
    function(data, 0, 1);
    return;
  }
  function_ = function;
  data_ = data;
  running_.store(static_cast<uint32_t>(threads_ - 1), std::memory_order_relaxed);
  generation_.fetch_add(1, std::memory_order_release);
  generation_.notify_all();
  function(data, 0, threads_);
  const auto finished = [&] { return running_.load(std::memory_order_acquire) == 0; };
  if (spin(finished)) return;
  for (uint32_t left = running_.load(std::memory_order_acquire); left != 0;
       left = running_.load(std::memory_order_acquire))
    running_.wait(left, std::memory_order_acquire);
}

void ThreadPool::run(nnc_entry entry, nnc_context* context) {
  struct Call {
    nnc_entry entry;
    nnc_context* context;
  } call{entry, context};
  run(
      [](void* data, int32_t thread, int32_t threads) {
        const Call& c = *static_cast<const Call*>(data);
        c.entry(c.context, thread, threads);
      },
      &call);
}

}  // namespace nnc::runtime
