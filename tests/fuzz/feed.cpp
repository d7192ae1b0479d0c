// Where libFuzzer is not: runs the target on every file of the folders and the lists (@FILE, paths with commas between)
// that the command line names.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "target.h"

namespace {

std::string content(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  NNC_CHECK(in.good(), path.string() + " cannot be read");
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::vector<std::filesystem::path> files_of(const std::string& argument) {
  std::vector<std::filesystem::path> files;
  if (argument.starts_with('@')) {
    const std::string list = content(argument.substr(1));
    for (size_t at = 0; at < list.size();) {
      const size_t end = std::min(list.find(',', at), list.size());
      files.emplace_back(list.substr(at, end - at));
      at = end + 1;
    }
  } else {
    for (const auto& entry : std::filesystem::directory_iterator(argument)) files.push_back(entry.path());
  }
  return files;
}

}  // namespace

int main(int count, char** arguments) {
  size_t fed = 0;
  for (int i = 1; i < count; ++i)
    for (const std::filesystem::path& path : files_of(arguments[i])) {
      const std::string bytes = content(path);
      const nnc::WorkingOn work(path.string(), ".input", [&] { return bytes; });
      LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
      ++fed;
    }
  std::printf("%zu files\n", fed);
  return fed > 0 ? 0 : 1;
}
