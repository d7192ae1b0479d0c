// A grouped graph → a program: which values are stored and where, which new values overwrite the old ones, in
// which order the kernels run and where the threads must meet.
#include "codegen/lower/lower.h"

#include <algorithm>
#include <functional>
#include <set>

#include "codegen/compile.h"
#include "codegen/host_target.h"
#include "codegen/lower/join_axes.h"
#include "codegen/lower/schedule.h"
#include "ir/kernel/element_expr.h"
#include "ir/layout.h"
#include "support/check.h"

namespace nnc {
namespace codegen {
namespace {

using kernel::Index;
using kernel::Program;
using kernel::Slot;
using kernel::SlotId;

// A group of the graph: a kernel to be.
struct Group {
  uint32_t number;
  std::vector<NodeId> nodes;
  std::vector<Value> stored;
  std::set<size_t> after;  // groups that must have finished before
};

Slot::Kind slot_kind(Role role) {
  switch (role) {
    case Role::input:
      return Slot::Kind::input;
    case Role::param:
      return Slot::Kind::param;
    case Role::state:
      return Slot::Kind::state;
    case Role::moment:
      return Slot::Kind::moment;
    case Role::sum:
      return Slot::Kind::sum;
    case Role::scalar:
      return Slot::Kind::scalar;
  }
  NNC_CHECK(false, "a role without a kind of slot");
}

Slot slot_of(std::string name, TensorType type, Layout layout, Slot::Kind kind) {
  Slot slot;
  slot.name = std::move(name);
  slot.type = std::move(type);
  slot.layout = std::move(layout);
  slot.kind = kind;
  return slot;
}

class ProgramLowering {
 public:
  explicit ProgramLowering(const Graph& graph) : g_(graph) {}

  Program run() {
    program_.name = g_.name;
    program_.batch = g_.batch;
    collect();
    input_slots();
    stored_values();
    output_slots();
    temporaries();
    const std::vector<size_t> level = levels();
    emit(level);
    return std::move(program_);
  }

 private:
  void collect() {
    std::map<uint32_t, size_t> at;
    reads_.resize(g_.nodes.size());
    for (uint32_t i = 0; i < g_.nodes.size(); ++i) {
      const Node& node = g_.nodes[NodeId{i}];
      if (node.group == kNoGroup) continue;
      const auto [entry, is_new] = at.try_emplace(node.group, groups_.size());
      if (is_new) groups_.push_back({node.group, {}, {}, {}});
      groups_[entry->second].nodes.push_back(NodeId{i});
      reads_[i] = reads_of(g_, NodeId{i});
    }
    for (const auto& [number, index] : at) group_at_[number] = index;
  }

  size_t group_of(Value value) const { return group_at_.at(g_.node(value).group); }

  void input_slots() {
    for (NodeId id : g_.inputs) {
      const Node& node = g_.nodes[id];
      const auto& attrs = std::get<InputAttrs>(node.attrs);
      slots_[Value{id, 0}] = program_.slots.push_back(
          slot_of(attrs.name, node.types[0], g_.layout({id, 0}), slot_kind(attrs.role)));
    }
  }

  // What other groups read, or what leaves.
  void stored_values() {
    std::set<Value> stored;
    for (size_t i = 0; i < groups_.size(); ++i)
      for (NodeId id : groups_[i].nodes)
        for (const Read& read : reads_[id.index]) {
          if (is_given(g_.node(read.value))) {
            constant_slot(read.value);
            continue;
          }
          const size_t from = group_of(read.value);
          if (from == i) continue;
          stored.insert(read.value);
          groups_[i].after.insert(from);
        }
    for (const Output& output : g_.outputs) stored.insert(output.value);
    for (Value value : stored) groups_[group_of(value)].stored.push_back(value);
  }

  // Inputs have theirs already; what is given otherwise gets one when the first group reads it.
  void constant_slot(Value value) {
    if (slots_.count(value)) return;
    const Node& node = g_.node(value);
    Slot slot = slot_of(slot_name(value), g_.type(value), {}, Slot::Kind::constant);
    slot.values = op_def(node.op).eval({}, node.attrs, node.types)[value.result].data;
    slots_[value] = program_.slots.push_back(std::move(slot));
  }

