// Work on several independent things at a time.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace nnc {

// Calls work(0), …, work(count - 1), each once, in ascending order but side by side on as many threads as the machine
// has processors; returns when all have ended. Each thread makes its own `work`. What one throws ends it, and is thrown here.
inline void parallel_for_with(size_t count, const std::function<std::function<void(size_t)>()>& make_work) {
  std::atomic<size_t> next{0};
  std::exception_ptr thrown;
  std::mutex mutex;
  const auto work = [&] {
    try {
      const std::function<void(size_t)> body = make_work();
      for (size_t i = next++; i < count; i = next++) body(i);
    } catch (...) {
      next = count;  // the others stop as well
      const std::lock_guard<std::mutex> lock(mutex);
      if (!thrown) thrown = std::current_exception();
    }
  };
  const size_t threads = std::min<size_t>(count, std::max(1u, std::thread::hardware_concurrency()));
  std::vector<std::thread> helpers;
  for (size_t i = 1; i < threads; ++i) helpers.emplace_back(work);
  work();
  for (std::thread& helper : helpers) helper.join();
  if (thrown) std::rethrow_exception(thrown);
}

// The same with one body for all threads.
inline void parallel_for(size_t count, const std::function<void(size_t)>& body) {
  parallel_for_with(count, [&] { return std::cref(body); });
}

}  // namespace nnc
