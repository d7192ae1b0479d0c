// The adjoint of a scan computes again what the scan forwards has computed: its body holds that of the scan. What of it the
// adjoint needs and is costly is stored by the scan forwards instead, stacked; what is cheap is computed again.
//   %1:3 = scan … {body = { %0 = tanh … }}
//   %2:4 = scan …, %1.1 {reversed, body = { %0 = tanh … %1 = mul %0, %0 … }}
//   →  %1:4 = scan … {body = { %0 = tanh …  return …, y2 = %0 }}
//      %2:4 = scan …, %1.3 {reversed, body = { %1 = mul x3, x3 … }}
// Scans that have no such operand, or other lengths, are left alone.
#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include "passes/pass.h"
#include "passes/rewrite.h"
#include "passes/scan_parts.h"

namespace nnc::passes {
namespace {

// Of a scan forwards: the values of its body that are stacked besides its outputs.
using Extras = std::map<NodeId, std::vector<Value>>;
// Of an adjoint: the values of its body that it reads, and which results of which scan they are.
struct Shared {
  Value inside;
  NodeId from;
  uint32_t result;
};

// The result of the scan that holds a value of its body, stacked; one more than it has if none does.
uint32_t result_of(const Node& node, Value inside, std::vector<Value>& extras) {
  const auto& scan = std::get<ScanAttrs>(node.attrs);
  std::vector<Value> held;
  for (const Output& output : scan.body->outputs) held.push_back(output.value);
  held.insert(held.end(), extras.begin(), extras.end());
  const auto at =
      std::find(held.begin() + scan.states, held.end(), inside);  // of a state it is what it was before
  if (at == held.end()) extras.push_back(inside);
  return first_stacked(scan) + static_cast<uint32_t>(at - held.begin());
}

bool is_costly(const Node& node) {
  const OpDef& def = op_def(node.op);
  return def.has(kExpensive) || !std::holds_alternative<ElementRule>(def.lower);
}

// Which values of one scan's body another's computes too.
class Correspondence {
 public:
  Correspondence(const Node& from, NodeId from_id, const Node& to)
      : a_(*std::get<ScanAttrs>(from.attrs).body), b_(*std::get<ScanAttrs>(to.attrs).body) {
    inputs(from, from_id, to);
    nodes();
  }

  // The value of the first body, if there is one.
  std::optional<Value> of(Value value) const {
    const auto found = same_.find(value);
    return found == same_.end() ? std::nullopt : std::optional(found->second);
  }

 private:
  void inputs(const Node& from, NodeId from_id, const Node& to) {
    const auto& a = std::get<ScanAttrs>(from.attrs);
    const auto& b = std::get<ScanAttrs>(to.attrs);
    const auto a_states = static_cast<size_t>(a.states), a_slices = a_states + static_cast<size_t>(a.steps);
    const auto b_states = static_cast<size_t>(b.states), b_slices = b_states + static_cast<size_t>(b.steps);
    for (size_t i = b_states; i < to.operands.size(); ++i) {
      const bool is_slice = i < b_slices;
      for (size_t j = 0; j < from.operands.size(); ++j) {
        const bool is_state = j < a_states;
        if ((is_state || j < a_slices) != is_slice) continue;
        const Value there =
            is_state ? Value{from_id, first_stacked(a) + static_cast<uint32_t>(j)} : from.operands[j];
        if (there != to.operands[i]) continue;
        same_[Value{b_.inputs[i], 0}] = Value{a_.inputs[j], 0};
        break;
      }
    }
  }

