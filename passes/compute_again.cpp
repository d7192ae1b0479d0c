// One walk over the nodes, which come in order: each is copied, and after it, where that is wanted, made a second time. What belongs
// to no group is inlined into its readers, so it is made for each way in which they read what is behind it.
#include "passes/compute_again.h"

#include <algorithm>
#include <map>
#include <utility>

#include "ir/graph/names.h"
#include "ir/kernel/element_expr.h"
#include "passes/rewrite.h"
#include "support/check.h"

namespace nnc::passes {
namespace {

bool is_wide_sum(const Graph& graph, NodeId id) {
  const Node& node = graph.nodes[id];
  const auto* rule = std::get_if<ReduceRule>(&op_def(node.op).lower);
  if (rule == nullptr) return false;
  std::vector<TensorType> types;
  for (const Value operand : node.operands) types.push_back(graph.type(operand));
  return rule->axes(node, types).size() > 1;
}

}  // namespace

Recomputable::Recomputable(const Graph& graph) : g_(graph), reads_(graph.nodes.size()) {
  for (const Output& output : g_.outputs) leaves_.insert(output.value);
  for (const NodeId id : node_ids(g_)) {
    const uint32_t group = g_.nodes[id].group;
    if (group == kNoGroup) continue;
    if (is_wide_sum(g_, id)) with_wide_sum_.insert(group);
    reads_[id.index] = reads_of(g_, id);
    for (const Read& read : reads_[id.index]) {
      const uint32_t from = g_.node(read.value).group;
      if (from != kNoGroup && from != group) readers_[read.value].insert(group);
    }
  }
}

const std::set<uint32_t>& Recomputable::readers(Value value) const {
  static const std::set<uint32_t> none;
  const auto found = readers_.find(value);
  return found == readers_.end() ? none : found->second;
}

bool Recomputable::can(const ComputedAgain& choice) const {
  if (leaves_.contains(choice.value)) return false;
  // A sum in its own group would read what is no longer stored.
  if (choice.readers.size() == readers(choice.value).size() &&
      with_wide_sum_.contains(g_.node(choice.value).group))
    return false;
  const std::vector<NodeId> nodes = nodes_of(choice.value, {choice.value});
  return std::ranges::none_of(nodes, [&](NodeId id) { return is_wide_sum(g_, id); });
}

std::vector<NodeId> Recomputable::nodes_of(Value value, const std::set<Value>& dropped, bool whole) const {
  const uint32_t group = g_.node(value).group;
  std::set<NodeId> nodes, seen{value.node};
  std::vector<NodeId> pending{value.node};
  while (!pending.empty()) {
    const NodeId at = pending.back();
    pending.pop_back();
    if (g_.nodes[at].group == group) nodes.insert(at);
    for (const Value operand : g_.nodes[at].operands) {
      const bool is_here = g_.node(operand).group == group;
      const bool is_kept = is_here && !whole && !dropped.contains(operand) &&
                           (readers_.contains(operand) || leaves_.contains(operand));
      if ((is_here || is_inlined(g_, operand)) && !is_kept && seen.insert(operand.node).second)
        pending.push_back(operand.node);
    }
  }
  return {nodes.begin(), nodes.end()};
}

class ComputingAgain {
 public:
  ComputingAgain(const Recomputable& known, std::span<const ComputedAgain> choices)
      : g_(known.g_), known_(known), builder_(result_.graph) {
    std::set<Value> dropped;
    for (const ComputedAgain& choice : choices) {
      NNC_CHECK(dropped.insert(choice.value).second, "a value is chosen twice");
      for (const uint32_t reader : choice.readers) late_[reader].insert(choice.value);
    }
    for (const NodeId id : node_ids(g_))
      if (g_.nodes[id].group != kNoGroup) next_group_ = std::max(next_group_, g_.nodes[id].group + 1);
    for (const Value value : dropped) {
      const uint32_t group = g_.node(value).group;
      if (numbers_.try_emplace(group, next_group_).second) ++next_group_;
      for (const NodeId id : known_.nodes_of(value, dropped))
        if (std::holds_alternative<ContractRule>(op_def(g_.nodes[id].op).lower)) whole_.insert(group);
    }
    for (const Value value : dropped)
      for (const NodeId id : known_.nodes_of(value, dropped, whole_.contains(g_.node(value).group)))
        twice_.insert(id);
    dropped_ = std::move(dropped);
  }

  WithComputedAgain run() {
    Graph& out = result_.graph;
    out.name = g_.name;
    out.batch = g_.batch;
    out.next_number = g_.next_number;
    for (const NodeId id : g_.inputs) {
      first_[id] = out.nodes.push_back(g_.nodes[id]);
      out.inputs.push_back(first_[id]);
      add_origin(id);
    }
    for (const NodeId id : node_ids(g_)) {
      if (g_.nodes[id].op == Op::input) continue;
      const uint32_t group = g_.nodes[id].group;
      first_[id] = make(id, group == kNoGroup ? Reader{} : Reader{group, false}, false);
      if (twice_.contains(id)) second_[id] = make(id, {group, true}, true);
    }
    for (Output output : g_.outputs) {
      output.value = {first_.at(output.value.node), output.value.result};
      for (std::optional<NodeId>* input : {&output.replaces, &output.of})
        if (*input) *input = first_.at(**input);
      out.outputs.push_back(std::move(output));
    }
    for (const ParameterGradient& gradient : g_.gradients)
      out.add_gradient(first_.at(gradient.of), {first_.at(gradient.value.node), gradient.value.result});
    drop_dead();
    return std::move(result_);
  }

