// A grouped graph → a program: slots for its values, a kernel per group, and where the threads must meet.
#include "codegen/lower/lower.h"

#include <set>
#include <utility>

#include "codegen/compile.h"
#include "codegen/host_target.h"
#include "codegen/lower/join_axes.h"
#include "codegen/lower/part_maps.h"
#include "codegen/lower/schedule.h"
#include "codegen/lower/slots.h"
#include "codegen/lower/split_axes.h"
#include "codegen/lower/work.h"
#include "support/check.h"

namespace nnc {
namespace codegen {
namespace {

using kernel::Index;
using kernel::Program;
using kernel::Slot;
using kernel::SlotId;

class ProgramLowering {
 public:
  ProgramLowering(const Graph& graph, const std::map<std::string, Layout>& kept)
      : g_(graph), names_(graph), kept_(kept), groups_(graph), in_place_(groups_) {}

  Program run() {
    program_.name = g_.name;
    program_.batch = g_.batch;
    slots_ = assign_slots(groups_, in_place_, program_, kept_);
    launches();
    return std::move(program_);
  }

 private:
  void launches() {
    const std::vector<size_t> level = groups_.levels();
    size_t last = 0;
    for (size_t l : level) last = std::max(last, l);
    for (size_t now = 0; now <= last && !level.empty(); ++now) {
      if (now > 0) program_.items.push_back(kernel::Barrier{});
      for (size_t i = 0; i < level.size(); ++i)
        if (level[i] == now) launch(groups_.all()[i]);
    }
    if (slots_.copies.empty()) return;
    program_.items.push_back(kernel::Barrier{});
    for (const auto& [value, slot] : slots_.copies) copy(value, slot);
  }

  void launch(const Group& group) {
    // Where the group writes a new value, it also finds the old one; the others find it at its own place.
    std::vector<std::pair<Value, SlotId>> own;
    for (Value value : group.stored)
      if (const NodeId* old = in_place_.replaced_by(value))
        own.emplace_back(Value{*old, 0}, std::exchange(slots_.of.at({*old, 0}), slots_.of.at(value)));
    LoweredGroup lowered =
        lower_group({g_, names_, group.number, group.nodes, group.stored, slots_.of, program_.slots});
    for (const auto& [old, slot] : own) slots_.of.at(old) = slot;
    const kernel::KernelId id = add(std::move(lowered.kernel));
    program_.items.push_back(kernel::Launch{id, std::move(lowered.arguments)});
    if (!group.again) return;
    program_.again.kernels.push_back(id);
    program_.again.values += static_cast<int64_t>(group.stored.size());
  }

  // The new value had to wait elsewhere until nobody read the old one.
  void copy(Value value, SlotId slot) {
    const Slot& from = program_.slots[slots_.of.at(value)];
    const Slot& to = program_.slots[slot];
    kernel::Kernel k;
    k.name = "copy." + program_.slots[to.in_place_of].name;
    const auto source = k.buffers.push_back({from.name, from.type, from.layout, kernel::Space::in, {}});
    const auto target = k.buffers.push_back(
        {program_.slots[to.in_place_of].name, to.type, to.layout, kernel::Space::out, {}});
    kernel::Map map;
    std::vector<Index> index;
    for (size_t d = 0; d < to.type.shape.size(); ++d) {
      map.axes.push_back(k.axes.push_back({"i" + std::to_string(d), to.type.shape[d]}));
      k.grid.push_back({map.axes.back(), to.type.shape[d]});
      index.push_back(Index::of(map.axes.back()));
    }
    map.stores.push_back({target, index, k.load(source, index)});
    k.body.push_back({std::move(map), g_.node(value).spans});
    const kernel::KernelId id = add(std::move(k));
    program_.items.push_back(kernel::Launch{id, {slots_.of.at(value), slot}});
  }

  // Kernels are called after what they make, and that may be made again.
  kernel::KernelId add(kernel::Kernel k) {
    k.name = unused_name(k.name, [&](const std::string& name) { return !names_of_kernels_.contains(name); });
    names_of_kernels_.insert(k.name);
    return program_.kernels.push_back(std::move(k));
  }

  const Graph& g_;
  const ValueNames names_;
  std::set<std::string> names_of_kernels_;
  const std::map<std::string, Layout>& kept_;
  Groups groups_;
  InPlace in_place_;
  Program program_;
  Slots slots_;
};

// The program itself. Checked, in every build: verify() finds nothing wrong with what is handed to emission.
Program verified(Program program) {
  std::string broken;
  for (const std::string& sentence : verify(program)) broken += "\n  " + sentence;
  NNC_CHECK(broken.empty(), "@" + program.name + " in kernels:" + broken);
  return program;
}

}  // namespace
}  // namespace codegen

void decide_sharing(kernel::Program& program, const CodegenOptions& options) {
  program.serial = options.threads == 1 || !codegen::worth_sharing(program, options.threads);
}

Result<kernel::Program> lower_graph(const Graph& graph, const CodegenOptions& options,
                                    Diagnostics& diagnostics, const std::map<std::string, Layout>& kept) {
  const WorkingOn work("making kernels of @" + graph.name, ".nnir", [&] { return print(graph); });
  kernel::Program program = codegen::ProgramLowering(graph, kept).run();
  for (kernel::Kernel& k : program.kernels) {
    codegen::part_maps(k);
    codegen::split_axes(k);
    codegen::join_axes(k);
  }
  if (!options.schedule) return codegen::verified(std::move(program));
  const Result<codegen::Target> target = codegen::host_target(options, diagnostics);
  if (!target) return Failure();
  const auto schedule_for = [&](kernel::Program& p, int threads) {
    for (kernel::Kernel& k : p.kernels)
      codegen::schedule_kernel(k, *target, {threads, options.schedule_seed});
  };
  if (options.threads > 1 || options.schedule_seed != 0) {
    kernel::Program shared = program;
    schedule_for(shared, options.threads);
    if (options.schedule_seed != 0 || codegen::worth_sharing(shared, options.threads))
      return codegen::verified(std::move(shared));
  }
  schedule_for(program, 1);
  program.serial = true;
  return codegen::verified(std::move(program));
}

}  // namespace nnc