  void nodes() {
    std::unordered_multimap<size_t, NodeId> known;
    const auto key = [](const Node& node) { return hash_of(node.attrs) * 31 + static_cast<size_t>(node.op); };
    for (const NodeId id : node_ids(a_))
      if (a_.nodes[id].op != Op::input) known.emplace(key(a_.nodes[id]), id);
    for (const NodeId id : node_ids(b_)) {
      const Node& node = b_.nodes[id];
      if (node.op == Op::input) continue;
      std::vector<Value> operands;
      for (const Value& operand : node.operands)
        if (const auto there = of(operand)) operands.push_back(*there);
      if (operands.size() != node.operands.size()) continue;
      const auto [begin, end] = known.equal_range(key(node));
      for (auto it = begin; it != end; ++it) {
        const Node& other = a_.nodes[it->second];
        if (other.op != node.op || other.operands != operands || other.types != node.types ||
            !(other.attrs == node.attrs))
          continue;
        for (uint32_t r = 0; r < node.types.size(); ++r) same_[Value{id, r}] = Value{it->second, r};
        break;
      }
    }
  }

  const Graph& a_;
  const Graph& b_;
  std::map<Value, Value> same_;
};

// The values of the body that are computed by both, are costly, and are read by what only this body computes, directly or
// through what is cheap.
std::set<Value> worth_reading(const Graph& body, const Correspondence& same) {
  std::set<Value> found, seen;
  std::vector<Value> open;
  for (const Output& output : body.outputs) open.push_back(output.value);
  while (!open.empty()) {
    const Value value = open.back();
    open.pop_back();
    if (!seen.insert(value).second) continue;
    const Node& node = body.node(value);
    if (node.op == Op::input || node.op == Op::constant) continue;
    if (same.of(value) && is_costly(node)) {
      found.insert(value);
      continue;
    }
    for (const Value& operand : node.operands) open.push_back(operand);
  }
  return found;
}

// The earlier scan whose states before each step this one reads.
std::optional<NodeId> forward_of(const Graph& graph, const Node& node) {
  const auto& scan = std::get<ScanAttrs>(node.attrs);
  for (size_t i = 0; i < static_cast<size_t>(scan.steps); ++i) {
    const Value operand = node.operands[static_cast<size_t>(scan.states) + i];
    const auto* other = std::get_if<ScanAttrs>(&graph.node(operand).attrs);
    if (other == nullptr || other->length != scan.length) continue;
    if (operand.result >= first_stacked(*other) && operand.result < 2 * first_stacked(*other))
      return operand.node;
  }
  return std::nullopt;
}

}  // namespace

Graph share_scans(const Graph& graph) {
  Extras extras;
  std::map<NodeId, std::vector<Shared>> shared;
  for (const NodeId id : node_ids(graph)) {
    const Node& node = graph.nodes[id];
    if (!std::holds_alternative<ScanAttrs>(node.attrs)) continue;
    const std::optional<NodeId> from = forward_of(graph, node);
    if (!from) continue;
    const Correspondence same(graph.nodes[*from], *from, node);
    for (const Value& inside : worth_reading(*std::get<ScanAttrs>(node.attrs).body, same))
      shared[id].push_back({inside, *from, result_of(graph.nodes[*from], *same.of(inside), extras[*from])});
  }

  Rewriter rewriter(graph);
  std::map<NodeId, std::vector<Value>> made;  // all results, by scan
  for (const NodeId id : node_ids(graph)) {
    const Node& node = graph.nodes[id];
    if (node.op == Op::input) continue;
    if (!extras.contains(id) && !shared.contains(id)) {  // of a scan that is read, there are extras, if none
      rewriter.copy(id);
      continue;
    }
    const auto& scan = std::get<ScanAttrs>(node.attrs);
    std::vector<Value> outputs;
    for (const Output& output : scan.body->outputs) outputs.push_back(output.value);
    outputs.insert(outputs.end(), extras[id].begin(), extras[id].end());
    std::vector<Given> given;
    for (const Shared& s : shared[id]) given.push_back({s.inside, made.at(s.from)[s.result]});
    NewScan next = rebuilt(scan, rewriter.operands(id), outputs, given);
    rewriter.builder().set_spans(node.spans);
    made[id] = rewriter.builder().make_all(Op::scan, std::move(next.operands), std::move(next.attrs));
    rewriter.set(id, std::span(made[id]).first(node.types.size()));
  }
  return rewriter.finish();
}

}  // namespace nnc::passes
