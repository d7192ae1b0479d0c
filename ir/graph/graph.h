// The graph: what is to be computed, as tensor values in static single assignment. Pure: parameters, state and
// scalars enter as inputs; new values leave as outputs that may say which input they replace (`fc.weight <- %7`).
// Nodes are in topological order by construction: a node can only name earlier ones. Passes read one graph and build
// another with a Builder (ir/graph/builder.h); nothing is mutated in place.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ir/graph/attrs.h"
#include "ir/graph/value.h"
#include "ir/ops/op.h"
#include "ir/type.h"
#include "support/id.h"
#include "support/output_kind.h"
#include "support/source.h"

namespace nnc {

// The places in the source that a node comes from, ascending, each once. Merging nodes joins them.
using SpanSet = std::vector<Span>;
SpanSet join(const SpanSet& a, const SpanSet& b);

// A node that belongs to no kernel yet has kNoGroup.
inline constexpr uint32_t kNoGroup = UINT32_MAX;
// A node that has not been given one by settle_names() (ir/graph/names.h).
inline constexpr uint32_t kNoNumber = UINT32_MAX;

struct Node {
  Op op;
  Attrs attrs;
  std::vector<Value> operands;
  std::vector<TensorType> types;  // one per result
  std::vector<Layout> layouts;    // empty (all default), or one per result; set by passes/assign_layout
  uint32_t group = kNoGroup;      // the kernel it is computed in; set by passes/group_kernels
  SpanSet spans;
  // Its group computes once more what another one has computed and nobody has kept: as late as its readers allow. Set by
  // passes/compute_again.
  bool again = false;
  uint32_t number = kNoNumber;          // what texts call it, "%12": the same from stage to stage
  std::vector<std::string> names = {};  // empty, or what each result is called in the model; "" for none
};

struct Output {
  std::string name;  // "loss", "loss.penalty", "fc1.weight", …
  Value value;
  std::optional<NodeId> replaces =
      std::nullopt;  // the input, kept from step to step, whose new value this is
  OutputKind kind = OutputKind::plain;
  std::optional<NodeId> of = std::nullopt;  // the param whose gradient or norm this is

  bool operator==(const Output&) const = default;
};

// The derivative of some scalar by a param. Stays known while anything reads the value, through all passes: set by
// passes/differentiate, carried on by passes/rewrite.
struct ParameterGradient {
  NodeId of;
  Value value;

  bool operator==(const ParameterGradient&) const = default;
};

// A constant of more numbers than this is data: it lies in memory, where a shorter one is written into the code.
inline constexpr size_t kInlineConstant = 16;

// Whether a value lies in memory before any kernel has run: an input, a stream, or a constant that is data.
bool is_given(const Node& node);

struct Graph {
  std::string name;  // "train", "eval", "init", …
  IdVector<NodeId, Node> nodes;
  std::vector<NodeId> inputs;  // nodes with Op::input, in signature order
  std::vector<Output> outputs;
  std::vector<ParameterGradient> gradients;
  int64_t batch =
      0;  // rows that its data columns hold, each along its first axis; 0: not said, or no columns
  uint32_t next_number = 0;  // no node, nor one that is gone, has had this number or a higher one

  const Node& node(Value value) const { return nodes[value.node]; }
  const TensorType& type(Value value) const { return nodes[value.node].types[value.result]; }
  Layout layout(Value value) const {
    const Node& n = nodes[value.node];
    return n.layouts.empty() ? Layout() : n.layouts[value.result];
  }
  // Notes that `value` is the gradient of the param `of`; nothing where that is known.
  void add_gradient(NodeId of, Value value);
  // The input with that name, or an invalid id.
  NodeId find_input(std::string_view input_name) const;
  const std::string& input_name(NodeId input) const { return std::get<InputAttrs>(nodes[input].attrs).name; }
};

// The graphs of one model. They share parameter and state inputs by name.
struct Module {
  std::string name;
  std::vector<Graph> graphs;

  const Graph* find(std::string_view graph_name) const;
};

// Text (docs/ir.md):
//   graph @train(x: f32[64,784], label: i32[64], param fc.weight: f32[10,784], scalar lr: f64) {
//     %0 = matmul x, fc.weight {transpose_b} : f32[64,10]
//     …
//     return loss = %4, fc.weight <- %9
//   }
// After the signature ` batch 64`, after an output what it is (`loss`, `gradient of fc.weight`), after `return` the
// gradients (`gradients fc.weight = %9`), where there are any.
// print(parse(print(g))) == print(g), byte for byte.
std::string print(const Graph& graph);
std::string print(const Module& module);

}  // namespace nnc
