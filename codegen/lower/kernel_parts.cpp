// See kernel_parts.h.
#include "codegen/lower/kernel_parts.h"

#include <algorithm>
#include <set>

#include "ir/kernel/element_expr.h"

namespace nnc::codegen {

using kernel::AxisId;
using kernel::BufferId;
using kernel::Index;
using kernel::Kernel;
using kernel::SlotId;
using kernel::Space;

namespace {

// What a group is for: the new value of a parameter, or the first of its results that has a name, or a number.
std::string main_result(const GroupContext& c) {
  for (const Output& output : c.graph.outputs)
    if (output.replaces && std::ranges::find(c.stored, output.value) != c.stored.end() &&
        std::get<InputAttrs>(c.graph.nodes[*output.replaces].attrs).role == Role::param)
      return c.graph.input_name(*output.replaces);
  for (const Value& value : c.stored)
    if (const std::string& name = ValueNames::plain(c.graph, value); !name.empty()) return name;
  return c.names.of(c.stored.empty() ? Value{c.nodes.front(), 0} : c.stored.front()).substr(1);
}

}  // namespace

std::string kernel_name(const GroupContext& c) {
  std::string name;
  std::set<std::string> seen;
  for (NodeId id : c.nodes) {
    const std::string op(op_def(c.graph.nodes[id].op).name);
    if (seen.size() == 4 || !seen.insert(op).second) continue;
    name += (name.empty() ? "" : "_") + op;
  }
  return name + "." + main_result(c);
}

std::string local_name(const Kernel& k, const Graph& graph, const ValueNames& names, Value value) {
  const std::string& plain = ValueNames::plain(graph, value);
  const bool is_input = graph.node(value).op == Op::input;
  return unused_name(is_input        ? plain
                     : plain.empty() ? names.of(value)
                                     : "%" + plain,
                     [&](const std::string& name) {
                       return std::ranges::find(k.buffers, name, &kernel::Buffer::name) == k.buffers.end();
                     });
}

std::map<SlotId, BufferId> add_parameters(const GroupContext& c, LoweredGroup& lowered) {
  std::map<SlotId, std::pair<bool, bool>> use;  // read, written
  std::vector<SlotId> order;
  const auto touch = [&](SlotId slot) -> std::pair<bool, bool>& {
    const auto [at, is_new] = use.try_emplace(slot);
    if (is_new) order.push_back(slot);
    return at->second;
  };
  for (NodeId id : c.nodes)
    for (const Read& read : reads_of(c.graph, id))
      if (c.graph.node(read.value).group != c.group) touch(c.slots.at(read.value)).first = true;
  for (Value value : c.stored) touch(c.slots.at(value)).second = true;
  std::map<SlotId, BufferId> buffers;
  for (SlotId id : order) {
    const kernel::Slot& slot = c.slot_table[id];
    const auto [read, written] = use.at(id);
    const bool replaces = slot.in_place_of.valid();
    buffers[id] =
        lowered.kernel.buffers.push_back({replaces ? c.slot_table[slot.in_place_of].name : slot.name,
                                          slot.type,
                                          slot.layout,
                                          !written ? Space::in
                                          : read   ? Space::inout
                                                   : Space::out,
                                          {}});
    lowered.arguments.push_back(id);
  }
  return buffers;
}

std::vector<TensorType> operand_types(const Graph& graph, const Node& node) {
  std::vector<TensorType> types;
  for (const Value& operand : node.operands) types.push_back(graph.type(operand));
  return types;
}

SpanSet spans_behind(const Graph& graph, std::vector<Value> values,
                     const std::function<bool(Value)>& is_read) {
  SpanSet all;
  std::set<NodeId> seen;
  while (!values.empty()) {
    const NodeId id = values.back().node;
    values.pop_back();
    if (!seen.insert(id).second) continue;
    all = join(all, graph.nodes[id].spans);
    for (const Value& operand : graph.nodes[id].operands)
      if (!is_read(operand)) values.push_back(operand);
  }
  return all;
}

AxisId KernelAxes::at(const std::string& prefix, size_t position, int64_t extent) {
  const std::string base = prefix + std::to_string(position);
  const auto [at, is_new] = known_.try_emplace(base + ":" + std::to_string(extent));
  if (is_new) {
    const bool taken =
        std::any_of(k_.axes.begin(), k_.axes.end(), [&](const auto& a) { return a.name == base; });
    at->second = k_.axes.push_back({taken ? base + "_" + std::to_string(extent) : base, extent});
  }
  return at->second;
}

std::vector<AxisId> KernelAxes::of(const Shape& shape, const std::string& prefix) {
  std::vector<AxisId> axes;
  for (size_t d = 0; d < shape.size(); ++d) axes.push_back(at(prefix, d, shape[d]));
  return axes;
}

std::vector<Index> indices(const std::vector<AxisId>& axes) {
  std::vector<Index> out;
  for (AxisId a : axes) out.push_back(Index::of(a));
  return out;
}

}  // namespace nnc::codegen
