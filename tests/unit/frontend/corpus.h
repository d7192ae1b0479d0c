// The .nn files of the repository, for tests that hold for every program.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "support/diagnostic.h"

namespace nnc::test {

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// Every .nn file below `folder` of the source tree, sorted.
inline std::vector<std::filesystem::path> nn_files(const std::string& folder) {
  std::vector<std::filesystem::path> all;
  const std::filesystem::path root = std::filesystem::path(NNC_SOURCE_DIR) / folder;
  if (!std::filesystem::exists(root)) return all;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root))
    if (entry.path().extension() == ".nn") all.push_back(entry.path());
  std::sort(all.begin(), all.end());
  return all;
}

// The programs that are meant to be right.
inline std::vector<std::filesystem::path> corpus() {
  std::vector<std::filesystem::path> all;
  for (const char* folder : {"examples", "frontend/std", "bench/workloads"})
    for (std::filesystem::path& path : nn_files(folder)) all.push_back(std::move(path));
  return all;
}

}  // namespace nnc::test
