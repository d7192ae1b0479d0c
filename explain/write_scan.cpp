// Recurrences as equations of a step. A state is a sequence of one place more than there are steps: step t reads hₜ and gives
// hₜ₊₁, or in the direction back reads the later and gives the earlier place. See write.h.
#include "explain/write.h"
#include "ir/graph/names.h"

namespace nnc::explain {

using formula::Notation;

namespace {

Shape stacked(const Shape& shape, int64_t length) {
  Shape out{length};
  out.insert(out.end(), shape.begin(), shape.end());
  return out;
}

}  // namespace

// A stacked operand as a symbol whose places are read step by step.
ExprId Writer::sequence_of(const Written& written, const TensorType& type, const std::string& name) {
  const Expr& e = f_[written.expr];
  const bool is_part = e.fn == Fn::slice && f_[e.x[0]].fn == Fn::symbol && e.shape == type.shape;
  if ((e.fn == Fn::symbol && e.shape == type.shape) || is_part) return written.expr;
  return define(name, in_place(written, type.shape), type, {}, std::nullopt);
}

bool Writer::write_scan(const Graph& graph, NodeId id, Known& known) {
  const Node& node = graph.nodes[id];
  const auto& scan = std::get<ScanAttrs>(node.attrs);
  const Graph& body = *scan.body;
  const auto states = static_cast<size_t>(scan.states), steps = static_cast<size_t>(scan.steps);
  const int64_t before = scan.reversed ? 1 : 0, after = 1 - before, length = scan.length;

  std::vector<Written> operands;
  for (const Value& operand : node.operands)
    operands.push_back(current(known[operand.node.index][operand.result]));
  Loop loop{length, scan.reversed, {}, {}};
  Known inside(body.nodes.size());
  std::vector<ExprId> sequences;
  for (size_t i = 0; i < body.inputs.size(); ++i) {
    const TensorType& type = body.nodes[body.inputs[i]].types[0];
    const std::string name = shown(body.input_name(body.inputs[i]));
    Written& in = inside[body.inputs[i].index].emplace_back(operands[i]);
    if (i >= states + steps) {
      loop.hidden.insert(shown(derivative_name(name)));
      continue;
    }
    ExprId sequence;
    int64_t offset = 0;
    if (i < states) {
      sequence = f_.symbol(unused(name), stacked(type.shape, length + 1));
      const ExprId first = f_.call(Fn::place, {sequence}, {{scan.reversed ? length : 0}});
      block().equations.push_back({first, in_place(in, type.shape), type, std::nullopt, {}, {}});
      sequences.push_back(sequence);
      loop.next.emplace(body.outputs[i].value, f_.call(Fn::step, {sequence}, {{after}}));
      offset = before;
    } else {
      sequence = sequence_of(in, graph.type(node.operands[i]), name);
    }
    // Of a raw sequence without its ends, as the Simplifier would write it.
    const Expr part = f_[sequence];
    if (part.fn == Fn::slice) sequence = part.x[0], offset += part.parameters[0][0];
    in = Notation::whole(f_.call(Fn::step, {sequence}, {{offset}}), type.shape.size());
  }

  blocks_.push_back({length, scan.reversed, {}});
  if (!write(body, inside, &loop)) return false;
  std::vector<Written> results(states + states + body.outputs.size() - states);
  const auto part = [&](ExprId sequence, int64_t from) {
    const Shape shape = f_.shape(sequence);
    Numbers begin(shape.size(), 0), end = shape;
    begin[0] = from, end[0] = from + length;
    return Notation::whole(f_.call(Fn::slice, {sequence}, {begin, end}), shape.size());
  };
  for (size_t i = 0; i < body.outputs.size(); ++i) {
    const Value value = body.outputs[i].value;
    const TensorType& type = body.type(value);
    const Written& out = inside[value.node.index][value.result];
    if (i < states) {
      // A state that is an input of the step, or that another state is, too, has no equation yet.
      const ExprId next = f_.call(Fn::step, {sequences[i]}, {{after}});
      if (out.expr != next)
        block().equations.push_back({next, in_place(out, type.shape), type, std::nullopt, {}, {}});
      results[i] = Notation::whole(f_.call(Fn::place, {sequences[i]}, {{scan.reversed ? 0 : length}}),
                                   type.shape.size());
      results[states + i] = part(sequences[i], before);
      continue;
    }
    // What a step gives: places of a sequence that there is, or of a new one.
    const Expr e = f_[out.expr];
    const bool is_whole = e.fn == Fn::step && e.shape == type.shape;
    if (is_whole && f_.shape(e.x[0])[0] == length) {
      results[states + i] = Notation::whole(e.x[0], type.shape.size() + 1);
    } else if (is_whole) {
      results[states + i] = part(e.x[0], e.parameters[0][0]);
    } else {
      const std::string own = shown(ValueNames::plain(graph, {id, static_cast<uint32_t>(states + i)}));
      const ExprId sequence =
          f_.symbol(own.empty() ? numbered("v") : unused(own), stacked(type.shape, length));
      const ExprId place = f_.call(Fn::step, {sequence}, {{0}});
      block().equations.push_back({place, in_place(out, type.shape), type, std::nullopt, {}, {}});
      results[states + i] = Notation::whole(sequence, type.shape.size() + 1);
    }
  }
  known[id.index] = std::move(results);
  blocks_.emplace_back();
  return true;
}

}  // namespace nnc::explain
