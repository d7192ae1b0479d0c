// The order of sums. Every contraction and every reduction carries one, set once from its *logical* shape, so that
// grouping, layout, schedule, threads and instruction set never change a bit (docs/architecture.md, "Same bits").
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "ir/type.h"

namespace nnc {

// Partial results of `lanes16`, and so the lanes of every vector.
inline constexpr int64_t kLanes = 16;

enum class Order : uint8_t {
  serial,  // in index order, from the neutral element
  lanes16,  // partial l takes the indices ≡ l (mod 16) in order; then the tree (l, l+8), (l, l+4), (l, l+2), (l, l+1)
};

std::string_view order_name(Order order);  // "serial", "lanes16"
std::optional<Order> parse_order(std::string_view text);

// The order of a reduction of `count` terms per element: serial below 16, lanes16 from there on. Sums of many terms have
// been cut into partial sums by then (passes/split_sums.cpp).
Order reduction_order(int64_t count);

}  // namespace nnc
