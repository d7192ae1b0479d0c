// Who reads an old value, when, and at which elements.
#include "codegen/lower/in_place.h"

namespace nnc::codegen {

bool InPlace::overwrite(NodeId old, Value value) {
  const size_t writer = groups_.of(value);
  if (!reads_in_place(groups_.all()[writer], old)) return false;
  for (const auto& [other, replaced] : overwritten_)
    if (groups_.of(other) == writer && g_.type(other).shape != g_.type(value).shape) return false;
  std::set<size_t> readers = groups_.readers({old, 0});
  readers.erase(writer);
  for (size_t reader : readers)
    if (groups_.must_wait(reader, writer)) return false;
  for (size_t reader : readers) groups_.let_wait(writer, reader);
  overwritten_[value] = old;
  return true;
}

// Whether each element of what the group computes needs the element of `old` at its own place only: itself, or in
// what it inlines. A reduction of what the group computes is done, by rows, before anything is overwritten.
bool InPlace::reads_in_place(const Group& group, NodeId old) const {
  std::set<NodeId> needs{old};
  for (NodeId id : group.nodes) {
    const bool reduces = std::holds_alternative<ReduceRule>(op_def(g_.nodes[id].op).lower);
    for (const Read& read : groups_.reads(id)) {
      if (!needs.count(read.value.node) || (reduces && read.value.node != old)) continue;
      for (uint32_t d = 0; d < read.index.size(); ++d)
        if (!(read.index[d] == kernel::Index::of(kernel::AxisId{d}))) return false;
      needs.insert(id);
    }
  }
  return true;
}

const NodeId* InPlace::replaced_by(Value value) const {
  const auto found = overwritten_.find(value);
  return found == overwritten_.end() ? nullptr : &found->second;
}

}  // namespace nnc::codegen
