// Attributes: one struct per kind of op that needs some. Each lists its fields once in `fields`; printing, parsing,
// equality and hashing follow from that list (ir/graph/print.cpp, ir/graph/parse.cpp, ir/graph/attrs.cpp).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ir/type.h"

namespace nnc {

struct Graph;

// What an input of a graph is to its user.
enum class Role : uint8_t {
  input,   // a data column, fresh for each batch
  param,   // learned, saved under its name
  state,   // what a layer keeps from step to step, and saved: drawn members
  moment,  // what an optimizer keeps from step to step, and saved
  sum,     // a running sum of an evaluation; not saved
  scalar,  // set by the runtime before a step: lr (f64), t, seed (i64)
};
inline constexpr Role kRoles[] = {Role::input,  Role::param, Role::state,
                                  Role::moment, Role::sum,   Role::scalar};

// Whether a graph may replace an input of this role: what is kept from step to step.
constexpr bool is_kept(Role role) {
  return role != Role::input && role != Role::scalar;
}
// Whether a run starts it and a checkpoint holds it.
constexpr bool is_saved(Role role) {
  return is_kept(role) && role != Role::sum;
}

enum class Activation : uint8_t { none, relu, tanh, sigmoid };
enum class Distribution : uint8_t { uniform, normal, bernoulli };

struct NoAttrs {
  static void fields(auto&, auto&&) {}
  bool operator==(const NoAttrs&) const = default;
};

// The name is that of the graph's signature. `classes` of a data column says that its integers are labels, which are
// checked when they are read: each is one of 0, 1, … classes - 1. 0: nothing is checked. A param is `free` if no other program reads
// or writes it step by step: it may lie in memory as this one reads it best.
struct InputAttrs {
  std::string name;
  Role role = Role::input;
  int64_t classes = 0;
  bool free = false;
  static void fields(auto& self, auto&& f) {
    f("name", self.name), f("role", self.role), f("classes", self.classes), f("free", self.free);
  }
  bool operator==(const InputAttrs&) const = default;
};

// The elements in row-major order, or a single one that fills the shape. Held in double: exact for every dtype but
// i64 beyond 2^53, which no constant needs.
struct ConstantAttrs {
  std::vector<double> values;
  static void fields(auto& self, auto&& f) { f("values", self.values); }
  bool operator==(const ConstantAttrs&) const;  // bitwise, so that NaN equals itself and -0 differs from 0
};

struct CastAttrs {
  DType dtype = DType::f32;
  static void fields(auto& self, auto&& f) { f("dtype", self.dtype); }
  bool operator==(const CastAttrs&) const = default;
};

// Reductions: `axes` ascending, from 0; the result lacks them (`keep` is written with reshape or broadcast).
struct ReduceAttrs {
  std::vector<int64_t> axes;
  static void fields(auto& self, auto&& f) { f("axes", self.axes); }
  bool operator==(const ReduceAttrs&) const = default;
};

// One axis: argmax, cumulative sums, concatenation.
struct AxisAttrs {
  int64_t axis = 0;
  static void fields(auto& self, auto&& f) { f("axis", self.axis); }
  bool operator==(const AxisAttrs&) const = default;
};

struct ReshapeAttrs {
  Shape shape;
  static void fields(auto& self, auto&& f) { f("shape", self.shape); }
  bool operator==(const ReshapeAttrs&) const = default;
};

// Operand axis i becomes result axis axes[i] (ascending); other result axes repeat it, and so does an operand extent
// of 1 against a larger one.
struct BroadcastAttrs {
  Shape shape;
  std::vector<int64_t> axes;
  static void fields(auto& self, auto&& f) { f("shape", self.shape), f("axes", self.axes); }
  bool operator==(const BroadcastAttrs&) const = default;
};

// Result axis i is operand axis order[i].
struct PermuteAttrs {
  std::vector<int64_t> order;
  static void fields(auto& self, auto&& f) { f("order", self.order); }
  bool operator==(const PermuteAttrs&) const = default;
};

// Per axis: indices begin, begin + 1, … end - 1. `pad` uses them the other way round: the operand lands there.
struct SliceAttrs {
  std::vector<int64_t> begin;
  std::vector<int64_t> end;
  static void fields(auto& self, auto&& f) { f("begin", self.begin), f("end", self.end); }
  bool operator==(const SliceAttrs&) const = default;
};

// The operand lands at `begin` of a zero tensor of `shape`.
struct PadAttrs {
  Shape shape;
  std::vector<int64_t> begin;
  static void fields(auto& self, auto&& f) { f("shape", self.shape), f("begin", self.begin); }
  bool operator==(const PadAttrs&) const = default;
};

// Which terms of a product's sums are computed: of a[i, k] * b[k, j] those where one index is at most another one. Sums
// without terms are 0.
enum class Triangle : uint8_t { none, i_le_j, i_le_k, j_le_i, j_le_k, k_le_i, k_le_j };

// [..., m, k] x [..., k, n], each read with its last two axes swapped where the flag says so.
struct MatmulAttrs {
  bool transpose_a = false;
  bool transpose_b = false;
  Triangle triangle = Triangle::none;
  static void fields(auto& self, auto&& f) {
    f("transpose_a", self.transpose_a), f("transpose_b", self.transpose_b), f("triangle", self.triangle);
  }
  bool operator==(const MatmulAttrs&) const = default;
};

// Of each spatial axis: the extent of the result, and how x, kernel and y meet (ir/ops/convolution.cpp): place o of y and tap
// k of the kernel at o*stride + k*dilation - padding of x.
struct ConvAttrs {
  std::vector<int64_t> size;
  std::vector<int64_t> stride;
  std::vector<int64_t> padding;
  std::vector<int64_t> dilation;
  static void fields(auto& self, auto&& f) {
    f("size", self.size), f("stride", self.stride), f("padding", self.padding), f("dilation", self.dilation);
  }
  bool operator==(const ConvAttrs&) const = default;
};

// Along the last axes: the extents of a window (unwindow: of the result), and how far apart windows begin.
struct WindowsAttrs {
  std::vector<int64_t> size;
  std::vector<int64_t> stride;
  static void fields(auto& self, auto&& f) { f("size", self.size), f("stride", self.stride); }
  bool operator==(const WindowsAttrs&) const = default;
};

// activation(x @ wᵀ + b)
struct LinearAttrs {
  Activation activation = Activation::none;
  static void fields(auto& self, auto&& f) { f("activation", self.activation); }
  bool operator==(const LinearAttrs&) const = default;
};

// The extent of the new last axis.
struct ClassesAttrs {
  int64_t classes = 0;
  static void fields(auto& self, auto&& f) { f("classes", self.classes); }
  bool operator==(const ClassesAttrs&) const = default;
};

// Whole slices at places along `axis` that an index says. The first `shared` axes, which come before it, are the index's own
// first ones, too: each of their places has an index of its own.
struct TakeAttrs {
  int64_t axis = 0;
  int64_t shared = 0;
  static void fields(auto& self, auto&& f) { f("axis", self.axis), f("shared", self.shared); }
  bool operator==(const TakeAttrs&) const = default;
};
// The other way round; `count` is the extent of the axis.
struct AddAtAttrs {
  int64_t axis = 0;
  int64_t shared = 0;
  int64_t count = 0;
  static void fields(auto& self, auto&& f) {
    f("axis", self.axis), f("shared", self.shared), f("count", self.count);
  }
  bool operator==(const AddAtAttrs&) const = default;
};

// A tensor of that shape and dtype whose elements are their index along `axis`.
struct IotaAttrs {
  Shape shape;
  int64_t axis = 0;
  DType dtype = DType::i32;
  static void fields(auto& self, auto&& f) {
    f("shape", self.shape), f("axis", self.axis), f("dtype", self.dtype);
  }
  bool operator==(const IotaAttrs&) const = default;
};

// A draw: uniform in [a, b), normal with mean a and deviation b, or bernoulli with probability a. `stream` names the
// parameter or the call, so that two draws never share numbers; the operands are seed and step (i64).
struct RandomAttrs {
  Distribution distribution = Distribution::uniform;
  double a = 0;
  double b = 1;
  Shape shape;
  std::string stream;
  static void fields(auto& self, auto&& f) {
    f("distribution", self.distribution), f("a", self.a), f("b", self.b), f("shape", self.shape),
        f("stream", self.stream);
  }
  bool operator==(const RandomAttrs&) const = default;
};

// A stream of draws: what tells its numbers from those of others.
struct StreamAttrs {
  std::string stream;
  static void fields(auto& self, auto&& f) { f("stream", self.stream); }
  bool operator==(const StreamAttrs&) const = default;
};

// A recurrence over `length` steps (ir/ops/scan.cpp): what one step computes is a graph of its own. Its inputs are the states
// as they stand, the step's slices of `steps` operands along their first axis, and whatever it reads from outside, in
// that order; its outputs the new states, then what the step gives. `reversed`: from the last step to the first.
struct ScanAttrs {
  std::shared_ptr<const Graph> body;
  int64_t states = 0;
  int64_t steps = 0;
  int64_t length = 0;
  bool reversed = false;
  static void fields(auto& self, auto&& f) {
    f("states", self.states), f("steps", self.steps), f("length", self.length), f("reversed", self.reversed),
        f("body", self.body);
  }
  bool operator==(const ScanAttrs& other) const;  // bodies by their text
};

using Attrs = std::variant<NoAttrs, InputAttrs, ConstantAttrs, CastAttrs, ReduceAttrs, AxisAttrs,
                           ReshapeAttrs, BroadcastAttrs, PermuteAttrs, SliceAttrs, PadAttrs, MatmulAttrs,
                           ConvAttrs, WindowsAttrs, LinearAttrs, ClassesAttrs, TakeAttrs, AddAtAttrs,
                           IotaAttrs, RandomAttrs, StreamAttrs, ScanAttrs>;

size_t hash_of(const Attrs& attrs);  // equal attributes have equal hashes
// As graph text spells them.
std::string_view name_of(Role role);
std::string_view name_of(Activation activation);
std::string_view name_of(Triangle triangle);
std::string_view name_of(Distribution distribution);

}  // namespace nnc
