// Machine code on disk, keyed by what it was made from. An entry names its key and the hash of its bytes; one
// that is damaged, or that another user wrote, is never run: it is made again.
#pragma once

#include <optional>
#include <string>

#include "codegen/jit.h"

namespace nnc::codegen {

class ObjectCache {
 public:
  // `directory` empty: $XDG_CACHE_HOME/nnc, or ~/.cache/nnc. Without a place that can be written, the cache
  // is off.
  explicit ObjectCache(std::string directory);

  std::optional<Object> load(const std::string& key) const;
  // Written to a temporary file and renamed; a failure only costs the next start some time.
  void store(const std::string& key, const Object& object) const;

 private:
  std::string path(const std::string& key) const;
  std::string directory_;  // empty: off
};

}  // namespace nnc::codegen
