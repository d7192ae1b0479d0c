// Takes out of a scan what no step needs of another: products and sums of slices alone are computed for all steps at once
// before it (an input's projection), those that no state depends on after it (a weight's gradient, which becomes one
// product over all steps). Elementwise work stays in the loop, where it costs no memory, unless it lies between.
//   %1:3 = scan h, x, w, u {body = { %0 = matmul x, w  %1 = matmul h, u  %2 = add %0, %1 … }}
//   →  %0 = reshape x … %1 = matmul %0, w  %2 = reshape %1 …
//      %3:3 = scan h, %2, u {body = { %1 = matmul h, u  %2 = add x1, %1 … }}
// What has no rule to be computed for all steps (OpDef::lift) stays, with all that depends on it. Where nothing stays, there is
// no scan.
#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "passes/pass.h"
#include "passes/rewrite.h"
#include "passes/scan_parts.h"

namespace nnc::passes {
namespace {

class Lifting {
 public:
  Lifting(Rewriter& rewriter, NodeId id)
      : rewriter_(rewriter),
        builder_(rewriter.builder()),
        node_(rewriter.source().nodes[id]),
        scan_(std::get<ScanAttrs>(node_.attrs)),
        body_(*scan_.body),
        operands_(rewriter.operands(id)) {}

  // The new results, or nothing where all stays.
  std::optional<std::vector<Value>> run() {
    find_dependences();
    find_early();
    find_late();
    if (!is_map()) {
      if (early_.empty() && late_.empty()) return std::nullopt;
      split();
    }
    std::vector<Value> results;
    for (size_t i = 0; i < states(); ++i) results.push_back(made_[i]);
    for (size_t i = 0; i < states(); ++i) results.push_back(made_[first_stacked(scan_) + i]);
    for (size_t i = states(); i < body_.outputs.size(); ++i)
      results.push_back(stacked(body_.outputs[i].value));
    return results;
  }

 private:
  struct Outside {
    Value value;
    bool is_stacked;
  };

  size_t states() const { return static_cast<size_t>(scan_.states); }
  const Node& node(uint32_t i) const { return body_.nodes[NodeId{i}]; }

  void find_dependences() {
    const size_t count = body_.nodes.size();
    from_state_.assign(count, false);
    to_state_.assign(count, false);
    for (size_t i = 0; i < states(); ++i) {
      from_state_[body_.inputs[i].index] = true;
      to_state_[body_.outputs[i].value.node.index] = true;
    }
    for (uint32_t i = 0; i < count; ++i)
      for (const Value& operand : node(i).operands)
        if (from_state_[operand.node.index]) from_state_[i] = true;
    for (uint32_t i = static_cast<uint32_t>(count); i-- > 0;)
      if (to_state_[i])
        for (const Value& operand : node(i).operands) to_state_[operand.node.index] = true;
  }

  static bool has_rule(const Node& node) {
    return node.operands.empty() || lift_rule(op_def(node.op)) != nullptr;
  }
  // Worth a place in memory: sums, products, lookups, data.
  static bool is_worth(const Node& node) {
    const OpDef& def = op_def(node.op);
    if (const auto* constant = std::get_if<ConstantAttrs>(&node.attrs))
      return constant->values.size() > kInlineConstant;
    return !std::holds_alternative<ElementRule>(def.lower) || node.op == Op::take;
  }

  // Nodes that are computed before the loop, with all that they are computed from.
  void find_early() {
    std::vector<bool> can(body_.nodes.size(), false);
    for (uint32_t i = 0; i < body_.nodes.size(); ++i) {
      if (node(i).op == Op::input) {
        can[i] = !from_state_[i];
        continue;
      }
      can[i] = has_rule(node(i)) && !from_state_[i] &&
               std::ranges::all_of(node(i).operands, [&](const Value& v) { return can[v.node.index]; });
      if (can[i] && is_worth(node(i))) early_.insert(i);
    }
    can_be_early_ = std::move(can);
  }

  // Nodes that are computed after the loop, with all that is computed from them.
  void find_late() {
    const size_t count = body_.nodes.size();
    std::vector<bool> can(count, false);  // no state depends on it, and what does has a rule
    for (uint32_t i = static_cast<uint32_t>(count); i-- > 0;)
      can[i] = node(i).op != Op::input && !to_state_[i] && has_rule(node(i));
    std::vector<std::vector<uint32_t>> readers(count);
    for (uint32_t i = 0; i < count; ++i)
      for (const Value& operand : node(i).operands) readers[operand.node.index].push_back(i);
    for (uint32_t i = static_cast<uint32_t>(count); i-- > 0;)
      can[i] = can[i] && std::ranges::all_of(readers[i], [&](uint32_t reader) { return can[reader]; });
    for (uint32_t i = 0; i < count; ++i) {
      const bool follows =
          std::ranges::any_of(node(i).operands, [&](const Value& v) { return late_.contains(v.node.index); });
      if (can[i] && (follows || (from_state_[i] && is_worth(node(i))))) late_.insert(i);
    }
  }

