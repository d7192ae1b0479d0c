// Random choices. Written out, since the distributions of the standard library differ from one to the next: the same
// seed gives the same programs everywhere.
#pragma once

#include <cstdint>
#include <random>
#include <span>
#include <string_view>
#include <vector>

namespace nnc::validate {

class Draw {
 public:
  explicit Draw(uint64_t seed) : bits_(seed) {}

  uint64_t word() { return bits_(); }
  // One of 0, 1, … count - 1.
  size_t below(size_t count) { return static_cast<size_t>(bits_() % count); }
  bool chance(double probability) { return unit() < probability; }
  // In [0, 1).
  double unit() { return static_cast<double>(bits_() >> 11) * 0x1p-53; }
  double real(double low, double high) { return low + (high - low) * unit(); }

  template <class T>
  const T& one_of(const std::vector<T>& items) {
    return items[below(items.size())];
  }
  template <class T>
  T one_of(std::initializer_list<T> items) {
    return items.begin()[below(items.size())];
  }
  template <class T>
  void shuffle(std::vector<T>& items) {
    for (size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }

 private:
  std::mt19937_64 bits_;  // its sequence is fixed by the standard
};

// A seed for something that has a name, independent of every other name's.
inline uint64_t seed_of(uint64_t seed, std::string_view name) {
  uint64_t hash = 0xcbf29ce484222325u ^ (seed * 0x9e3779b97f4a7c15u);
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash ^ (hash >> 29);
}

}  // namespace nnc::validate
