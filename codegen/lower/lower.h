// Groups of graph nodes become kernels.
#pragma once

#include <map>
#include <vector>

#include "ir/graph/graph.h"
#include "ir/graph/names.h"
#include "ir/kernel/kernel.h"

namespace nnc::codegen {

// What lowering of one group needs to know of the program around it.
struct GroupContext {
  const Graph& graph;
  const ValueNames& names;
  uint32_t group;
  const std::vector<NodeId>& nodes;              // of the group, in order
  const std::vector<Value>& stored;              // results that others read or that leave the program
  const std::map<Value, kernel::SlotId>& slots;  // where stored values and inputs live
  const IdVector<kernel::SlotId, kernel::Slot>& slot_table;
};

struct LoweredGroup {
  kernel::Kernel kernel;
  std::vector<kernel::SlotId> arguments;
};

// The kernel of a group, unscheduled: one task.
LoweredGroup lower_group(const GroupContext& context);

}  // namespace nnc::codegen
