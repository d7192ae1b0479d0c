// Aligned blocks, from huge pages where they are large; see memory.h.
#include "runtime/memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <limits>

namespace nnc::runtime {

unsigned char* allocate_aligned(uint64_t bytes) {
  constexpr uint64_t kHuge = 2 << 20;
  const uint64_t alignment = bytes >= 2 * kHuge ? kHuge : 64;
  if (bytes > std::numeric_limits<uint64_t>::max() / 2) return nullptr;
  const uint64_t size = (std::max<uint64_t>(bytes, 64) + alignment - 1) / alignment * alignment;
  void* memory = std::aligned_alloc(alignment, size);
  if (memory != nullptr && alignment == kHuge) madvise(memory, size, MADV_HUGEPAGE);
  return static_cast<unsigned char*>(memory);
}

}  // namespace nnc::runtime
