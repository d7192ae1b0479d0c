// See kernel_parts.h.
#include "codegen/lower/kernel_parts.h"

#include <algorithm>
#include <set>

#include "ir/kernel/element_expr.h"

namespace nnc::codegen {

using kernel::AxisId;
using kernel::BufferId;
using kernel::Index;
using kernel::SlotId;
using kernel::Space;

std::string kernel_name(const GroupContext& c) {
  std::string name;
  std::set<std::string> seen;
  for (NodeId id : c.nodes) {
    const std::string op(op_def(c.graph.nodes[id].op).name);
    if (seen.size() == 4 || !seen.insert(op).second) continue;
    name += (name.empty() ? "" : "_") + op;
  }
  return name + "_" + std::to_string(c.group);
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

std::vector<Span> spans_of(const GroupContext& c) {
  SpanSet all;
  for (NodeId id : c.nodes) all = join(all, c.graph.nodes[id].spans);
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
