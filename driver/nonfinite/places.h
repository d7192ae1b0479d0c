// Which of the words that a node comes from say most about it.
#pragma once

#include <map>
#include <set>
#include <string>

#include "ir/graph/graph.h"
#include "support/source.h"

namespace nnc::driver {

// What a place says about the op: an expression says most; a call of a function written there leads to it; a name alone
// (of a loss, of a let) only holds it.
enum class PlaceKind { expression, call, name };

class Places {
 public:
  // `sources` must outlive this.
  explicit Places(const Sources& sources) : sources_(sources) {}

  PlaceKind kind(Span span) const;
  // The most telling of a node's places in the user's texts, or in the standard library: of the best kind, the narrowest.
  // Invalid if there is none.
  Span best(const Node& node, bool library) const;

 private:
  // The names of all functions that the file declares, by itself or in a layer.
  const std::set<std::string, std::less<>>& functions(FileId file) const;

  const Sources& sources_;
  mutable std::map<FileId, std::set<std::string, std::less<>>> functions_;
};

}  // namespace nnc::driver
