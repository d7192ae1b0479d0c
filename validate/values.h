// What a graph computes in real numbers, and how far an f32 may be from it. No bound is derived by hand: the graph
// is computed again several times with every rounding of an f32 replaced by a random one, some times larger, and what
// the results differ by, times a factor, is the bound. A value that jumps (a comparison near a tie, a truncation near
// a whole number) jumps in some of these, so that its elements end up with a bound that checks nothing.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ir/graph/eval.h"
#include "ir/graph/graph.h"
#include "validate/draw.h"

namespace nnc::validate {

using Fixed = std::map<Value, DenseTensor>;
using Values = std::vector<std::vector<DenseTensor>>;  // by node and result

struct Noise {
  Draw draw;
  bool is_least =
      false;  // each result as near as f32 comes: 1 - 1e-9 is 1 then, and what is multiplied by the rest is 0
  bool overflows = false;  // partial sums that f32 does not hold meet as infinities of both signs
};

// Every value of a graph in double. `noise`: roundings to f32, each a few times too large; absent: none. `fixed`:
// values that are given rather than computed.
Values walk(const Graph& graph, const TensorMap& inputs, Noise* noise = nullptr,
            const Fixed* fixed = nullptr);

// An output in real numbers. `bound`: by how much an f32 may differ, infinite where nothing is known.
struct Expected {
  std::vector<double> value;
  std::vector<double> bound;
};
using ExpectedStep = std::map<std::string, Expected>;

// Of steps with these inputs, what one step replaces being the input of the next: a later step's inputs leave it out. The
// graph is free of `grad` nodes. `seed`, `samples`: of the roundings, and how often they are drawn.
std::vector<ExpectedStep> expect(const Graph& graph, std::span<const TensorMap> inputs, uint64_t seed,
                                 int samples);

// Elements that were compared, and those without a bound.
struct Tally {
  uint64_t checked = 0;
  uint64_t unchecked = 0;

  Tally& operator+=(const Tally& other) {
    checked += other.checked;
    unchecked += other.unchecked;
    return *this;
  }
};

// An element that is wrong.
struct Difference {
  size_t element = 0;  // in row-major order
  double found = 0, expected = 0, bound = 0;
};
std::string to_text(const Difference& difference);  // "element 3 is 1.5, not 1 within 2e-07"

// The first element of `found` that is not right, if there is one. They are as many as are expected.
std::optional<Difference> difference(const Expected& expected, std::span<const double> found, Tally& tally);

// Of every value of a graph without `grad` nodes, as `difference` takes it.
std::vector<std::vector<Expected>> expect_all(const Graph& graph, const TensorMap& inputs, uint64_t seed, int samples);

// Compares the gradients of a graph, which holds `grad` nodes, with differences of the numbers they are derivatives of, each
// along one random direction, in double. A sentence where one is wrong.
std::optional<std::string> check_gradients(const Graph& graph, const TensorMap& inputs, uint64_t seed,
                                           Tally& tally);

}  // namespace nnc::validate
