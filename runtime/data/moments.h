// Mean and standard deviation of numbers of any size: neither their sum nor their squares overflow or underflow, and numbers
// that are all equal do not seem to vary because their mean is rounded.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

namespace nnc::runtime {

// The numbers are gone through twice: add() for all, then add_square() for all. Those that are not finite do not count: they are
// errors where values are filled in, and one of them must not make all others such.
class Moments {
 public:
  void add(double x) {
    if (!std::isfinite(x)) return;
    lowest_ = std::min(lowest_, x);
    highest_ = std::max(highest_, x);
    sum_ += x;
    wide_sum_ += x;
    ++count_;
  }
  void add_square(double x) {
    if (!std::isfinite(x)) return;
    if (!settled_) scale_ = scale(), center_ = mean() * scale_, settled_ = true;
    const double distance = x * scale_ - center_;
    squares_ += distance * distance;
  }

  // Finite if the numbers are; 0 without any.
  double mean() const {
    if (count_ == 0 || lowest_ == highest_) return count_ == 0 ? 0 : lowest_;
    const auto count = static_cast<double>(count_);
    return std::isfinite(sum_) ? sum_ / count : static_cast<double>(wide_sum_ / count);
  }
  // Of the population; 1 where the numbers differ by no more than their rounding, so that dividing by it makes zeros.
  double std() const {
    constexpr double kRounding = 4 * std::numeric_limits<double>::epsilon();
    if (!(highest_ - lowest_ > kRounding * largest())) return 1;
    return std::sqrt(squares_ / static_cast<double>(count_)) / scale_;
  }

 private:
  double largest() const { return std::max(std::abs(lowest_), std::abs(highest_)); }
  // A power of two that brings the numbers near 1: it changes no bit of their sums.
  double scale() const {
    const double size = largest();
    return size > 0 && std::isfinite(size) ? std::ldexp(1.0, std::clamp(-std::ilogb(size), -1020, 1020)) : 1;
  }

  double lowest_ = std::numeric_limits<double>::infinity(), highest_ = -lowest_;
  double sum_ = 0, squares_ = 0;
  long double wide_sum_ = 0;  // has the range that the sum may leave
  int64_t count_ = 0;
  bool settled_ = false;  // from the first add_square() on
  double scale_ = 1, center_ = 0;
};

}  // namespace nnc::runtime
