// What the fuzz targets share. A target is a file with one function of libFuzzer's: bytes → the reader as nnc calls it →
// what must hold of the answer. What does not hold ends the process, as a crash does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "support/check.h"
#include "support/diagnostic.h"
#include "support/result.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace nnc::fuzz {

inline std::string text_of(const uint8_t* data, size_t size) {
  return size == 0 ? std::string() : std::string(reinterpret_cast<const char*>(data), size);
}

// Whether there is a value. Where there is none the reason has been said, and only there; whatever was said can be shown.
template <class T>
bool answered(const Result<T>& result, const Diagnostics& diagnostics, const Sources& sources = {}) {
  const std::string said = render_all(diagnostics, sources);
  NNC_CHECK(result.ok() != diagnostics.has_errors(), "a value and an error, or neither: " + said);
  return result.ok();
}

// `read` must take what `print` made of a value, and print it as the same text.
template <class Read, class Print>
void check_round_trip(const std::string& text, const Read& read, const Print& print) {
  Sources sources;
  Diagnostics diagnostics;
  const auto again = read(sources, sources.add("printed", text), diagnostics);
  NNC_CHECK(again.ok(), "what was printed is refused:\n" + text + render_all(diagnostics, sources));
  const std::string twice = print(*again, sources);
  NNC_CHECK(twice == text, "printed differently:\n" + text + "--- then\n" + twice);
}

// Text of the intermediate forms: read, verified, and printed as it reads back.
template <class Read, class Print>
int check_text(const uint8_t* data, size_t size, const Read& read, const Print& print) {
  Sources sources;
  Diagnostics diagnostics;
  const auto value = read(sources, sources.add("text", text_of(data, size)), diagnostics);
  if (answered(value, diagnostics, sources))
    check_round_trip(print(*value), read, [&](const auto& again, const Sources&) { return print(again); });
  return 0;
}

}  // namespace nnc::fuzz
