// Kernel IR: how a group of graph nodes is computed, as block-structured loops over buffers, with the meaning apart
// from the schedule. It is the only thing code generation reads, and its interpreter (ir/kernel/eval.h) is the oracle:
// any schedule gives the bits of the empty schedule.
//
//   kernel @fc1(x: f32[128,784], w: f32[512,784], b: f32[512], out h: f32[128,512] order [1,0])
//       grid j:512 step 64, i:128 {
//     contract i, j over k:784 order serial
//         a w[j,k] b x[i,k]
//         schedule {lanes i, tile 8x32} {
//       h[i,j] = maximum(acc + b[j], 0)
//     }
//   }
//
// A kernel's grid axes split its work into tasks: a task is one box of `step` along each grid axis (the last one may
// be smaller), and tasks are numbered row-major. A statement that iterates over a grid axis covers the task's part of
// it; other axes are covered whole by each task. Tasks run in any order and on any thread, so no task may read what
// another one writes. Locals are per thread and mean nothing across tasks.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "ir/kernel/combine.h"
#include "ir/ops/op.h"
#include "ir/order.h"
#include "ir/type.h"
#include "support/id.h"
#include "support/output_kind.h"
#include "support/source.h"

namespace nnc::kernel {

using AxisId = Id<struct AxisTag>;
using BufferId = Id<struct BufferTag>;
using ExprId = Id<ExprIdTag>;

struct Axis {
  std::string name;
  int64_t extent = 1;
  bool operator==(const Axis&) const = default;
};

// Where a buffer lives and what the kernel may do with it.
enum class Space : uint8_t {
  in,     // parameter, read
  out,    // parameter, written; never read before it is written in the same task
  inout,  // parameter, read and written at the same elements by the same task (an optimizer's p, m, v)
  local,  // scratch of one thread, valid within a task
};

// Parameters have the tensor's logical shape and a layout. A local's extents are either fixed or those of the grid
// axis named in `axes` (then it holds one task's part, and is addressed with that axis alone in that place; the type's
// extent there is the axis's whole extent, what lies in memory is local_shape()).
struct Buffer {
  std::string name;
  TensorType type;
  Layout layout;
  Space space = Space::in;
  std::vector<AxisId> axes;  // locals only: empty, or one per dimension, invalid where the extent is fixed
  bool operator==(const Buffer&) const = default;
};

// One subscript: sum of coefficient * axis, plus a constant, plus possibly a computed integer.
struct Term {
  AxisId axis;
  int64_t coefficient = 1;
  auto operator<=>(const Term&) const = default;
};
struct Index {
  std::vector<Term> terms;  // ascending by axis, coefficients not 0
  int64_t constant = 0;
  ExprId computed;       // an integer expression added to it; the sum is then clamped to the buffer's extent
  bool checked = false;  // may lie outside (padding): such a load gives 0

