// Recurrences. With states s, slices x[t] along the first axis of stacked operands, and values c from outside,
//
//   s[0] = the initial states
//   s[t+1], y[t] = body(s[t], x[t], c)      for t = 0, 1, … length - 1   (reversed: from length - 1 to 0)
//
// scan(s[0], x, c) gives the last states; stacked, the states before each step, s[t]; and stacked, y[t]. What nobody
// reads of it is not stored.
//
// Its adjoint is a scan in the other direction. One step back, with ds for the adjoint of the state after the step:
//   ds, dx[t], dc[t] = d(ds · s' + dy[t] · y) / d(s, x, c)   of   s', y = body(s[t], x[t], c)
// and the adjoint of c is the sum of dc[t]. The body of that scan holds a `grad`, which differentiation works out as
// anywhere, so derivatives of derivatives need nothing more. What it computes again of the step forwards, passes find
// (passes/share_scans), and what one step does not need of another, they take out (passes/lift_scans).
#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "ir/graph/eval.h"
#include "ir/graph/text.h"
#include "ir/ops/support.h"

namespace nnc {
namespace ops {
namespace {

std::string body_fault(const ScanAttrs& scan, std::span<const TensorType> operands) {
  if (!scan.body) return "has no body";
  const Graph& body = *scan.body;
  if (scan.states < 0 || scan.steps < 0 || scan.length < 1)
    return fmt::format("{} states, {} slices and {} steps", scan.states, scan.steps, scan.length);
  if (operands.size() != body.inputs.size() ||
      scan.states + scan.steps > static_cast<int64_t>(operands.size()))
    return fmt::format("the body takes {} values, there are {}", body.inputs.size(), operands.size());
  if (static_cast<int64_t>(body.outputs.size()) < scan.states)
    return fmt::format("the body gives {} values for {} states", body.outputs.size(), scan.states);
  if (const std::vector<Finding> faults = find_faults(body); !faults.empty())
    return "its body: " + faults.front().sentence;
  for (size_t i = 0; i < operands.size(); ++i) {
    const TensorType& inside = body.nodes[body.inputs[i]].types[0];
    const auto number = static_cast<int64_t>(i);
    const bool is_step = number >= scan.states && number < scan.states + scan.steps;
    const TensorType wanted{inside.dtype, is_step ? stacked(inside.shape, scan.length) : inside.shape};
    if (operands[i] != wanted)
      return fmt::format("operand {} is {}, the body needs {}", i, to_string(operands[i]), to_string(wanted));
    if (number < scan.states && body.type(body.outputs[i].value) != inside)
      return fmt::format("state {} is {} and becomes {}", i, to_string(inside),
                         to_string(body.type(body.outputs[i].value)));
  }
  return {};
}

Inferred infer_scan(std::span<const TensorType> operands, const Attrs& attrs) {
  const auto& scan = std::get<ScanAttrs>(attrs);
  if (std::string fault = body_fault(scan, operands); !fault.empty()) return failed(std::move(fault));
  Inferred inferred;
  const auto states = at(scan.states);
  for (size_t i = 0; i < states; ++i) inferred.types.push_back(operands[i]);
  const auto stack = [&](const TensorType& type) {
    inferred.types.push_back({type.dtype, stacked(type.shape, scan.length)});
  };
  for (size_t i = 0; i < states; ++i) stack(operands[i]);
  for (size_t i = states; i < scan.body->outputs.size(); ++i)
    stack(scan.body->type(scan.body->outputs[i].value));
  for (const TensorType& type : inferred.types)
    if (std::string error = shape_error(type.shape); !error.empty()) return failed(std::move(error));
  if (inferred.types.empty()) return failed("has no results");
  return inferred;
}

std::vector<DenseTensor> eval_scan(std::span<const DenseTensor> x, const Attrs& attrs,
                                   std::span<const TensorType> types) {
  const auto& scan = std::get<ScanAttrs>(attrs);
  return evaluate_scan(scan, x, types, [&](const TensorMap& inputs) { return evaluate(*scan.body, inputs); });
}

// ---- the adjoint -----------------------------------------------------------------------------------------

// Which inputs of the body reach an output along real numbers.
std::vector<bool> reaching(const Graph& body) {
  std::vector<bool> needed(body.nodes.size(), false);
  for (const Output& output : body.outputs)
    if (is_float(body.type(output.value).dtype)) needed[output.value.node.index] = true;
  for (size_t i = body.nodes.size(); i-- > 0;) {
    const Node& node = body.nodes[NodeId{static_cast<uint32_t>(i)}];
    if (!needed[i] || (op_def(node.op).derivative.vjp == nullptr && node.op != Op::grad)) continue;
    for (const Value& operand : node.operands)
      if (is_float(body.type(operand).dtype)) needed[operand.node.index] = true;
  }
  std::vector<bool> reached;
  for (const NodeId input : body.inputs)
    reached.push_back(needed[input.index] && is_float(body.nodes[input].types[0].dtype));
  return reached;
}

// The adjoint's scan while it is put together: its body, and the operands that go with the body's inputs.
class Backward {
 public:
  explicit Backward(const VjpContext& context)
      : outer_(context.builder),
        id_(context.node),
        adjoints_(context.adjoints),
        scan_(std::get<ScanAttrs>(context.builder.graph().nodes[context.node].attrs)),
        operands_(context.builder.graph().nodes[context.node].operands),
        forward_(*scan_.body),
        reached_(reaching(forward_)),
        b_(body_) {
    body_.name = "back";
  }

