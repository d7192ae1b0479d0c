// What the names of a model's text came to mean while graphs were built from it: values with their shapes, what calls gave, what
// layers cost. For tools that show a text (the language server). An Elaborator without Meanings records nothing, and of
// the standard library's own text nothing is recorded.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "frontend/elaborate/value.h"
#include "ir/graph/graph.h"

namespace nnc::frontend {

// Of one place in the text.
struct Meaning {
  // "f32[batch, hidden = 32]", "hidden = 32", "linear(in = 64, out = 32)". Several where it is evaluated more than once, in the
  // order in which they were met; at most kMost, and then `more` is set.
  std::vector<std::string> values;
  std::vector<std::string> results;  // what is called here gave
  bool more = false;
  Span definition;             // of a member: where it is declared; may be invalid
  std::vector<size_t> layers;  // whose costs are known, by number
  static constexpr size_t kMost = 4;
};

class Meanings {
 public:
  // A further graph is built of the same text. What it says of places that are known already is dropped.
  void next_graph();

  void value(Span place, const Datum& value);
  void result(Span place, const Datum& value);
  void definition(Span place, Span where);
  // The layer was called and gave `result`; the graph's nodes from `first` on were made by this call.
  void call(const Instance* layer, const Graph& graph, size_t first, const Datum& result);

  const Meaning* at(Span place) const;  // null where nothing is known
  bool empty() const { return places_.empty(); }
  // FLOPs of products in one forward pass over a batch: of the layers at that place, each call of theirs counted. 0: none.
  double flops(const Meaning& meaning) const;

 private:
  struct Place {
    size_t graph = 0;  // that it was first met in
    Meaning meaning;
  };
  Meaning* open(Span place);  // null where it is known from an earlier graph
  size_t number_of(const Instance* layer);

  std::map<Span, Place> places_;
  std::map<const Instance*, size_t> numbers_;  // of this graph's layers
  std::vector<double> flops_;                  // by number
  size_t graph_ = 0;
};

}  // namespace nnc::frontend
