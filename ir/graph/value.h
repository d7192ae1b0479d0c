// Names for nodes and their results.
#pragma once

#include <compare>
#include <cstdint>

#include "support/id.h"

namespace nnc {

using NodeId = Id<struct NodeTag>;

// Result number `result` of a node.
struct Value {
  NodeId node;
  uint32_t result = 0;

  bool valid() const { return node.valid(); }
  auto operator<=>(const Value&) const = default;
};

}  // namespace nnc

template <>
struct std::hash<nnc::Value> {
  size_t operator()(nnc::Value v) const noexcept { return (size_t{v.node.index} << 8) ^ v.result; }
};
