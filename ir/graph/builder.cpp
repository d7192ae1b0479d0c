// Making nodes: inference, interning, and the shorthands that skip what would change nothing.
#include "ir/graph/builder.h"

#include <algorithm>
#include <bit>

#include <fmt/format.h>

#include "support/check.h"

namespace nnc {
namespace {

size_t hash_of(const Node& node) {
  size_t hash = nnc::hash_of(node.attrs) ^ (static_cast<size_t>(node.op) * 0x9e3779b97f4a7c15ull);
  for (const Value& operand : node.operands) hash = hash * 31 + std::hash<Value>()(operand);
  return hash;
}

// Spans say where a node comes from, not what it is.
bool same(const Node& a, const Node& b) {
  return a.op == b.op && a.attrs == b.attrs && a.operands == b.operands && a.types == b.types &&
         a.layouts == b.layouts && a.group == b.group && a.again == b.again;
}

std::vector<TensorType> types_of(const Graph& graph, std::span<const Value> values) {
  std::vector<TensorType> types;
  types.reserve(values.size());
  for (const Value& value : values) types.push_back(graph.type(value));
  return types;
}

}  // namespace

SpanSet Builder::set_spans(SpanSet spans) {
  return std::exchange(spans_, std::move(spans));
}

NodeId Builder::add_node(Node node) {
  const bool is_input = node.op == Op::input;
  if (interning_ == Interning::on && !is_input) {
    const size_t hash = hash_of(node);
    const auto [begin, end] = interned_.equal_range(hash);
    for (auto it = begin; it != end; ++it) {
      Node& known = graph_.nodes[it->second];
      if (!same(known, node)) continue;
      known.spans = join(known.spans, node.spans);
      if (known.number == kNoNumber) known.number = node.number;
      if (known.names.empty()) known.names = std::move(node.names);
      return it->second;
    }
    const NodeId id = graph_.nodes.push_back(std::move(node));
    interned_.emplace(hash, id);
    return id;
  }
  const NodeId id = graph_.nodes.push_back(std::move(node));
  if (is_input) graph_.inputs.push_back(id);
  return id;
}

std::variant<Value, std::string> Builder::try_make(Op op, std::vector<Value> operands, Attrs attrs) {
  Inferred inferred = infer_types(op, types_of(graph_, operands), attrs);
  if (!inferred.error.empty()) return std::move(inferred.error);
  return Value{
      add_node({op, std::move(attrs), std::move(operands), std::move(inferred.types), {}, kNoGroup, spans_}),
      0};
}

Value Builder::make(Op op, std::vector<Value> operands, Attrs attrs) {
  auto made = try_make(op, std::move(operands), std::move(attrs));
  NNC_CHECK(std::holds_alternative<Value>(made), std::get<std::string>(made));
  return std::get<Value>(made);
}

std::vector<Value> Builder::make_all(Op op, std::vector<Value> operands, Attrs attrs) {
  const NodeId node = make(op, std::move(operands), std::move(attrs)).node;
  std::vector<Value> results;
  for (uint32_t i = 0; i < graph_.nodes[node].types.size(); ++i) results.push_back({node, i});
  return results;
}

Value Builder::input(InputAttrs attrs, TensorType type) {
  return {add_node({Op::input, std::move(attrs), {}, {std::move(type)}, {}, kNoGroup, spans_}), 0};
}

Value Builder::constant(TensorType type, std::vector<double> values) {
  NNC_CHECK(values.size() == 1 || static_cast<int64_t>(values.size()) == type.elements(),
            fmt::format("{} values for a constant of type {}", values.size(), to_string(type)));
  // One spelling for a filled tensor, so that equal constants are equal nodes.
  const auto bits = [](double v) { return std::bit_cast<uint64_t>(v); };
  if (std::ranges::all_of(values, [&](double v) { return bits(v) == bits(values.front()); }))
    values.resize(1);
  return {
      add_node({Op::constant, ConstantAttrs{std::move(values)}, {}, {std::move(type)}, {}, kNoGroup, spans_}),
      0};
}

Value Builder::cast(Value a, DType dtype) {
  return type(a).dtype == dtype ? a : make(Op::cast, {a}, CastAttrs{dtype});
}

Value Builder::broadcast(Value a, Shape shape, std::vector<int64_t> axes) {
  if (type(a).shape == shape) return a;
  return make(Op::broadcast, {a}, BroadcastAttrs{std::move(shape), std::move(axes)});
}

Value Builder::reshape(Value a, Shape shape) {
  return type(a).shape == shape ? a : make(Op::reshape, {a}, ReshapeAttrs{std::move(shape)});
}

Value Builder::permute(Value a, std::vector<int64_t> order) {
  const bool identity = std::ranges::is_sorted(order) && static_cast<int64_t>(order.size()) == type(a).rank();
  return identity ? a : make(Op::permute, {a}, PermuteAttrs{std::move(order)});
}

Value Builder::sum(Value a, std::vector<int64_t> axes) {
  return axes.empty() ? a : make(Op::reduce_sum, {a}, ReduceAttrs{std::move(axes)});
}

std::vector<Value> Builder::copy(const Node& node, std::vector<Value> operands) {
  const NodeId id = add_node({node.op, node.attrs, std::move(operands), node.types, node.layouts, node.group,
                              node.spans, node.again, node.number, node.names});
  std::vector<Value> results;
  for (uint32_t i = 0; i < graph_.nodes[id].types.size(); ++i) results.push_back({id, i});
  return results;
}

}  // namespace nnc
