// How graph text spells things, shared by printer, parser and verifier: names, types, layouts and
// numbers.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ir/graph/graph.h"
#include "ir/words.h"

namespace nnc {

inline const Dialect kGraphDialect = {"graph text", DiagnosticKind::graph_syntax, "(){}[],:=", {"<-"}, true,
                                      true};

// What every value of a graph is called in its text: inputs by name, other nodes by number in order ("%3"),
// results of a node with several as "%3.1". Values that do not exist are shown as such, so that the verifier
// can use it.
class ValueNames {
 public:
  explicit ValueNames(const Graph& graph);
  std::string of(NodeId node) const;
  std::string of(Value value) const;

 private:
  const Graph& graph_;
  std::vector<uint32_t> numbers_;
};

// A plain name as it is, any other in double quotes.
std::string name_text(std::string_view name);

std::string number_text(double value);          // shortest that reads back the same; inf, -inf, nan
std::string type_text(const TensorType& type);  // "f32[64,10]", "f64"
std::string attrs_text(const Attrs& attrs);     // " {axes = [1], transpose_b}"; empty if there are none

// One broken invariant and the node it is about (invalid: the graph as a whole).
struct Finding {
  NodeId node;
  std::string sentence;
};
// What verify() lists, with the nodes; for readers that know the place of each node.
std::vector<Finding> find_faults(const Graph& graph);

}  // namespace nnc
