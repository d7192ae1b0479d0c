// Which new values may be written over the old ones.
#pragma once

#include <map>

#include "codegen/lower/groups.h"

namespace nnc::codegen {

class InPlace {
 public:
  explicit InPlace(Groups& groups) : groups_(groups), g_(groups.graph()) {}

  // A new value may overwrite the old one if all who read the old one can run before, and its own group reads it only at
  // the element that it writes (the group's kernel writes it last). If so, those readers come first from here on. The
  // verifier of programs proves it on what comes out (P9, P10).
  bool overwrite(NodeId old, Value value);
  // The old value that this new one is written over, or null.
  const NodeId* replaced_by(Value value) const;

 private:
  bool reads_in_place(const Group& group, NodeId old) const;

  Groups& groups_;
  const Graph& g_;
  std::map<Value, NodeId> overwritten_;  // by new value
};

}  // namespace nnc::codegen
