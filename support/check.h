// NNC_CHECK: for our own mistakes, never for the user's. It stays on in release builds: a wrong answer is worse
// than a stopped program.
#pragma once

#include <string>

namespace nnc {

// Prints the failed condition, where it stands and `message`, then aborts.
[[noreturn]] void check_failed(const char* condition, const char* file, int line, const std::string& message);

}  // namespace nnc

#define NNC_CHECK(condition, message) \
  ((condition) ? void() : ::nnc::check_failed(#condition, __FILE__, __LINE__, (message)))