  bool is_plain() const { return !checked && !computed.valid(); }  // its terms alone say where it is
  static Index of(AxisId axis) { return {{{axis, 1}}, 0, {}, false}; }
  static Index at(int64_t constant) { return {{}, constant, {}, false}; }
  bool operator==(const Index&) const = default;
};
// At most one side may have a computed part; the sum is checked if one of them is.
Index operator+(const Index& a, const Index& b);
Index operator*(const Index& a, int64_t factor);  // an index with a computed part takes no factor but 1

enum class ExprKind : uint8_t {
  constant,  // `value` of `dtype`
  load,      // buffer[subscripts]
  axis,      // an affine integer (i64): subscripts[0]
  result,  // inside the stores of a reduce or contract: component `number` of what was computed ("acc", "acc1")
  apply,  // an elementwise op of the graph on `operands`
};

struct Expr {
  ExprKind kind = ExprKind::constant;
  DType dtype = DType::f32;
  Op op = Op::constant;
  std::vector<ExprId> operands;
  double value = 0;
  BufferId buffer;
  std::vector<Index> subscripts;
  uint32_t number = 0;
  bool operator==(const Expr&) const;  // constants bitwise
};

// buffer[index] = value, once per point of the statement's axes. At each point the values of all the statement's
// stores are computed before the first of them is written, so a value sees what was there before the point.
struct Store {
  BufferId buffer;
  std::vector<Index> index;
  ExprId value;
  std::vector<Span> spans =
      {};  // the source that the value comes from, of what the statement combines its result only
  bool operator==(const Store& other) const {
    return buffer == other.buffer && index == other.index && value == other.value;
  }
};

// How to run a statement: no meaning, may be empty. Which fields a statement uses is checked by the verifier.
struct Schedule {
  AxisId lanes;       // the axis vectors run along
  int64_t rows = 0;   // contract: register tile, rows of the broadcast operand …
  int64_t cols = 0;   // … by elements along `lanes`,
  AxisId beside;      // or, of this axis of the results, by as many vectors beside each other
  int64_t block = 0;  // contract: steps of the first axis of the sum per pass …
  BufferId waiting;   // … and the local in which the accumulators wait between passes
  BufferId packed;    // … and the local into which each pass copies what it reads in vectors (packing.h)
  bool empty() const { return *this == Schedule(); }
  bool operator==(const Schedule&) const = default;
};

struct Statement;
using Block = std::vector<Statement>;

// Stores, once per point of `axes`. `copy` in the text is a map whose values are plain loads.
struct Map {
  std::vector<AxisId> axes;
  std::vector<Store> stores;
  Schedule schedule;
  bool operator==(const Map&) const = default;
};

// For each point of `axes`: combines `value` over `over` (row-major), in `order`, as ir/kernel/combine.h says; then the
// stores, which may use the components of the result. Empty sums are 0, empty maxima -inf, empty minima +inf (integers:
// the least and the greatest). max and min keep a NaN; argmax takes the first of equals and the first NaN.
struct Reduce {
  std::vector<AxisId> axes;
  std::vector<AxisId> over;
  Combine combine = Combine::sum;
  Order order;
  ExprId value;
  std::vector<Store> stores;
  Schedule schedule;
  bool operator==(const Reduce&) const = default;
};

// Two axes of the same extent, and of their points those where the index along `low` is at most that along `high`.
struct Triangle {
  AxisId low;
  AxisId high;
  bool operator==(const Triangle&) const = default;
};

// For each point of `axes`: acc = sum over `over` (row-major) of a * b, each term by one fused multiply-add, from 0,
// in `order`, where the partial sum of lanes16 is that of the last axis's index modulo 16; then the stores. A term is left
// out where a checked subscript of `a` or `b`, themselves loads, lies outside, and beyond a triangle: with one axis of it
// summed over, sums end or begin at the other's index; with none, results beyond it are 0. `accumulator` is the type of the
// sums, to which the operands are cast: theirs, or a wider float.
struct Contract {
  std::vector<AxisId> axes;
  std::vector<AxisId> over;
  Order order;
  DType accumulator = DType::f32;
  ExprId a;
  ExprId b;
  std::vector<Store> stores;
  Schedule schedule;
  std::optional<Triangle> triangle = {};
  bool operator==(const Contract&) const = default;
};

// The body once per value of the axis, in order. A recurrence is a For with state in locals.
struct For {
  AxisId axis;
  Block body;
  bool operator==(const For&) const;
};

// buffer[index] += value for each point of `axes` in row-major order, one point after the other: several points may
// hit the same element. (Gradients of lookups.)
struct Scatter {
  std::vector<AxisId> axes;
  Store store;
  bool operator==(const Scatter&) const = default;
};

struct Statement {
  std::variant<Map, Reduce, Contract, For, Scatter> body;
  std::vector<Span> spans;  // the source the statement comes from
  bool operator==(const Statement& other) const { return body == other.body; }
};

inline bool For::operator==(const For& other) const {
  return axis == other.axis && body == other.body;
}

struct GridAxis {
  AxisId axis;
  int64_t step = 1;  // elements of the axis per task
  bool operator==(const GridAxis&) const = default;
};

struct Kernel {
  std::string name;
  IdVector<AxisId, Axis> axes;
  IdVector<BufferId, Buffer> buffers;  // parameters first, in signature order; then locals
  IdVector<ExprId, Expr> exprs;        // interned: equal expressions are one
  std::vector<GridAxis> grid;
  Block body;

  // The id of an expression equal to `expr`.
  ExprId intern(Expr expr);
  ExprId constant(DType dtype, double value);
  ExprId load(BufferId buffer, std::vector<Index> subscripts);
  ExprId axis_value(Index index);  // i64
  ExprId result(DType dtype, uint32_t number = 0);
  ExprId apply(Op op, std::vector<ExprId> operands, DType dtype);