  Adjoints run() {
    Adjoints result(operands_.size());
    states();
    slices();
    rest();
    const std::optional<Value> scalar = pairing();
    if (!scalar) return result;
    const std::vector<Value> gradients = gradients_of(*scalar);
    outputs(gradients);

    ScanAttrs attrs{std::make_shared<const Graph>(std::move(body_)), static_cast<int64_t>(carried_.size()),
                    static_cast<int64_t>(steps_.size()), scan_.length, !scan_.reversed};
    std::vector<Value> operands = initial_;
    operands.insert(operands.end(), steps_.begin(), steps_.end());
    operands.insert(operands.end(), rest_.begin(), rest_.end());
    const std::vector<Value> made = outer_.make_all(Op::scan, std::move(operands), std::move(attrs));
    for (size_t i = 0; i < carried_.size(); ++i)
      if (reached_[carried_[i]]) result[carried_[i]] = made[i];
    size_t next = 2 * carried_.size();
    for (size_t i = at(scan_.states); i < operands_.size(); ++i) {
      if (!reached_[i]) continue;
      result[i] = made[next++];
      if (!is_slice(i)) result[i] = outer_.sum(*result[i], {0});
    }
    return result;
  }

 private:
  bool is_slice(size_t input) const {
    return input >= at(scan_.states) && input < at(scan_.states + scan_.steps);
  }
  const TensorType& type_of(size_t input) const { return forward_.nodes[forward_.inputs[input]].types[0]; }
  Value input(std::string name, const TensorType& type) {
    while (!names_.insert(name).second) name += "_";
    return b_.input(name, Role::input, type);
  }

  // The adjoints of the states after the step.
  void states() {
    for (size_t i = 0; i < at(scan_.states); ++i) {
      if (!is_float(type_of(i).dtype)) continue;
      carried_.push_back(i);
      after_.push_back(input("d." + forward_.input_name(forward_.inputs[i]), type_of(i)));
      initial_.push_back(adjoints_[i] ? *adjoints_[i] : outer_.constant(type_of(i), {0}));
    }
  }

  // The states before the step, the slices that it read, the adjoints of what it gave.
  void slices() {
    for (size_t i = 0; i < at(scan_.states + scan_.steps); ++i) {
      read_.push_back(input(forward_.input_name(forward_.inputs[i]), type_of(i)));
      steps_.push_back(is_slice(i)
                           ? operands_[i]
                           : Value{id_, static_cast<uint32_t>(scan_.states) + static_cast<uint32_t>(i)});
    }
    given_.resize(forward_.outputs.size());
    before_.resize(at(scan_.states));
    for (size_t i = 0; i < forward_.outputs.size(); ++i) {
      const std::optional<Value>& adjoint = adjoints_[at(scan_.states) + i];
      if (!adjoint) continue;
      const bool is_state = i < at(scan_.states);
      const TensorType& type = is_state ? type_of(i) : forward_.type(forward_.outputs[i].value);
      (is_state ? before_[i] : given_[i]) = input(fmt::format("d{}", i), type);
      steps_.push_back(*adjoint);
    }
  }

  void rest() {
    for (size_t i = at(scan_.states + scan_.steps); i < operands_.size(); ++i) {
      read_.push_back(input(forward_.input_name(forward_.inputs[i]), type_of(i)));
      rest_.push_back(operands_[i]);
    }
  }

  // The step forwards, each result times its adjoint.
  std::optional<Value> pairing() {
    std::vector<std::vector<Value>> known(forward_.nodes.size());
    for (size_t i = 0; i < forward_.inputs.size(); ++i) known[forward_.inputs[i].index] = {read_[i]};
    for (uint32_t i = 0; i < forward_.nodes.size(); ++i) {
      const Node& node = forward_.nodes[NodeId{i}];
      if (node.op == Op::input) continue;
      std::vector<Value> operands;
      for (const Value& operand : node.operands)
        operands.push_back(known[operand.node.index][operand.result]);
      known[i] = b_.copy(node, std::move(operands));
    }
    const auto result = [&](size_t i) {
      const Value value = forward_.outputs[i].value;
      return known[value.node.index][value.result];
    };
    std::optional<Value> total;
    const auto add = [&](Value value, Value adjoint) {
      const Value product = b_.mul(value, adjoint);
      const Value sum = b_.cast(b_.sum(product, first_axes(b_.type(product).rank())), DType::f32);
      total = total ? b_.add(*total, sum) : sum;
    };
    for (size_t i = 0; i < carried_.size(); ++i) add(result(carried_[i]), after_[i]);
    for (size_t i = at(scan_.states); i < given_.size(); ++i)
      if (given_[i]) add(result(i), *given_[i]);
    return total;
  }