  static std::string slot_name(Value value) {
    const std::string node = "%" + std::to_string(value.node.index);
    return value.result == 0 ? node : node + "." + std::to_string(value.result);
  }

  bool reaches(size_t from, size_t target) const {  // whether `from` must wait for `target`
    std::vector<size_t> pending{from};
    std::set<size_t> seen;
    while (!pending.empty()) {
      const size_t at = pending.back();
      pending.pop_back();
      if (at == target) return true;
      if (seen.insert(at).second)
        pending.insert(pending.end(), groups_[at].after.begin(), groups_[at].after.end());
    }
    return false;
  }

  // A new value may overwrite the old one if all who read the old one can run before, and its own group reads
  // it only at the element that it writes (the group's kernel writes it last). The verifier of programs proves it
  // on what comes out (P9, P10).
  bool overwrite(NodeId old, Value value) {
    const size_t writer = group_of(value);
    if (!reads_in_place(groups_[writer], old)) return false;
    for (const auto& [other, replaced] : overwritten_)
      if (group_of(other) == writer && g_.type(other).shape != g_.type(value).shape) return false;
    std::set<size_t> readers;
    for (size_t i = 0; i < groups_.size(); ++i)
      for (NodeId id : groups_[i].nodes)
        for (const Read& read : reads_[id.index])
          if (read.value.node == old && i != writer) readers.insert(i);
    for (size_t reader : readers)
      if (reaches(reader, writer)) return false;
    for (size_t reader : readers) groups_[writer].after.insert(reader);
    return true;
  }

  // Whether each element of what the group computes needs the element of `old` at its own place only: itself, or in
  // what it inlines. A reduction of what the group computes is done, by rows, before anything is overwritten.
  bool reads_in_place(const Group& group, NodeId old) const {
    std::set<NodeId> needs{old};
    for (NodeId id : group.nodes) {
      const bool reduces = std::holds_alternative<ReduceRule>(op_def(g_.nodes[id].op).lower);
      for (const Read& read : reads_[id.index]) {
        if (!needs.count(read.value.node) || (reduces && read.value.node != old)) continue;
        for (uint32_t d = 0; d < read.index.size(); ++d)
          if (!(read.index[d] == Index::of(kernel::AxisId{d}))) return false;
        needs.insert(id);
      }
    }
    return true;
  }

  void output_slots() {
    for (const Output& output : g_.outputs) {
      if (output.replaces) {
        replacement(output);
        continue;
      }
      // What leaves has the layout of what is kept, whatever it was computed in: `init` writes parameters.
      const TensorType& type = g_.type(output.value);
      Slot slot = slot_of(free_name(output.name), type, padded_layout(type.shape), Slot::Kind::output);
      slot.output = output.kind;
      if (output.of) slot.of = slots_.at(Value{*output.of, 0});
      slots_[output.value] = program_.slots.push_back(std::move(slot));
    }
  }

  // The name, or where an input or another output has it, the name with ".new" after it.
  std::string free_name(std::string name) const {
    const auto taken = [&](const Slot& slot) { return slot.name == name; };
    while (std::any_of(program_.slots.begin(), program_.slots.end(), taken)) name += ".new";
    return name;
  }

  // The new value of a parameter or state: an output in the place of the old one.
  void replacement(const Output& output) {
    const Value old{*output.replaces, 0};
    const SlotId home = slots_.at(old);
    Slot slot = program_.slots[home];
    slot.name = free_name(slot.name);
    slot.kind = Slot::Kind::output;
    slot.in_place_of = home;
    const SlotId made = program_.slots.push_back(std::move(slot));
    if (overwrite(old.node, output.value)) {
      slots_[output.value] = made;
      overwritten_[output.value] = old;
    } else {
      copies_.push_back({output.value, made});
    }
  }

  void temporaries() {
    const std::set<Value> gradients = stored_gradients();
    for (const Group& group : groups_)
      for (Value value : group.stored) {
        if (slots_.count(value)) continue;
        Slot slot = slot_of(slot_name(value), g_.type(value), g_.layout(value), Slot::Kind::temporary);
        slot.gradient = gradients.count(value) > 0;
        slots_[value] = program_.slots.push_back(std::move(slot));
      }
  }

