// See files_read.h. Files are told apart by device and inode: a link, another spelling and standard input are the same file.
#include "runtime/files_read.h"

#include <sys/stat.h>

#include <mutex>
#include <set>
#include <utility>

namespace nnc::runtime {
namespace {

std::mutex mutex;  // data are read by several threads

std::set<std::pair<dev_t, ino_t>>& files() {
  static std::set<std::pair<dev_t, ino_t>> known;
  return known;
}

void remember(const struct stat& info) {
  if (!S_ISREG(info.st_mode)) return;
  const std::lock_guard lock(mutex);
  files().emplace(info.st_dev, info.st_ino);
}

}  // namespace

void remember_read(int descriptor) {
  struct stat info {};
  if (::fstat(descriptor, &info) == 0) remember(info);
}

void remember_read(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0) remember(info);
}

bool was_read(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return false;
  const std::lock_guard lock(mutex);
  return files().contains({info.st_dev, info.st_ino});
}

}  // namespace nnc::runtime
