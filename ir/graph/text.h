// How graph text spells things, shared by printer, parser and verifier: names, types, layouts and
// numbers.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ir/graph/graph.h"
#include "ir/words.h"

namespace nnc {

inline const Dialect kGraphDialect = {"graph text", DiagnosticKind::graph_syntax, "(){}[],:=", {"<-"}, true,
                                      true};

// A plain name as it is, any other in double quotes.
std::string name_text(std::string_view name);

std::string number_text(double value);          // shortest that reads back the same; inf, -inf, nan
std::string type_text(const TensorType& type);  // "f32[64,10]", "f64"
std::string type_texts(std::span<const TensorType> types);  // "f32[64], f64"; "nothing"
std::string attrs_text(const Attrs& attrs);  // " {axes = [1], transpose_b}"; empty if there are none

// What print() gives, and for each line of it the node that it is of, of a scan's body too; null for a line of none.
struct GraphText {
  std::string text;
  std::vector<const Node*> lines;
};
GraphText text_of(const Graph& graph);

// One broken invariant and the node it is about (invalid: the graph as a whole).
struct Finding {
  NodeId node;
  std::string sentence;
};
// What verify() lists, with the nodes; for readers that know the place of each node.
std::vector<Finding> find_faults(const Graph& graph);

}  // namespace nnc
