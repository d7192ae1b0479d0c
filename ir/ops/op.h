// The op table. Everything nnc knows about an op is together in one OpDef: name, operands, attributes, shape
// rule, derivative, lowering, reference semantics, notation, samples, documentation. The printer, parser, verifier,
// interpreters, differentiation, generic tests and docs/ops.md read the table; no code outside switches over ops.
//
// To add an op: one line in ops.def, one OpDef in its family's file under ir/ops/; docs/ops.md is then written anew from the
// table. An elementwise op with `arguments` is a function of the language from then on.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ir/graph/attrs.h"
#include "ir/graph/bounds.h"
#include "ir/graph/value.h"
#include "ir/order.h"
#include "ir/scalar/scalar.h"
#include "ir/type.h"

namespace nnc {

enum class Op : uint16_t {
#define NNC_OP(name) name,
#include "ir/ops/ops.def"
};

struct Node;
struct Graph;
class Builder;

namespace formula {
class Notation;
struct Written;
}  // namespace formula

namespace kernel {
struct Index;
struct ExprIdTag;
class ElementContext;
enum class Combine : uint8_t;
}  // namespace kernel

// ---- shape rule --------------------------------------------------------------------------------------------------

// The result types, or what is wrong with the operands, in one sentence that names the shapes seen.
struct Inferred {
  std::vector<TensorType> types;
  std::string error;
};
using InferFn = Inferred (*)(std::span<const TensorType> operands, const Attrs& attrs);

// ---- derivative --------------------------------------------------------------------------------------------------

// What a vector-Jacobian product sees: the node being differentiated, the adjoint of each result (absent: zero), and
// the builder of the graph that both live in.
struct VjpContext {
  Builder& builder;
  // In builder.graph(); its results are Value{node, i}. Making nodes may move the graph's table, so rules copy what
  // they need of the node before they build.
  NodeId node;
  std::vector<std::optional<Value>> adjoints;
};
// One adjoint per operand; absent where none flows (an integer operand, or a zero derivative).
using VjpFn = std::vector<std::optional<Value>> (*)(const VjpContext& context);

// A missing derivative is spelled, never null: the reason completes "… has no gradient: ".
struct Derivative {
  VjpFn vjp = nullptr;
  std::string_view why_not;
};
constexpr Derivative no_gradient(std::string_view reason) {
  return {nullptr, reason};
}

// ---- lowering to kernel IR ---------------------------------------------------------------------------------------

// An op lowers in exactly one of seven ways:
//  - element: a result's element at an index, as an expression of operand elements (elementwise ops, shape ops,
//    random draws);
//  - reduce: operand 0 combined over axes;
//  - contract: a sum of products of two operands over axes, with affine index maps;
//  - scatter: elements of operand 0 added to those of the result that operand 1 names;
//  - loop: the body of its ScanAttrs, once for each step;
//  - expand: the op written with other ops, which then share a kernel (fused ops);
//  - rewritten: a pass must remove it before lowering, named by the reason.
struct ElementRule {
  // `index` addresses result `result`; one kernel::Index per axis.
  Id<kernel::ExprIdTag> (*element)(kernel::ElementContext&, std::span<const kernel::Index> index,
                                   uint32_t result);
};
struct ReduceRule {
  kernel::Combine combine;
  std::vector<int64_t> (*axes)(const Node& node, std::span<const TensorType> operands);
  uint32_t component = 0;  // of what is combined: that of result 0; those of further results follow
};
// The axes of the maps are numbered: output axes first, then those summed over.
struct ContractSpec {
  Shape output;  // the axes that it is computed along, each at least 1
  Shape over;    // those that it sums over; a sum without terms is 0
  std::vector<kernel::Index> a;
  std::vector<kernel::Index> b;
  std::vector<kernel::Index>
      at;  // the result's element, each axis in its place; empty: the output axes as they are
  Order order = Order::serial;
  // Two axes: only terms where the index along the first is at most that along the second.
  std::optional<std::array<uint32_t, 2>> triangle = {};

