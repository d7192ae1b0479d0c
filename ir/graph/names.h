// What the values of a graph are called. A value keeps its name and its number from stage to stage: who replaces it by a
// better way to compute it (passes/rewrite.h) hands them on, so that `%16` or `%h` in a kernel is that of the graph.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ir/graph/graph.h"

namespace nnc {

// What every value is called in the graph's text: inputs by name, others by their name ("%fc1", "%h") or, without one, by
// number ("%3"), one result of several as "%3.1". Nodes that have no number yet are counted on, in order. Values that do
// not exist are shown as such, so that the verifier can use it.
class ValueNames {
 public:
  explicit ValueNames(const Graph& graph);
  std::string of(Value value) const;
  std::string of(NodeId node) const;  // of its first result with a name, or its number
  // The name without `%`, as the user knows it: "h", "fc1.weight"; "" where the value has only a number.
  static const std::string& plain(const Graph& graph, Value value);

 private:
  const Graph& graph_;
  std::vector<uint32_t> numbers_;
};

// The number in what a text calls one of so many results: 3 of "3", and of "3.1" where it is the second of several. Nothing where
// it is a name.
std::optional<uint32_t> number_in(std::string_view text, size_t result, size_t results);

// Calls a value so, if it is no input and has no name yet. What begins with a digit is no name.
void name_value(Graph& graph, Value value, std::string_view name);

// Gives numbers to the nodes that have neither one nor names for all results, and other numbers and names ("h#2") to those whose own an earlier node has. Numbers
// are unique with those of the bodies of scans, names within their graph; no number comes back that a value which is gone
// has had. After it, passes and stages may be compared by what values are called.
void settle_names(Graph& graph);

// The name, or where it is taken the first of "name#2", "name#3", … that is not.
template <class IsFree>
std::string unused_name(const std::string& name, IsFree is_free) {
  if (is_free(name)) return name;
  const std::string stem = name.substr(0, name.find('#')) + "#";
  for (size_t i = 2;; ++i)
    if (std::string numbered = stem + std::to_string(i); is_free(numbered)) return numbered;
}

// The name of the derivative by what is called so: "d.fc1.weight".
std::string derivative_name(std::string_view name);

}  // namespace nnc