 private:
  // A group that reads, or what is made of it the second time.
  struct Reader {
    uint32_t group = kNoGroup;
    bool again = false;
    auto operator<=>(const Reader&) const = default;
  };

  NodeId make(NodeId id, Reader reader, bool again) {
    std::vector<Value> operands;
    for (const Value operand : g_.nodes[id].operands) operands.push_back(seen_by(reader, operand));
    const NodeId made = copy(id, std::move(operands), again);
    for (Read read : known_.reads_[id.index]) {
      read.value = seen_by(reader, read.value);
      reads_.at(made.index).push_back(std::move(read));
    }
    return made;
  }

  // First values that nobody is left to read, and views of them.
  void drop_dead() {
    std::vector<NodeId> kept, now(from_.size());
    result_.graph = without_dead(std::move(result_.graph), &kept);
    for (uint32_t i = 0; i < kept.size(); ++i) now[kept[i].index] = NodeId{i};
    for (const NodeId id : kept) {
      result_.from.push_back(from_[id.index]);
      for (Read& read : reads_[id.index]) read.value.node = now[read.value.node.index];
      result_.reads.push_back(std::move(reads_[id.index]));
    }
  }

  NodeId copy(NodeId id, std::vector<Value> operands, bool again) {
    const NodeId made = builder_.copy(g_.nodes[id], std::move(operands)).front().node;
    if (again) {
      result_.graph.nodes[made].group = numbers_.at(g_.nodes[id].group);
      result_.graph.nodes[made].again = true;
    }
    add_origin(id);
    return made;
  }

  void add_origin(NodeId id) {
    from_.push_back(id);
    reads_.emplace_back();
  }

  // The value as the reader is to see it.
  Value seen_by(Reader reader, Value value) {
    const Node& node = g_.node(value);
    if (is_inlined(g_, value) && reader.group != kNoGroup) {
      const auto known = seen_.find({reader, value.node});
      if (known != seen_.end()) return {known->second, value.result};
      std::vector<Value> operands;
      for (const Value operand : node.operands) operands.push_back(seen_by(reader, operand));
      NodeId made = first_.at(value.node);
      if (result_.graph.nodes[made].operands != operands) {
        const auto [at, is_new] = inlined_.try_emplace({value.node, operands});
        if (is_new) at->second = copy(value.node, std::move(operands), false);
        made = at->second;
      }
      seen_[{reader, value.node}] = made;
      return {made, value.result};
    }
    return {is_second(reader, value) ? second_.at(value.node) : first_.at(value.node), value.result};
  }

  bool is_second(Reader reader, Value value) const {
    if (reader.group == kNoGroup) return false;
    if (reader.again)
      return dropped_.contains(value) ||
             (g_.node(value).group == reader.group && twice_.contains(value.node) &&
              (whole_.contains(reader.group) || !is_kept(value)));
    const auto late = late_.find(reader.group);
    return late != late_.end() && late->second.contains(value);
  }

  // Stored, and not to be computed again.
  bool is_kept(Value value) const {
    return !dropped_.contains(value) && (known_.readers_.contains(value) || known_.leaves_.contains(value));
  }

  const Graph& g_;
  const Recomputable& known_;
  WithComputedAgain result_;
  Builder builder_;
  std::set<Value> dropped_;
  std::map<uint32_t, std::set<Value>> late_;  // by reading group
  std::map<uint32_t, uint32_t> numbers_;      // of the second groups, by the first
  uint32_t next_group_ = 0;
  std::set<uint32_t>
      whole_;  // groups whose contraction is computed again, and all that is made of it then: the rest of such a
               // group has to be made of it place by place
  std::set<NodeId> twice_;
  std::map<NodeId, NodeId> first_, second_;                          // in the new graph
  std::map<std::pair<NodeId, std::vector<Value>>, NodeId> inlined_;  // by operands
  std::map<std::pair<Reader, NodeId>, NodeId> seen_;                 // those that are inlined
  // By node of the new graph.
  std::vector<NodeId> from_;
  std::vector<std::vector<Read>> reads_;
};

WithComputedAgain compute_again(const Recomputable& graph, std::span<const ComputedAgain> choices) {
  const WorkingOn work = working_on("compute_again", graph.graph());
  WithComputedAgain result = ComputingAgain(graph, choices).run();
  settle_names(result.graph);
  result.graph = verified("compute_again", std::move(result.graph));
  return result;
}

}  // namespace nnc::passes