  std::vector<kernel::Index> element() const;  // `at`, written out
};
// The order of a product's sums. A narrow output with long sums along the rows of both operands takes its vectors along
// the sum, everything else along an output axis: lanes16 when the one axis summed over is the last of both operands, the
// smaller of the last two extents of the output is below 16 and the sum has >= 4 x the larger, or the first of them is 1
// and the sum has >= 128; serial otherwise.
Order product_order(const ContractSpec& spec);
struct ContractRule {
  // One or more, which together compute each element of the result once.
  std::vector<ContractSpec> (*specs)(const Node& node, std::span<const TensorType> operands);
};
// The axes of the maps are numbered: those of the result first, then `over`.
struct ScatterSpec {
  size_t axis =
      0;       // of the result: its subscript is an element of operand 1; the others stand for themselves
  Shape over;  // what is added to one element, in row-major order, after a start of 0
  std::vector<kernel::Index> value;  // of operand 0
  std::vector<kernel::Index> place;  // of operand 1
};
struct ScatterRule {
  ScatterSpec (*spec)(const Node& node, std::span<const TensorType> operands);
};
struct LoopRule {};
struct ExpandRule {
  std::vector<Value> (*expand)(Builder& builder, const Node& node, std::span<const Value> operands);
};
struct RewrittenRule {
  std::string_view by;  // the pass that removes it
};
using LowerRule =
    std::variant<ElementRule, ReduceRule, ContractRule, ScatterRule, LoopRule, ExpandRule, RewrittenRule>;

// ---- many at once ------------------------------------------------------------------------------------------------

// `length` nodes like `node`, whose operands are stacked along a new first axis where `stacked` says so and the same for
// all elsewhere; at least one is. Gives each result stacked.
struct LiftContext {
  Builder& builder;
  const Node& node;
  std::vector<Value> operands;
  std::vector<bool> stacked;
  int64_t length;
};
using LiftFn = std::vector<Value> (*)(const LiftContext& context);

// ---- reference semantics -----------------------------------------------------------------------------------------

// A tensor in double, row-major; the reference interpreter's only value.
struct DenseTensor {
  TensorType type;
  std::vector<double> data;
};
// Naive and independent of `lower`. Operands are valid by the shape rule; `types` are the result types.
using EvalFn = std::vector<DenseTensor> (*)(std::span<const DenseTensor> operands, const Attrs& attrs,
                                            std::span<const TensorType> types);

// Between which integers a result lies whose operands lie within theirs (ir/graph/bounds.h), before anything wraps.
using BoundsFn = Bounds (*)(const Graph& graph, const Node& node, std::span<const Bounds> operands);

// ---- numbers while compiling -------------------------------------------------------------------------------------

// What an op makes of two whole numbers of a model's text: a whole number, exactly; a real one where it is not whole
// (1 / 3); or, in a few words, why there is no result ("division by zero").
using WholeResult = std::variant<int64_t, double, std::string>;
using WholeFn = WholeResult (*)(int64_t a, int64_t b);

// Which operands of an op of two must be multiples of something (the size of the batch), the others being free of it, for
// the result to be a multiple of it too.
enum class Multiple : uint8_t { never, of_both, of_one, of_first };

// ---- notation ----------------------------------------------------------------------------------------------------

// How people write the op; precedence as in the language (higher binds tighter, 100 for an atom).
struct MathText {
  std::string text;
  int precedence = 100;
};
using MathFn = MathText (*)(std::span<const MathText> operands, const Attrs& attrs);

// How a node is written in a formula, where people see the mathematics of a model (ir/formula/notation.h, explain/): each
// result. Nothing: there is no way, and its values are given.
using FormulaFn = std::vector<formula::Written> (*)(formula::Notation& notation);

// ---- the row -----------------------------------------------------------------------------------------------------

enum Trait : uint32_t {
  kElementwise = 1 << 0,  // results and operands share one shape; the scalar rule says it all
  kCommutative = 1 << 1,
  kReduces = 1 << 2,    // combines terms along axes
  kFused = 1 << 3,      // made by a fusion pass
  kSmooth = 1 << 4,     // twice differentiable on the samples' domain: second derivatives are tested
  kExpensive = 1 << 5,  // worth storing rather than computing twice (exp, log, division)
  kRandom = 1 << 6,
  kTyped = 1 << 7,     // its type is stated with it, not inferred: input, constant
  kInternal = 1 << 8,  // written by lowering rules only, never in a graph
  kDivides = 1 << 9,   // by its second operand
  kWhole = 1 << 10,    // makes whole numbers of real ones
  // Moves elements: each of the result's is one of the operand's, also to differentiation (detach is a constant there).
  kMoves = 1 << 11,
  // Has no place in memory, and is read at plain subscripts (an axis each, from some begin) where the operand is.
  kView = 1 << 12,
  kGiven = 1 << 13,  // lies in memory before any kernel has run
  kJoins = 1 << 14,  // puts its operands side by side
};

// Operands and attributes for the generic tests; operand values are drawn from [low, high).
struct Sample {
  std::vector<TensorType> operands;
  Attrs attrs;
  double low = -2;
  double high = 2;
};

struct OpDef {
  std::string_view name;  // the one spelling: IR text, docs, tests
  std::string_view doc;   // one line for docs/ops.md
  // The names of its arguments ("a b") where the language calls it by its own name; elementwise ops only. Empty: no
  // function of the language, or one that frontend/builtins/builtins.cpp writes out.
  std::string_view arguments = {};
  std::string_view written =
      {};  // for docs/ops.md: how frontend/builtins/builtins.cpp has it called, "pick(z, label)"
  int min_operands = 1;
  int max_operands = 1;  // -1: any number
  uint32_t traits = 0;
  Attrs attrs = {};  // the kind of attributes it takes (default values)
  InferFn infer;
  Derivative derivative;
  LowerRule lower;
  // Null: an elementwise op, for which lift_rule knows one, or an op that stays in its loop.
  LiftFn lift = nullptr;
  EvalFn eval;
  ScalarFn scalar =
      nullptr;  // elementwise ops: the op on scalars, from primitive operations (ir/scalar/scalar.h)
  // Ops of two operands that must be exact on whole numbers while a model is compiled (sizes, counts), where i64 wraps and
  // double rounds; null: `eval` says it all.
  WholeFn whole = nullptr;
  Multiple multiple = Multiple::never;
  BoundsFn bounds = nullptr;  // ops of one result; null: nothing is known of its integers
  double ulps = 0.5;  // how far `scalar` may be from `eval`, in units in the last place: 0.5 rounds once
  MathFn math;
  // Null: an elementwise op is a function of its name, any other has no formula.
  FormulaFn formula = nullptr;
  std::span<const Sample> samples = {};

  bool has(Trait trait) const { return (traits & trait) != 0; }
};

// Every op has one: a missing definition is a link error.
const OpDef& op_def(Op op);
std::span<const OpDef* const> all_ops();  // in the order of ops.def
std::optional<Op> find_op(std::string_view name);

// The shape rule with what holds for all ops checked before it: the number of operands and the kind of attributes.
// An error starts with the op's name: "add: the operands differ: f32[2, 3] and f32[3]".
Inferred infer_types(Op op, std::span<const TensorType> operands, const Attrs& attrs);

// How many nodes of the op are computed as one; null where there is no way.
LiftFn lift_rule(const OpDef& def);

// docs/ops.md: one section per op, from the table.
std::string ops_reference();

}  // namespace nnc
