// The order of sums. Every contraction and every reduction carries one, set once from its *logical* shape, so that
// grouping, layout, schedule, threads and instruction set never change a bit (docs/architecture.md, "Same bits").
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ir/type.h"

namespace nnc {

// Partial results of `lanes16`, and so the lanes of every vector.
inline constexpr int64_t kLanes = 16;

enum class OrderKind : uint8_t {
  serial,  // in index order, from the neutral element
  lanes16,  // partial l takes the indices ≡ l (mod 16) in order; then the tree (l, l+8), (l, l+4), (l, l+2), (l, l+1)
  segments,  // S contiguous segments of ceil(n / S), each lanes16; then a pairwise tree over the segments
};

struct Order {
  OrderKind kind = OrderKind::serial;
  int64_t segments = 0;  // S, for `segments` only

  bool operator==(const Order&) const = default;
};

std::string to_string(const Order& order);  // "serial", "lanes16", "segments(8)"
std::optional<Order> parse_order(std::string_view text);

// The order of a contraction with this output and `depth` terms per element. Narrow outputs with long sums take their
// vectors along the sum, everything else along an output axis: lanes16 when the smaller of the last two extents of
// the output is below 16 and depth >= 4 x the larger; serial otherwise.
Order contraction_order(const Shape& output, int64_t depth);

// The order of a reduction of `count` terms per element: serial below 16, segments of about 4096 from 8192 on (there
// the threads split), lanes16 between.
Order reduction_order(int64_t count);

}  // namespace nnc
