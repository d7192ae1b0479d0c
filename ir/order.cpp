// Which order a sum has is a function of its logical shape alone; the thresholds here are part of every
// number nnc computes, so changing one changes results.
#include "ir/order.h"

#include <algorithm>

namespace nnc {

std::string_view order_name(Order order) {
  return order == Order::serial ? "serial" : "lanes16";
}

std::optional<Order> parse_order(std::string_view text) {
  for (const Order order : {Order::serial, Order::lanes16})
    if (order_name(order) == text) return order;
  return std::nullopt;
}

Order contraction_order(const Shape& output, int64_t depth) {
  const size_t rank = output.size();
  const int64_t last = rank >= 1 ? output[rank - 1] : 1;
  const int64_t before = rank >= 2 ? output[rank - 2] : 1;
  const auto [smaller, larger] = std::minmax(last, before);
  if (smaller < kLanes && depth / 4 >= larger) return Order::lanes16;
  return Order::serial;
}

Order reduction_order(int64_t count) {
  return count < kLanes ? Order::serial : Order::lanes16;
}

}  // namespace nnc