  std::vector<Value> gradients_of(Value scalar) {
    std::vector<Value> of{scalar};
    for (size_t i = 0; i < read_.size(); ++i)
      if (reached_[i]) of.push_back(read_[i]);
    return of.size() > 1 ? b_.make_all(Op::grad, std::move(of)) : std::vector<Value>();
  }

  void outputs(const std::vector<Value>& gradients) {
    size_t next = 0;
    for (const size_t i : carried_) {
      std::optional<Value> adjoint;
      if (reached_[i]) adjoint = gradients[next++];
      if (before_[i]) adjoint = adjoint ? b_.add(*adjoint, *before_[i]) : *before_[i];
      b_.output(fmt::format("s{}", i), adjoint ? *adjoint : b_.constant(type_of(i), {0}));
    }
    for (size_t i = at(scan_.states); i < operands_.size(); ++i)
      if (reached_[i]) b_.output(fmt::format("y{}", i), gradients[next++]);
  }

  Builder& outer_;
  const NodeId id_;
  const std::vector<std::optional<Value>> adjoints_;
  const ScanAttrs scan_;  // copies: building moves the outer graph's table
  const std::vector<Value> operands_;
  const Graph& forward_;
  const std::vector<bool> reached_;
  Graph body_;
  Builder b_;
  std::set<std::string> names_;                       // of the body's inputs
  std::vector<size_t> carried_;                       // the real states
  std::vector<Value> after_;                          // the adjoints of what they become
  std::vector<Value> read_;                           // the forward body's inputs in this one
  std::vector<std::optional<Value>> before_, given_;  // the adjoints of stacked results
  std::vector<Value> initial_, steps_, rest_;         // operands
};

Adjoints vjp_scan(const VjpContext& context) {
  return Backward(context).run();
}

MathText math_scan(std::span<const MathText> x, const Attrs&) {
  return call("scan", x);
}

// ---- samples ---------------------------------------------------------------------------------------------

// s' = tanh(s + x c), y = s s'
Attrs recurrence(const Shape& shape, int64_t length, bool reversed) {
  Graph body;
  body.name = "step";
  Builder b(body);
  const TensorType type{DType::f32, shape};
  const Value s = b.input("s", Role::input, type);
  const Value x = b.input("x", Role::input, type);
  const Value c = b.input("c", Role::input, type);
  const Value next = b.make(Op::tanh, {b.add(s, b.mul(x, c))});
  b.output("s1", next);
  b.output("y", b.mul(s, next));
  return ScanAttrs{std::make_shared<const Graph>(std::move(body)), 1, 1, length, reversed};
}

// h' = tanh(x + h wᵀ)
Attrs rnn(int64_t batch, int64_t hidden, int64_t length) {
  Graph body;
  body.name = "step";
  Builder b(body);
  const Value h = b.input("h", Role::input, {DType::f32, {batch, hidden}});
  const Value x = b.input("x", Role::input, {DType::f32, {batch, hidden}});
  const Value w = b.input("w", Role::input, {DType::f32, {hidden, hidden}});
  const Value product = b.make(Op::matmul, {h, w}, MatmulAttrs{false, true});
  b.output("h1", b.make(Op::tanh, {b.add(x, product)}));
  return ScanAttrs{std::make_shared<const Graph>(std::move(body)), 1, 1, length, false};
}

const Sample kScanSamples[] = {
    {{{DType::f32, {3}}, {DType::f32, {4, 3}}, {DType::f32, {3}}}, recurrence({3}, 4, false)},
    {{{DType::f32, {2, 3}}, {DType::f32, {4, 2, 3}}, {DType::f32, {2, 3}}}, recurrence({2, 3}, 4, true)},
    {{{DType::f32, {5, 3}}, {DType::f32, {4, 5, 3}}, {DType::f32, {3, 3}}}, rnn(5, 3, 4)},
};

}  // namespace
}  // namespace ops

const OpDef k_op_scan = {
    .name = "scan",
    .doc =
        "A recurrence: its body once for each slice of the stacked operands, with states from step to step; "
        "gives the last "
        "states, the states before each step and what the steps give, stacked.",
    .written = "scan x in xs along axis { state s: f32[…] = 0 … }",
    .min_operands = 1,
    .max_operands = -1,
    .traits = kSmooth,
    .attrs = ScanAttrs{},
    .infer = ops::infer_scan,
    .derivative = {ops::vjp_scan, {}},
    .lower = LoopRule{},
    .eval = ops::eval_scan,
    .math = ops::math_scan,
    .samples = ops::kScanSamples,
};

}  // namespace nnc
