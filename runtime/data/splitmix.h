// splitmix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014): the order of a run's rows,
// and the data and initial values of the benchmark, which every system measured can make for itself.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "codegen/program.h"
#include "support/diagnostic.h"
#include "support/result.h"

namespace nnc::runtime {

constexpr uint64_t kSplitmixStep = 0x9E3779B97F4A7C15ULL;

// The generator's output function: a bijection of 64-bit words.
inline uint64_t splitmix_mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

// Word number i (from 1) of the sequence with this seed.
inline uint64_t splitmix_word(uint64_t seed, uint64_t i) {
  return splitmix_mix(seed + i * kSplitmixStep);
}

// Element i (from 0, in row-major order) of an array of whole numbers below k, k > 0.
inline int32_t splitmix_integer(uint64_t seed, int64_t k, uint64_t i) {
  return static_cast<int32_t>((splitmix_word(seed, i + 1) >> 33) % static_cast<uint64_t>(k));
}

// Elements first, first + 1, … (from 0, in row-major order) of an array of f32 drawn from U(lo, hi): `count` of them, to
// `out`, which need not be aligned.
void splitmix_uniform(uint64_t seed, double lo, double hi, uint64_t first, uint64_t count,
                      unsigned char* out);

// Initial values of the benchmark: parameter number k of `ranges` takes seed 100 + k and U(lo, hi); lo == hi
// fills; one without a name is passed over. `state` is the bundle's state buffer. Fails if a name is not a parameter of the bundle.
struct SplitmixRange {
  std::string parameter;
  double lo = 0, hi = 0;
};
Status splitmix_parameters(const Bundle& bundle, std::span<const SplitmixRange> ranges, unsigned char* state,
                           Diagnostics& diagnostics);

}  // namespace nnc::runtime