  // No step needs another, and all has a rule: there is no loop.
  bool is_map() const {
    return states() == 0 && std::ranges::all_of(body_.outputs, [&](const Output& output) {
             return can_be_early_[output.value.node.index];
           });
  }

  // ---- the three parts

  void split() {
    std::vector<Given> given;
    for (const uint32_t i : early_)
      for (uint32_t r = 0; r < node(i).types.size(); ++r) {
        const Value inside{NodeId{i}, r};
        const Outside& out = early(inside);
        given.push_back({inside, out.value, out.is_stacked});
      }
    std::vector<Value> outputs;
    for (size_t i = 0; i < body_.outputs.size(); ++i) {
      const Value value = body_.outputs[i].value;
      if (i < states())
        outputs.push_back(value);
      else if (!late_.contains(value.node.index) && !early_.contains(value.node.index))
        add_output(outputs, value);
    }
    // What the late part reads and the loop computes.
    for (const uint32_t i : late_)
      for (const Value& operand : node(i).operands)
        if (const uint32_t from = operand.node.index;
            !late_.contains(from) && !can_be_early_[from] && node(from).op != Op::input)
          add_output(outputs, operand);
    NewScan made = rebuilt(scan_, operands_, outputs, given);
    builder_.set_spans(node_.spans);
    made_ = builder_.make_all(Op::scan, std::move(made.operands), std::move(made.attrs));
  }

  void add_output(std::vector<Value>& outputs, Value value) {
    if (stored_.contains(value)) return;
    stored_[value] = outputs.size();
    outputs.push_back(value);
  }

  const Outside& early(Value inside) {
    const auto found = outside_.find(inside);
    if (found != outside_.end()) return found->second;
    const auto number =
        static_cast<size_t>(std::ranges::find(body_.inputs, inside.node) - body_.inputs.begin());
    if (number < body_.inputs.size())
      return outside_[inside] = {operands_[number], number < states() + static_cast<size_t>(scan_.steps)};
    return computed(inside);
  }

  // The value of all steps, outside of the loop.
  const Outside& outside(Value inside) {
    const auto found = outside_.find(inside);
    if (found != outside_.end()) return found->second;
    const uint32_t i = inside.node.index;
    if (const auto stored = stored_.find(inside); stored != stored_.end())
      return outside_[inside] = {made_[first_stacked(scan_) + stored->second], true};
    if (node(i).op == Op::input && from_state_[i]) {
      const auto number =
          static_cast<size_t>(std::ranges::find(body_.inputs, inside.node) - body_.inputs.begin());
      return outside_[inside] = {made_[first_stacked(scan_) + number], true};
    }
    if (late_.contains(i)) return computed(inside);
    return early(inside);
  }

  const Outside& computed(Value inside) {
    const Node& from = body_.node(inside);
    const bool is_late = late_.contains(inside.node.index);
    std::vector<Value> operands;
    std::vector<bool> are_stacked;
    for (const Value& operand : from.operands) {
      const Outside out = is_late ? outside(operand) : early(operand);
      operands.push_back(out.value);
      are_stacked.push_back(out.is_stacked);
    }
    builder_.set_spans(from.spans);
    const bool any = std::ranges::any_of(are_stacked, [](bool b) { return b; });
    const std::vector<Value> results =
        any ? lift_rule(op_def(from.op))({builder_, from, operands, are_stacked, scan_.length})
            : builder_.copy(from, operands);
    for (uint32_t r = 0; r < results.size(); ++r) outside_[{inside.node, r}] = {results[r], any};
    return outside_.at(inside);
  }

  Value stacked(Value inside) {
    const Outside out = outside(inside);
    if (out.is_stacked) return out.value;
    const TensorType type = builder_.type(out.value);
    Shape shape{scan_.length};
    shape.insert(shape.end(), type.shape.begin(), type.shape.end());
    std::vector<int64_t> axes;
    for (int64_t d = 1; d <= type.rank(); ++d) axes.push_back(d);
    return builder_.make(Op::broadcast, {out.value}, BroadcastAttrs{std::move(shape), std::move(axes)});
  }

  Rewriter& rewriter_;
  Builder& builder_;
  const Node& node_;
  const ScanAttrs& scan_;
  const Graph& body_;
  const std::vector<Value> operands_;
  std::vector<bool> from_state_, to_state_, can_be_early_;
  std::set<uint32_t> early_, late_;  // nodes of the body
  std::vector<Value> made_;          // results of the new scan
  std::map<Value, size_t> stored_;   // values of the body among its outputs
  std::map<Value, Outside> outside_;
};

}  // namespace

Graph lift_scans(const Graph& graph) {
  Rewriter rewriter(graph);
  for (const NodeId id : node_ids(graph)) {
    const Node& node = graph.nodes[id];
    if (node.op == Op::input) continue;
    std::optional<std::vector<Value>> results;
    if (std::holds_alternative<ScanAttrs>(node.attrs)) results = Lifting(rewriter, id).run();
    if (results)
      rewriter.set(id, *results);
    else
      rewriter.copy(id);
  }
  return rewriter.finish();
}

}  // namespace nnc::passes
