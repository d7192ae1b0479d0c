// Memory that compiled code works on.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <new>
#include <vector>

namespace nnc::runtime {

// Memory that starts at a multiple of 64, to be given back by std::free; null if there is none. Blocks of 4 MiB and more
// start at a huge page and the kernel is asked to use such pages: matrix products touch many pages at once, and memory
// that is touched for the first time costs a fault for each page.
unsigned char* allocate_aligned(uint64_t bytes);

// For vectors whose rows are handed to compiled code as they lie.
template <class T>
struct Aligned64 {
  using value_type = T;
  Aligned64() = default;
  template <class U>
  Aligned64(const Aligned64<U>&) {}
  T* allocate(size_t n) {
    unsigned char* memory = allocate_aligned(n * sizeof(T));
    if (memory == nullptr) throw std::bad_alloc();
    return reinterpret_cast<T*>(memory);
  }
  void deallocate(T* memory, size_t) { std::free(memory); }
  bool operator==(const Aligned64&) const = default;
};
using AlignedBytes = std::vector<unsigned char, Aligned64<unsigned char>>;

}  // namespace nnc::runtime
