// One slot per value, named and typed as the user knows it.
#include "codegen/lower/slots.h"

#include <algorithm>
#include <set>

#include "ir/graph/names.h"
#include "ir/layout.h"
#include "support/check.h"

namespace nnc::codegen {
namespace {

using kernel::Program;
using kernel::Slot;
using kernel::SlotId;

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

class SlotAssignment {
 public:
  SlotAssignment(const Groups& groups, InPlace& in_place, Program& program,
                 const std::map<std::string, Layout>& kept)
      : groups_(groups),
        g_(groups.graph()),
        names_(g_),
        in_place_(in_place),
        program_(program),
        kept_(kept) {}

  Slots run() {
    input_slots();
    for (Value value : groups_.given()) constant_slot(value);
    output_slots();
    temporaries();
    return std::move(slots_);
  }

 private:
  void input_slots() {
    for (NodeId id : g_.inputs) {
      const Node& node = g_.nodes[id];
      const auto& attrs = std::get<InputAttrs>(node.attrs);
      Slot slot = slot_of(attrs.name, node.types[0], g_.layout({id, 0}), slot_kind(attrs.role));
      slot.classes = attrs.classes;
      slots_.of[Value{id, 0}] = program_.slots.push_back(std::move(slot));
    }
  }

  // What is given and is no input gets one when the first group reads it.
  void constant_slot(Value value) {
    if (slots_.of.count(value)) return;
    const Node& node = g_.node(value);
    Slot slot = slot_of(slot_name(value), g_.type(value), {}, Slot::Kind::constant);
    slot.values = op_def(node.op).eval({}, node.attrs, node.types)[value.result].data;
    slots_.of[value] = program_.slots.push_back(std::move(slot));
  }

  // As the graph calls it, without the quotes that the kernels' text has around all of a name.
  std::string slot_name(Value value) const {
    const std::string& name = ValueNames::plain(g_, value);
    return name.empty() ? names_.of(value) : "%" + name;
  }

  void output_slots() {
    for (const Output& output : g_.outputs) {
      if (output.replaces) {
        replacement(output);
        continue;
      }
      // What leaves has the layout of what is kept, whatever it was computed in: `init` writes parameters.
      const TensorType& type = g_.type(output.value);
      const auto known = kept_.find(output.name);
      Slot slot =
          slot_of(free_name(output.name), type,
                  known != kept_.end() ? known->second : padded_layout(type.shape), Slot::Kind::output);
      slot.output = output.kind;
      if (output.of) slot.of = slots_.of.at(Value{*output.of, 0});
      slots_.of[output.value] = program_.slots.push_back(std::move(slot));
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
    const SlotId home = slots_.of.at(old);
    Slot slot = program_.slots[home];
    slot.name = free_name(slot.name);
    slot.kind = Slot::Kind::output;
    slot.in_place_of = home;
    const SlotId made = program_.slots.push_back(std::move(slot));
    if (in_place_.overwrite(old.node, output.value))
      slots_.of[output.value] = made;
    else
      slots_.copies.push_back({output.value, made});
  }

  void temporaries() {
    const std::set<Value> gradients = stored_gradients();
    for (const Group& group : groups_.all())
      for (Value value : group.stored) {
        if (slots_.of.count(value)) continue;
        Slot slot = slot_of(slot_name(value), g_.type(value), g_.layout(value), Slot::Kind::temporary);
        slot.gradient = gradients.count(value) > 0;
        slots_.of[value] = program_.slots.push_back(std::move(slot));
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

  const Groups& groups_;
  const Graph& g_;
  const ValueNames names_;
  InPlace& in_place_;
  Program& program_;
  const std::map<std::string, Layout>& kept_;
  Slots slots_;
};

}  // namespace

Slots assign_slots(const Groups& groups, InPlace& in_place, Program& program,
                   const std::map<std::string, Layout>& kept) {
  return SlotAssignment(groups, in_place, program, kept).run();
}

}  // namespace nnc::codegen
