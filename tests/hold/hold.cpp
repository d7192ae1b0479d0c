// Preloaded by tests/bin/hold: a process that puts a file in place is stopped right after it, so that a test can act
// while the process stands at a known point, however fast the machine.
#include <dlfcn.h>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

extern "C" int rename(const char* from, const char* to) noexcept {
  using Rename = int (*)(const char*, const char*);
  static const auto next = reinterpret_cast<Rename>(dlsym(RTLD_NEXT, "rename"));
  static const char* place = std::getenv("HOLD_AT");
  const int result = next(from, to);
  if (result == 0 && place != nullptr && std::strstr(to, place) != nullptr) {
    place = nullptr;
    std::raise(SIGSTOP);
  }
  return result;
}
