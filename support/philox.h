// The bits behind every random number: a draw is a function of a key and a counter and of nothing else, so that
// no order, thread or layout can change it. Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers:
// as easy as 1, 2, 3", SC 2011).
#pragma once

#include <array>
#include <cstdint>

namespace nnc {

constexpr uint32_t kPhiloxMultiplier[2] = {0xD2511F53, 0xCD9E8D57};
constexpr uint32_t kPhiloxWeyl[2] = {0x9E3779B9, 0xBB67AE85};
constexpr int kPhiloxRounds = 10;

// The four words of the block with this key and this counter (its low and high 64 bits).
inline std::array<uint32_t, 4> philox_block(uint64_t key, uint64_t low, uint64_t high) {
  const auto upper = [](uint64_t v) { return static_cast<uint32_t>(v >> 32); };
  const auto lower = [](uint64_t v) { return static_cast<uint32_t>(v); };
  std::array<uint32_t, 4> c = {lower(low), upper(low), lower(high), upper(high)};
  std::array<uint32_t, 2> k = {lower(key), upper(key)};
  for (int round = 0; round < kPhiloxRounds; ++round) {
    const uint64_t p = uint64_t{kPhiloxMultiplier[0]} * c[0];
    const uint64_t q = uint64_t{kPhiloxMultiplier[1]} * c[2];
    c = {upper(q) ^ c[1] ^ k[0], lower(q), upper(p) ^ c[3] ^ k[1], lower(p)};
    k = {k[0] + kPhiloxWeyl[0], k[1] + kPhiloxWeyl[1]};
  }
  return c;
}

}  // namespace nnc