  // Tables, grid and body alike; source spans do not count.
  bool operator==(const Kernel& other) const;

  int64_t parameter_count() const;         // buffers that are not local
  int64_t task_count() const;              // product over the grid of ceil(extent / step)
  GridAxis* grid_axis(AxisId axis);        // that of the grid; none if every task has all of the axis
  int64_t task_extent(AxisId axis) const;  // the most values of the axis that one task has
  // Fixed extents of a local: those of its axes' steps where it follows the grid.
  Shape local_shape(BufferId buffer) const;

 private:
  std::unordered_multimap<size_t, ExprId> interned_;
};

// The same kernel with axes in order of first use, expressions in order of evaluation, and without unused ones: equal
// for kernels that print alike. print() writes this form, and the parser gives it back.
Kernel canonical(const Kernel& kernel);

// Element-wise lowering of a graph node: gives the element of an operand at an index, as an expression.
class ElementContext {
 public:
  virtual ~ElementContext() = default;
  virtual ExprId operand(size_t number, std::span<const Index> index) = 0;

  Kernel& kernel;
  const Node& node;
  std::vector<TensorType> operand_types;

 protected:
  ElementContext(Kernel& k, const Node& n, std::vector<TensorType> types)
      : kernel(k), node(n), operand_types(std::move(types)) {}
};

// ---- programs ----------------------------------------------------------------------------------------------------

using KernelId = Id<struct KernelTag>;
using SlotId = Id<struct SlotTag>;

// A tensor of the program: what kernels' parameters are bound to.
struct Slot {
  std::string name;
  TensorType type;
  Layout layout;
  enum class Kind : uint8_t {
    input,
    param,
    state,
    moment,
    sum,
    scalar,
    output,
    temporary,
    constant
  } kind = Kind::temporary;
  int64_t classes = 0;         // an input of integers below this; 0: not said
  SlotId in_place_of;          // an output that shares the memory of what it replaces
  bool gradient = false;       // a temporary that holds a parameter's gradient (for the memory bill)
  std::vector<double> values;  // of a constant: every element, in row-major order
  OutputKind output = OutputKind::plain;     // what an output is
  SlotId of;                                 // the param whose gradient or norm it is
  bool operator==(const Slot& other) const;  // values bitwise
};

// Whether an output may be in place of such a slot.
constexpr bool is_kept(Slot::Kind kind) {
  return kind == Slot::Kind::param || kind == Slot::Kind::state || kind == Slot::Kind::moment ||
         kind == Slot::Kind::sum;
}

// The memory of a constant slot: its values as elements of its dtype (bool as one byte).
std::vector<std::byte> constant_bytes(const Slot& slot);

struct Launch {
  KernelId kernel;
  std::vector<SlotId> arguments;  // one per parameter of the kernel
  bool operator==(const Launch&) const = default;
};
struct Barrier {
  bool operator==(const Barrier&) const = default;
};
using Item = std::variant<Launch, Barrier>;

// One entry point: `train`, `eval`, … Launches between two barriers touch disjoint memory.
struct Program {
  std::string name;
  IdVector<KernelId, Kernel> kernels;
  IdVector<SlotId, Slot> slots;
  std::vector<Item> items;
  int64_t batch = 0;  // rows that its inputs hold, each along its first axis; 0: not said, or no inputs
  // Too little work to share: one thread runs it all. A choice like a schedule: no meaning, not part of the text.
  bool serial = false;
  bool stamped = false;  // keeps times: a choice too
  // What is computed again because it was not kept, and how much less memory it takes so: for reports, and no part of the text.
  struct Again {
    std::vector<KernelId> kernels;
    int64_t values = 0;
    uint64_t bytes_saved = 0;
    bool operator==(const Again&) const = default;
  } again = {};
  bool operator==(const Program&) const = default;
};

// ---- text, verifier, interpreter (kernel/print.cpp, kernel/parse.cpp, kernel/verify.cpp, kernel/eval.cpp) --------

std::string print(const Kernel& kernel);
std::string print(const Program& program);

// Broken invariants as sentences that name the statement; empty when sound. Listed at the top of kernel/verify.cpp.
std::vector<std::string> verify(const Kernel& kernel);
std::vector<std::string> verify(const Program& program);

}  // namespace nnc::kernel
