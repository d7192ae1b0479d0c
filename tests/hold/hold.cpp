// Preloaded by tests/bin/hold: a process that puts a file in place is stopped right after it, so that a test can act
// while the process stands at a known point, however fast the machine. HOLD_AT lists parts of paths, separated by
// commas: it is stopped once for each, in this order, twice at a file that is listed twice.
#include <dlfcn.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string_view>

extern "C" int rename(const char* from, const char* to) noexcept {
  using Rename = int (*)(const char*, const char*);
  static const auto next = reinterpret_cast<Rename>(dlsym(RTLD_NEXT, "rename"));
  static const char* listed = std::getenv("HOLD_AT");
  static std::string_view places = listed != nullptr ? listed : "";
  const int result = next(from, to);
  if (result != 0) return result;
  while (!places.empty()) {
    const std::string_view place = places.substr(0, places.find(','));
    if (std::string_view(to).find(place) == std::string_view::npos) break;
    places.remove_prefix(std::min(places.size(), place.size() + 1));
    std::raise(SIGSTOP);
  }
  return result;
}
