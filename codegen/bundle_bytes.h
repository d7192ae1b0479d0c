// What a bundle says of itself as bytes, and the machine code it is linked from by its keys, for the cache on disk.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "codegen/jit.h"
#include "codegen/program.h"

namespace nnc::codegen {

// An object of the cache, and the function that it defines.
struct CachedUnit {
  std::string symbol;
  std::string key;
};

struct BundleDescription {
  Bundle bundle;  // without code, times and the entries' functions
  std::vector<CachedUnit> units;
};

Object to_bytes(const BundleDescription& description);
// Nothing where the bytes are not such a description.
std::optional<BundleDescription> bundle_of_bytes(const Object& bytes);

}  // namespace nnc::codegen