  // Where parameters' gradients lie: themselves, or what they are another view of.
  std::set<Value> stored_gradients() const {
    std::set<Value> out;
    for (const ParameterGradient& gradient : g_.gradients) {
      Value at = gradient.value;
      while (is_another_view(at)) at = g_.node(at).operands[0];
      out.insert(at);
    }
    return out;
  }

  // Whether it is not stored, and its elements are those of its operand in another order.
  bool is_another_view(Value value) const {
    const Node& node = g_.node(value);
    return node.group == kNoGroup && !is_given(node) && op_def(node.op).has(kMoves) &&
           g_.type(node.operands[0]).elements() == g_.type(value).elements();
  }

  // The barrier interval of each group: one after the latest it must wait for.
  std::vector<size_t> levels() const {
    constexpr size_t kUnknown = SIZE_MAX;
    constexpr size_t kVisiting = SIZE_MAX - 1;
    std::vector<size_t> level(groups_.size(), kUnknown);
    const std::function<size_t(size_t)> visit = [&](size_t at) {
      NNC_CHECK(level[at] != kVisiting, "kernels depend on each other in a cycle");
      if (level[at] != kUnknown) return level[at];
      level[at] = kVisiting;
      size_t result = 0;
      for (size_t before : groups_[at].after) result = std::max(result, visit(before) + 1);
      return level[at] = result;
    };
    for (size_t i = 0; i < groups_.size(); ++i) visit(i);
    return level;
  }

  void emit(const std::vector<size_t>& level) {
    size_t last = 0;
    for (size_t l : level) last = std::max(last, l);
    for (size_t now = 0; now <= last && !groups_.empty(); ++now) {
      if (now > 0) program_.items.push_back(kernel::Barrier{});
      for (size_t i = 0; i < groups_.size(); ++i)
        if (level[i] == now) launch(groups_[i]);
    }
    if (copies_.empty()) return;
    program_.items.push_back(kernel::Barrier{});
    for (const auto& [value, slot] : copies_) copy(value, slot);
  }

  void launch(const Group& group) {
    // Where the group writes a new value, it also finds the old one; the others find it at its own place.
    std::vector<std::pair<Value, SlotId>> own;
    for (Value value : group.stored)
      if (const auto old = overwritten_.find(value); old != overwritten_.end())
        own.emplace_back(old->second, std::exchange(slots_.at(old->second), slots_.at(value)));
    LoweredGroup lowered = lower_group({g_, group.number, group.nodes, group.stored, slots_, program_.slots});
    for (const auto& [old, slot] : own) slots_.at(old) = slot;
    const kernel::KernelId id = program_.kernels.push_back(std::move(lowered.kernel));
    program_.items.push_back(kernel::Launch{id, std::move(lowered.arguments)});
  }

  // The new value had to wait elsewhere until nobody read the old one.
  void copy(Value value, SlotId slot) {
    const Slot& from = program_.slots[slots_.at(value)];
    const Slot& to = program_.slots[slot];
    kernel::Kernel k;
    k.name = "copy_" + std::to_string(value.node.index);
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
    const kernel::KernelId id = program_.kernels.push_back(std::move(k));
    program_.items.push_back(kernel::Launch{id, {slots_.at(value), slot}});
  }

  const Graph& g_;
  Program program_;
  std::vector<Group> groups_;
  std::map<uint32_t, size_t> group_at_;
  std::vector<std::vector<Read>> reads_;
  std::map<Value, SlotId> slots_;
  std::map<Value, Value> overwritten_;  // new values that are written over old ones
  std::vector<std::pair<Value, SlotId>> copies_;
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

Result<kernel::Program> lower_graph(const Graph& graph, const CodegenOptions& options,
                                    Diagnostics& diagnostics) {
  const WorkingOn work("making kernels of @" + graph.name, ".nnir", [&] { return print(graph); });
  kernel::Program program = codegen::ProgramLowering(graph).run();
  for (kernel::Kernel& k : program.kernels) codegen::join_axes(k);
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
