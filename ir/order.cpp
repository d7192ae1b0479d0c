// Which order a sum has is a function of its logical shape alone; the thresholds here are part of every
// number nnc computes, so changing one changes results.
#include "ir/order.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace nnc {
namespace {

constexpr int64_t kSegmentTerms = 4096;

}  // namespace

std::string to_string(const Order& order) {
  switch (order.kind) {
    case OrderKind::serial:
      return "serial";
    case OrderKind::lanes16:
      return "lanes16";
    case OrderKind::segments:
      return fmt::format("segments({})", order.segments);
  }
  return "serial";
}

std::optional<Order> parse_order(std::string_view text) {
  if (text == "serial") return Order{OrderKind::serial, 0};
  if (text == "lanes16") return Order{OrderKind::lanes16, 0};
  constexpr std::string_view kOpen = "segments(";
  if (!text.starts_with(kOpen) || !text.ends_with(")")) return std::nullopt;
  const std::string_view digits = text.substr(kOpen.size(), text.size() - kOpen.size() - 1);
  int64_t count = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), count);
  if (error != std::errc() || end != digits.data() + digits.size() || count < 1) return std::nullopt;
  return Order{OrderKind::segments, count};
}

Order contraction_order(const Shape& output, int64_t depth) {
  const size_t rank = output.size();
  const int64_t last = rank >= 1 ? output[rank - 1] : 1;
  const int64_t before = rank >= 2 ? output[rank - 2] : 1;
  const auto [smaller, larger] = std::minmax(last, before);
  if (smaller < kLanes && depth / 4 >= larger) return {OrderKind::lanes16, 0};
  return {OrderKind::serial, 0};
}

Order reduction_order(int64_t count) {
  if (count < kLanes) return {OrderKind::serial, 0};
  if (count < 2 * kSegmentTerms) return {OrderKind::lanes16, 0};
  return {OrderKind::segments, count / kSegmentTerms};
}

}  // namespace nnc
