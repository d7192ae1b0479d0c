// The only way to make a node: infers its type, and with interning on gives back an equal node that exists already
// (which is all of common-subexpression elimination).
#pragma once

#include <unordered_map>

#include "ir/graph/graph.h"

namespace nnc {

class Builder {
 public:
  enum class Interning { off, on };

  explicit Builder(Graph& graph, Interning interning = Interning::off)
      : graph_(graph), interning_(interning) {}

  Graph& graph() { return graph_; }
  const Graph& graph() const { return graph_; }
  const TensorType& type(Value value) const { return graph_.type(value); }

  // Nodes made from now on come from these places of the source. Returns the previous set.
  SpanSet set_spans(SpanSet spans);

  // Checked: the operands must satisfy the op's shape rule (an error is a bug of the caller).
  Value make(Op op, std::vector<Value> operands, Attrs attrs = NoAttrs());
  // All results of a node with several.
  std::vector<Value> make_all(Op op, std::vector<Value> operands, Attrs attrs = NoAttrs());
  // Operands from a user: the shape rule's complaint instead of a check.
  std::variant<Value, std::string> try_make(Op op, std::vector<Value> operands, Attrs attrs = NoAttrs());

  // `type` is explicit where no operand gives it.
  Value input(InputAttrs attrs, TensorType type);
  Value input(std::string name, Role role, TensorType type) {
    return input({std::move(name), role}, std::move(type));
  }
  Value constant(TensorType type, std::vector<double> values);  // one value fills the shape
  Value scalar(DType dtype, double value) { return constant({dtype, {}}, {value}); }
  // A constant of the same type as `like`, filled with `value`.
  Value full_like(Value like, double value) { return constant(type(like), {value}); }

  // Shorthands; they fold nothing (passes/simplify does), but skip what would change nothing.
  Value add(Value a, Value b) { return make(Op::add, {a, b}); }
  Value sub(Value a, Value b) { return make(Op::sub, {a, b}); }
  Value mul(Value a, Value b) { return make(Op::mul, {a, b}); }
  Value div(Value a, Value b) { return make(Op::div, {a, b}); }
  Value neg(Value a) { return make(Op::neg, {a}); }
  Value cast(Value a, DType dtype);                                  // none if it has that dtype
  Value broadcast(Value a, Shape shape, std::vector<int64_t> axes);  // none if the shapes are equal
  Value broadcast_scalar(Value a, const Shape& shape) { return broadcast(a, shape, {}); }
  Value reshape(Value a, Shape shape);                 // none if the shapes are equal
  Value permute(Value a, std::vector<int64_t> order);  // none if it is the identity
  Value sum(Value a, std::vector<int64_t> axes);       // none if no axes

  void output(std::string name, Value value, std::optional<NodeId> replaces = std::nullopt) {
    graph_.outputs.push_back({std::move(name), value, replaces});
  }
  // `of`: the param, where the kind is of one.
  void output(std::string name, Value value, OutputKind kind, std::optional<NodeId> of = std::nullopt) {
    graph_.outputs.push_back({std::move(name), value, std::nullopt, kind, of});
  }

  // A copy of `node` (from another graph) with these operands: op, attributes, types, layouts, spans and names are kept.
  std::vector<Value> copy(const Node& node, std::vector<Value> operands);

 private:
  NodeId add_node(Node node);

  Graph& graph_;
  Interning interning_;
  SpanSet spans_;
  std::unordered_multimap<size_t, NodeId> interned_;
};

}  // namespace nnc
