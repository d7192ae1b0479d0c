// What the runtime's tests share: rendered diagnostics, temporary folders, configurations from text.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include "runtime/file.h"
#include "runtime/run_file/config.h"
#include "support/diagnostic.h"

namespace nnc::runtime::test {

// A folder of its own for one test, removed at the end.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "nnc_runtime_XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string file(const std::string& name, const std::string& content) const {
    const std::string path = path_ + "/" + name;
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }

 private:
  std::string path_;
};

inline std::string slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// The names and bytes of all files below a folder, but the lock. Times are cut out of metrics.jsonl; of events,
// whose records hold it in 8 bytes, only the size counts.
inline std::map<std::string, std::string> files_below(const std::string& folder) {
  std::map<std::string, std::string> out;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.is_regular_file() && entry.path().filename() != "lock") {
      std::string& bytes = out[std::filesystem::relative(entry.path(), folder).string()];
      bytes = slurp(entry.path().string());
      if (entry.path().filename() == "metrics.jsonl")
        for (const std::string key : {"\"time\":", "\"step_ms\":", "\"data_ms\":"})
          for (size_t at = bytes.find(key); at != std::string::npos; at = bytes.find(key, at + 1)) {
            const size_t number = at + key.size(), end = bytes.find_first_not_of("0123456789.e+-", number);
            bytes.replace(number, end - number, "0");
          }
      // Where the folder is.
      if (const size_t at = bytes.find(folder);
          entry.path().filename() == "run.json" && at != std::string::npos)
        bytes.erase(at, folder.size());
      if (entry.path().filename().string().find("tfevents") != std::string::npos)
        bytes = std::to_string(bytes.size());
    }
  return out;
}

// Everything said, with `folder` cut out of the paths.
inline std::string rendered(const Diagnostics& diagnostics, const Sources& sources,
                            const std::string& folder = "") {
  std::string text = render_all(diagnostics, sources);
  if (!folder.empty())
    for (size_t at = text.find(folder + "/"); at != std::string::npos; at = text.find(folder + "/"))
      text.erase(at, folder.size() + 1);
  return text;
}

// A configuration that must be good.
inline RunConfig good_config(const std::string& path, const std::string& text) {
  Sources sources;
  Diagnostics diagnostics;
  Result<RunConfig> config = parse_config(path, text, {}, sources, diagnostics);
  if (!config) std::fputs(render_all(diagnostics, sources).c_str(), stderr);
  return config ? *std::move(config) : RunConfig{};
}

inline std::string test_data(const std::string& name) {
  return std::string(NNC_SOURCE_DIR) + "/tests/unit/runtime/data/" + name;
}

}  // namespace nnc::runtime::test
