// Files that travel inside the program and `nnc init` writes out: the digits example.
#pragma once

#include <span>
#include <string_view>

namespace nnc::driver {

struct StarterFile {
  const char* name;
  std::string_view content;
};
std::span<const StarterFile> digits_files();

}  // namespace nnc::driver
