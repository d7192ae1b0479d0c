// A persistent pool that enters one function on every thread. The caller is thread 0; N-1 workers wait
// between calls, spinning for about 50 µs and then asleep. run() allocates nothing and takes no lock.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "codegen/program.h"

namespace nnc::runtime {

// NNC_THREADS if it is a positive number, else the processors this process may run on (affinity mask); at
// least 1.
int default_threads();

class ThreadPool {
 public:
  using Function = void (*)(void* data, int32_t thread, int32_t threads);

  // Starts max(1, threads) - 1 workers. If the system refuses some, threads() says how many there are.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return threads_; }

  // Calls function(data, i, threads()) once on each thread and returns when all have. One call at a time,
  // from the thread that made the pool.
  void run(Function function, void* data);
  // Enters a compiled entry point.
  void run(nnc_entry entry, nnc_context* context);

 private:
  void work(int32_t thread);
  template <class Done>
  bool spin(Done done) const;

  alignas(64) std::atomic<uint32_t> generation_{0};
  alignas(64) std::atomic<uint32_t> running_{0};
  alignas(64) Function function_ = nullptr;
  void* data_ = nullptr;
  bool stop_ = false;
  int threads_ = 1;
  // 0 when there are more threads than processors: spinning would take time from the others.
  int64_t spin_ns_ = 0;
  std::vector<std::thread> workers_;
};

}  // namespace nnc::runtime
