// Loads the library and finds its functions.
#include "driver/draw/cairo.h"

#include <dlfcn.h>

#include <optional>
#include <string>
#include <type_traits>

#include "support/check.h"

namespace nnc::driver {
namespace {

std::optional<Cairo> load() {
  void* library = dlopen("libcairo.so.2", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return std::nullopt;
  Cairo functions;
  bool all = true;
  const auto find = [&](auto& function, const char* name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(library, name));
    all = all && function != nullptr;
  };
#define NNC_CAIRO_FIND(name) find(functions.name, "cairo_" #name);
  NNC_CAIRO_FUNCTIONS(NNC_CAIRO_FIND)
#undef NNC_CAIRO_FIND
  return all ? std::optional(functions) : std::nullopt;
}

const std::optional<Cairo>& loaded() {
  static const std::optional<Cairo> library = load();
  return library;
}

}  // namespace

bool has_cairo() {
  return loaded().has_value();
}

const Cairo& cairo() {
  NNC_CHECK(has_cairo(), "pictures without Cairo");
  return *loaded();
}

cairo_status_t append_bytes(void* string, const unsigned char* bytes, unsigned int count) {
  static_cast<std::string*>(string)->append(reinterpret_cast<const char*>(bytes), count);
  return CAIRO_STATUS_SUCCESS;
}

}  // namespace nnc::driver
