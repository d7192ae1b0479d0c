// Result<T>: a value, or "failed, and the reason is already in the Diagnostics". No exceptions of our own: a
// compiler reports many errors per run, and LLVM's frames cannot be unwound through.
#pragma once

#include <optional>
#include <utility>

#include "support/check.h"

namespace nnc {

// What a function returns after it has reported an error.
struct [[nodiscard]] Failure {};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}
  Result(Failure) {}

  explicit operator bool() const { return value_.has_value(); }
  bool ok() const { return value_.has_value(); }
  T& operator*() & { return *checked(); }
  const T& operator*() const& { return *const_cast<Result*>(this)->checked(); }
  T&& operator*() && { return std::move(*checked()); }
  T* operator->() { return checked(); }
  const T* operator->() const { return const_cast<Result*>(this)->checked(); }

 private:
  T* checked() {
    NNC_CHECK(value_.has_value(), "the value of a failed Result was used");
    return &*value_;
  }
  std::optional<T> value_;
};

// A Result without a value.
struct Done {};
using Status = Result<Done>;

}  // namespace nnc
