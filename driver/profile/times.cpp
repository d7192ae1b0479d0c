#include "driver/profile/times.h"

#include <x86intrin.h>

#include <algorithm>
#include <chrono>

#include "support/clock.h"

namespace nnc::driver {
namespace {

double median(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

StepTimes time_steps(runtime::Session& memory, const EntryPoint& entry, int threads, double seconds,
                     const std::function<void()>& take_step) {
  constexpr size_t kFewest = 5, kMost = 2000;
  const size_t items = entry.items.size();
  const auto row = static_cast<size_t>(nnc_stamp_row(static_cast<int64_t>(items)));
  const size_t used = entry.serial ? 1 : static_cast<size_t>(threads);
  std::vector<uint64_t> stamps(row * static_cast<size_t>(threads) + 8);
  memory.keep_times(stamps.data());
  for (int i = 0; i < 3; ++i) take_step();

  std::vector<std::vector<uint64_t>> kept;
  std::vector<double> outside;
  const auto start = std::chrono::steady_clock::now();
  const uint64_t first = __rdtsc();
  while (outside.size() < kMost && (outside.size() < kFewest || ms_since(start) < seconds * 1e3)) {
    const auto before = std::chrono::steady_clock::now();
    take_step();
    outside.push_back(ms_since(before) * 1e3);
    kept.emplace_back(stamps.begin(), stamps.begin() + static_cast<std::ptrdiff_t>(row * used));
  }
  const double us_per_count = ms_since(start) * 1e3 / static_cast<double>(__rdtsc() - first);

  StepTimes times;
  times.steps = static_cast<int64_t>(outside.size());
  for (size_t item = 0; item < items; ++item) {
    std::vector<double> of_steps;
    for (const std::vector<uint64_t>& step : kept) {
      double sum = 0;
      for (size_t t = 0; t < used; ++t)
        sum += static_cast<double>(step[t * row + item + 1] - step[t * row + item]);
      of_steps.push_back(sum * us_per_count / static_cast<double>(used));
    }
    times.items.push_back(median(of_steps));
  }
  std::vector<size_t> order(outside.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::sort(order, {}, [&](size_t i) { return outside[i]; });
  const size_t middle = order[order.size() / 2];
  times.step = outside[middle];
  for (size_t t = 0; t < used; ++t) {
    std::vector<double>& thread = times.example.emplace_back();
    for (size_t i = 0; i <= items; ++i)
      thread.push_back(
          static_cast<double>(static_cast<int64_t>(kept[middle][t * row + i] - kept[middle][0])) *
          us_per_count);
  }
  return times;
}

}  // namespace nnc::driver
