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

Order reduction_order(int64_t count) {
  return count < kLanes ? Order::serial : Order::lanes16;
}

}  // namespace nnc
