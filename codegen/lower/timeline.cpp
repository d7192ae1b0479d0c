// The program of lower.cpp, its kernels left empty.
#include "codegen/lower/timeline.h"

#include <algorithm>
#include <set>

#include "codegen/lower/lower.h"
#include "codegen/lower/slots.h"
#include "codegen/lower/work.h"
#include "codegen/plan_memory.h"

namespace nnc::codegen {

using kernel::Program;
using kernel::Slot;
using kernel::SlotId;

size_t Timeline::Stored::last() const {
  size_t last = made;
  for (const auto& [group, when] : readers) last = std::max(last, when);
  return last;
}

namespace {

Timeline timeline(const Graph& grouped, Groups groups) {
  InPlace in_place(groups);
  Program program;
  const Slots slots = assign_slots(groups, in_place, program);
  const std::vector<size_t> level = groups.levels();
  Timeline result;
  for (const size_t at : level) result.intervals = std::max(result.intervals, at + 1);

  std::vector<kernel::Launch> touched(result.intervals +
                                      1);  // of each interval, all that its groups do together
  for (size_t i = 0; i < groups.all().size(); ++i) {
    std::vector<SlotId>& arguments = touched[level[i]].arguments;
    for (const NodeId id : groups.all()[i].nodes)
      for (const Read& read : groups.reads(id))
        if (!is_given(grouped.node(read.value)) && groups.of(read.value) != i)
          arguments.push_back(slots.of.at(read.value));
    for (const Value value : groups.all()[i].stored) arguments.push_back(slots.of.at(value));
  }
  for (const auto& [value, slot] : slots.copies) touched.back().arguments.push_back(slots.of.at(value));
  for (kernel::Launch& launch : touched) {
    program.items.push_back(std::move(launch));
    program.items.push_back(kernel::Barrier{});
  }
  for (size_t i = 0; i < groups.all().size(); ++i)
    for (const Value value : groups.all()[i].stored) {
      const Slot& slot = program.slots[slots.of.at(value)];
      if (slot.kind != Slot::Kind::temporary) continue;
      Timeline::Stored stored{value, slot_bytes(slot), level[i]};
      for (const size_t reader : groups.readers(value))
        if (reader != i) stored.readers.emplace_back(groups.all()[reader].number, level[reader]);
      result.stored.push_back(std::move(stored));
    }
  result.arena_bytes = plan_memory({std::move(program)}).programs.front().arena_bytes;
  return result;
}

}  // namespace

Timeline timeline(const Graph& grouped) {
  return timeline(grouped, Groups(grouped));
}

Timeline timeline(const Graph& grouped, std::vector<std::vector<Read>> reads) {
  return timeline(grouped, Groups(grouped, std::move(reads)));
}

std::map<uint32_t, double> cost_of_groups(const Graph& grouped) {
  constexpr double kFlopsPerMicrosecond = 60e3, kOperationsPerMicrosecond = 12e3, kBytesPerMicrosecond = 8e3;
  Groups groups(grouped);
  InPlace in_place(groups);
  Program program;
  const Slots slots = assign_slots(groups, in_place, program);
  const ValueNames names(grouped);
  std::map<uint32_t, double> costs;
  for (const Group& group : groups.all()) {
    // What is written over an old value is read at that value's own place: for its cost that is no matter.
    const kernel::Kernel k =
        lower_group({grouped, names, group.number, group.nodes, group.stored, slots.of, program.slots})
            .kernel;
    double bytes = 0;
    for (const kernel::Buffer& buffer : k.buffers)
      if (buffer.space != kernel::Space::local) bytes += static_cast<double>(buffer.type.bytes());
    costs[group.number] = flops(k) / kFlopsPerMicrosecond + operations(k) / kOperationsPerMicrosecond +
                          bytes / kBytesPerMicrosecond;
  }
  return costs;
}

}  // namespace nnc::codegen
