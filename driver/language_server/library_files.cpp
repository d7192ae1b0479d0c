// See library_files.h.
#include "driver/language_server/library_files.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "fmt/format.h"

namespace nnc::language_server {
namespace {

namespace fs = std::filesystem;

fs::path cache_folder() {
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache != nullptr && *cache != 0)
    return fs::path(cache) / "nnc";
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != 0)
    return fs::path(home) / ".cache" / "nnc";
  return {};
}

bool holds(const fs::path& path, const std::string& text) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream found;
  return file && (found << file.rdbuf()) && found.str() == text;
}

}  // namespace

std::string library_file(const SourceFile& source) {
  const fs::path folder = cache_folder();
  if (folder.empty()) return source.path();
  const fs::path path = fs::absolute(folder / source.path());
  if (holds(path, source.text())) return path.string();
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  fs::remove(path, error);
  std::ofstream(path, std::ios::binary) << source.text();
  if (!holds(path, source.text())) return source.path();
  // Whoever changes it changes nothing: better the editor says so.
  fs::permissions(path, fs::perms::owner_read | fs::perms::group_read | fs::perms::others_read, error);
  return path.string();
}

}  // namespace nnc::language_server
