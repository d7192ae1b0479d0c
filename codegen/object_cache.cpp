// Reads, checks and writes entries; replaces them by renaming.
#include "codegen/object_cache.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace nnc::codegen {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMagic = "nnc object 1\n";
constexpr size_t kHash = 64;  // hexadecimal digits of SHA-256

std::string default_directory() {
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache && *cache) return std::string(cache) + "/nnc";
  if (const char* home = std::getenv("HOME"); home && *home) return std::string(home) + "/.cache/nnc";
  return "";
}

// Of this kind, S_IFREG or S_IFDIR, and written by nobody else.
bool is_ours(const std::string& path, mode_t kind) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 && (info.st_mode & S_IFMT) == kind && info.st_uid == geteuid() &&
         (info.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

}  // namespace

ObjectCache::ObjectCache(std::string directory)
    : directory_(directory.empty() ? default_directory() : std::move(directory)) {
  if (directory_.empty()) return;
  std::error_code error;
  const bool made = fs::create_directories(directory_, error);
  if (made) fs::permissions(directory_, fs::perms::owner_all, error);
  if (error || !is_ours(directory_, S_IFDIR)) directory_.clear();
}

std::string ObjectCache::path(const std::string& key) const {
  return directory_ + "/" + key + ".o";
}

std::optional<Object> ObjectCache::load(const std::string& key) const {
  if (directory_.empty() || !is_ours(path(key), S_IFREG)) return std::nullopt;
  std::ifstream in(path(key), std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  const size_t header = kMagic.size() + 2 * kHash;
  if (!in || bytes.size() < header || bytes.compare(0, kMagic.size(), kMagic) != 0) return std::nullopt;
  if (bytes.compare(kMagic.size(), kHash, key) != 0) return std::nullopt;
  const std::string_view content = std::string_view(bytes).substr(header);
  if (bytes.compare(kMagic.size() + kHash, kHash, content_hash(content)) != 0) return std::nullopt;
  return Object(content.begin(), content.end());
}

void ObjectCache::store(const std::string& key, const Object& object) const {
  if (directory_.empty()) return;
  // By thread, not process: two models of one process may compile the same kernel at once.
  const std::string temporary = path(key) + "." + std::to_string(gettid());
  std::error_code error;
  {
    std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
    const std::string_view content(object.data(), object.size());
    out << kMagic << key << content_hash(content) << content;
    out.close();
    if (!out) {
      fs::remove(temporary, error);
      return;
    }
  }
  fs::permissions(temporary, fs::perms::owner_read | fs::perms::owner_write, error);
  fs::rename(temporary, path(key), error);
  if (error) fs::remove(temporary, error);
}

}  // namespace nnc::codegen
