// What is recorded on the way while a graph is built, for people who want to see it: results of layers and values with a
// name. An Elaborator without Taps records nothing; it calls the nodes so.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "frontend/elaborate/value.h"

namespace nnc::frontend {

class Taps {
 public:
  // What a value is called after where it has several names: the layer that it is the result of, of layers within each
  // other the outermost; then what `=` calls it; then the function that it is the result of.
  enum class From { function, binding, layer };
  // Whether a name from the second is to take the place of one from the first.
  static bool is_better(From known, From other) {
    return other > known || (other == known && other == From::layer);
  }
  struct Tap {
    std::string name;  // path of the layer and name: "h.0.attn.weights"
    From from;
    Tensor tensor;
  };

  // A list is recorded entry by entry, "states.0". What is no tensor, a parameter, or true or false, is left out.
  void add(const std::string& name, From from, const Datum& value);

  // In the order in which they were computed; names may occur twice.
  const std::vector<Tap>& all() const { return taps_; }

 private:
  std::vector<Tap> taps_;
  std::map<Value, size_t> places_;
};

}  // namespace nnc::frontend
