// See product_lanes.h.
#include "passes/product_lanes.h"

#include <algorithm>

#include "ir/order.h"

namespace nnc::passes {

using kernel::AxisId;
using kernel::Index;

int64_t dimension_of(const std::vector<Index>& map, AxisId axis) {
  for (size_t d = 0; d < map.size(); ++d)
    if (map[d] == Index::of(axis)) return static_cast<int64_t>(d);
  return -1;
}

namespace {

// Whether a node that moves elements has each of its operand's once.
bool is_whole(const Graph& graph, const Node& node) {
  return node.types[0].elements() == graph.type(node.operands[0]).elements();
}

// Whether the value is a parameter, looked at through reordering, or one for all products of a stack.
bool is_weight(const Graph& graph, Value value) {
  const Node& node = graph.nodes[value.node];
  if (node.op == Op::input) return std::get<InputAttrs>(node.attrs).role == Role::param;
  if (node.op == Op::broadcast) return is_weight(graph, node.operands[0]);
  const bool only_moves = op_def(node.op).has(kView) || node.op == Op::relayout || node.op == Op::reshape;
  return only_moves && is_whole(graph, node) && is_weight(graph, node.operands[0]);
}

// How many lanes are computed for each that exists.
double waste(int64_t extent) {
  return static_cast<double>((extent + kLanes - 1) / kLanes * kLanes) / static_cast<double>(extent);
}

// Whether the product takes less time with vectors along this axis of the weight, which is moved for it, than along the
// other operand's. In cycles, of which each has two multiply-adds of a vector, and moves an element.
bool pays_to_move(const Graph& graph, std::span<const ContractSpec> parts, Value weight, int64_t of_weight,
                  int64_t of_other) {
  int64_t terms = 0;
  for (const ContractSpec& part : parts) terms += element_count(part.output) * element_count(part.over);
  const double all = static_cast<double>(terms) / (2 * kLanes);
  const auto* input = std::get_if<InputAttrs>(&graph.node(weight).attrs);
  const double moved =
      input != nullptr && input->free ? 0 : static_cast<double>(graph.type(weight).elements());
  constexpr double kClear = 0.9;  // the batch is what other kernels go along
  const auto waste_of = [&](int64_t axis) { return waste(parts[0].output[static_cast<size_t>(axis)]); };
  return all * waste_of(of_weight) + moved < kClear * all * waste_of(of_other);
}

// Along an axis that one operand alone has, if there is one.
ProductLanes lanes_of_one(const Graph& graph, std::span<const ContractSpec> parts,
                          std::span<const Value> operands) {
  const ContractSpec& spec = parts[0];
  const auto rank = static_cast<uint32_t>(spec.output.size());
  const auto free_axes = [&](const std::vector<Index>& of, const std::vector<Index>& other) {
    std::vector<int64_t> axes;
    for (uint32_t axis = 0; axis < rank; ++axis)
      if (dimension_of(of, AxisId{axis}) >= 0 && dimension_of(other, AxisId{axis}) < 0) axes.push_back(axis);
    return axes;
  };
  const std::vector<int64_t> of_a = free_axes(spec.a, spec.b), of_b = free_axes(spec.b, spec.a);
  const bool a_weight = is_weight(graph, operands[0]), b_weight = is_weight(graph, operands[1]);
  if (a_weight != b_weight) {
    const std::vector<int64_t>& of_weight = a_weight ? of_a : of_b;
    const std::vector<int64_t>& of_other = a_weight ? of_b : of_a;
    if (!of_weight.empty() && !of_other.empty() &&
        pays_to_move(graph, parts, operands[a_weight ? 0 : 1], of_weight.back(), of_other.front()))
      return {of_weight.back(), true};
    if (!of_other.empty()) return {of_other.front(), false};
  }
  int64_t last = of_a.empty() ? -1 : of_a.back(), other = of_b.empty() ? -1 : of_b.back();
  if (last < other) std::swap(last, other);
  if (last < 0) return {static_cast<int64_t>(rank) - 1, false};
  constexpr double kFarFewer = 1.5;
  const auto waste_of = [&](int64_t axis) { return waste(spec.output[static_cast<size_t>(axis)]); };
  return {other >= 0 && kFarFewer * waste_of(other) < waste_of(last) ? other : last, false};
}

}  // namespace

ProductLanes product_lanes(const Graph& graph, std::span<const ContractSpec> parts,
                           std::span<const Value> operands) {
  const ContractSpec& spec = parts[0];
  const ProductLanes own = lanes_of_one(graph, parts, operands);
  if (spec.order != Order::serial) return own;
  constexpr double kMuch = 1.9;  // each term then takes two vectors from memory
  for (size_t axis = spec.output.size(); axis-- > 0;) {
    const AxisId id{static_cast<uint32_t>(axis)};
    if (dimension_of(spec.a, id) >= 0 && dimension_of(spec.b, id) >= 0 &&
        kMuch * waste(spec.output[axis]) < waste(spec.output[static_cast<size_t>(own.axis)]))
      return {static_cast<int64_t>(axis), is_weight(graph, operands[0]) != is_weight(graph, operands[1])};
  }
  return own;
}

}  // namespace nnc::passes
