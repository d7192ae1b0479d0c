// What a program computes in real numbers, and how far an f32 may be from it. No bound is derived by hand: the program
// is computed again several times with every rounding of an f32 replaced by a random one, some times larger, and what
// the results differ by, times a factor, is the bound. A value that jumps (a comparison near a tie, a truncation near
// a whole number) jumps in some of these, so that its elements end up with a bound that checks nothing.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "draw.h"
#include "program.h"

namespace nnc::random {

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

// Of each step, of the differentiated graph of a program. `samples`: how often the roundings are drawn.
std::vector<ExpectedStep> expect(const Program& program, const Graph& differentiated, int samples);

// Whether `found` is right; the first element that is not, as a sentence. Elements without a bound are counted in
// `unchecked`, the others in `checked`.
struct Tally {
  uint64_t checked = 0;
  uint64_t unchecked = 0;
};
std::optional<std::string> difference(const Expected& expected, const std::vector<double>& found,
                                      Tally& tally);

// Compares the gradients of a program with differences of the numbers they are derivatives of, each along one random
// direction, in double. A sentence where one is wrong.
std::optional<std::string> check_gradients(const Program& program, Tally& tally);

}  // namespace nnc::random
