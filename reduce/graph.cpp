// See graph.h. One change at a time, the greatest first, kept where the graph still fails.
#include "reduce/graph.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "ir/graph/verify.h"
#include "reduce/change.h"

namespace nnc::reduce {
namespace {

class Reducer {
 public:
  Reducer(Graph graph, const std::function<bool(const Graph&)>& fails, Search& search)
      : graph_(std::move(graph)), fails_(fails), search_(search) {}

  Graph run() {
    attempt({});
    plainer();
    for (bool is_smaller = true; is_smaller && !search_.is_over();) {
      is_smaller = fewer_outputs();
      is_smaller |= earlier_outputs();
      is_smaller |= fewer_nodes();
      is_smaller |= simpler_bodies();
      is_smaller |= smaller_sizes();
      is_smaller |= plainer();
    }
    return std::move(graph_);
  }

 private:
  uint32_t node_count() const { return static_cast<uint32_t>(graph_.nodes.size()); }

  bool attempt_graph(std::optional<Graph> graph) {
    if (!graph || graph->outputs.empty() || !search_.keeps(*graph, fails_)) return false;
    graph_ = std::move(*graph);
    return true;
  }
  bool attempt(const Change& change) { return attempt_graph(changed(graph_, change)); }

  // Half of the outputs less, a quarter, … one.
  bool fewer_outputs() {
    bool any = false;
    for (size_t count = graph_.outputs.size() / 2; count > 0; count /= 2)
      for (size_t end = graph_.outputs.size(); end > 0;) {
        const size_t begin = end - std::min(count, end);
        Graph fewer = graph_;
        const auto at = [&](size_t i) { return fewer.outputs.begin() + static_cast<ptrdiff_t>(i); };
        fewer.outputs.erase(at(begin), at(end));
        any |= attempt_graph(changed(fewer, {}));
        end = std::min(begin, graph_.outputs.size());
      }
    return any;
  }

  // What comes early needs little. First the values halfway to the start, then those that an output is computed from.
  bool earlier_outputs() {
    bool any = false;
    for (size_t i = 0; i < graph_.outputs.size(); ++i)
      while (earlier_output(i)) any = true;
    return any;
  }
  bool earlier_output(size_t number) {
    if (number >= graph_.outputs.size()) return false;
    const Value from = graph_.outputs[number].value;
    std::vector<Value> earlier;
    for (uint32_t away = from.node.index / 2; away > 1; away /= 2) earlier.push_back({NodeId{from.node.index - away}, 0});
    const std::vector<Value>& operands = graph_.node(from).operands;
    earlier.insert(earlier.end(), operands.begin(), operands.end());
    return std::ranges::any_of(earlier, [&](const Value& value) {
      if (graph_.node(value).operands.empty()) return false;
      Graph other = graph_;
      Output& output = other.outputs[number];
      output = {output.name, value};
      return attempt_graph(changed(other, {}));
    });
  }

  // Inputs in the place of half of the nodes, a quarter, …; then of single ones, or an operand. From the last to the first: what
  // comes before is needed no more.
  bool fewer_nodes() {
    bool any = false;
    for (uint32_t count = node_count() / 2; count > 1; count /= 2)
      for (uint32_t end = node_count(); end > 0;) {
        const uint32_t begin = end - std::min(count, end);
        Change change;
        for (uint32_t i = begin; i < end; ++i)
          if (is_computed(NodeId{i})) change.fresh.insert(NodeId{i});
        any |= change.fresh.size() > 1 && attempt(change);
        end = std::min(begin, node_count());
      }
    for (uint32_t i = node_count(); i-- > 0;)
      if (i < node_count() && is_computed(NodeId{i})) any |= without_node(NodeId{i});
    return any;
  }
  bool is_computed(NodeId id) const { return !graph_.nodes[id].operands.empty(); }

  bool without_node(NodeId id) {
    const Node node = graph_.nodes[id];
    for (const Value& operand : node.operands)
      if (bypass(graph_, id, operand)) {
        Change change;
        change.instead[{id, 0}] = operand;
        if (attempt(change)) return true;
      }
    Change change;
    change.fresh.insert(id);
    return attempt(change);
  }
  static bool bypass(const Graph& graph, NodeId id, Value operand) {
    return graph.nodes[id].types.size() == 1 && graph.type(operand) == graph.nodes[id].types[0];
  }

  // The same in the bodies of scans, whose signatures stay: numbers in the place of inputs.
  bool simpler_bodies() {
    bool any = false;
    for (uint32_t i = 0; i < node_count(); ++i) {
      const auto* scan = std::get_if<ScanAttrs>(&graph_.nodes[NodeId{i}].attrs);
      if (scan == nullptr) continue;
      const std::shared_ptr<const Graph> body = scan->body;
      for (uint32_t k = static_cast<uint32_t>(body->nodes.size()); k-- > 0;) any |= without_body_node(NodeId{i}, NodeId{k});
    }
    return any;
  }
  bool without_body_node(NodeId scan, NodeId id) {
    if (scan.index >= node_count()) return false;
    const auto* attrs = std::get_if<ScanAttrs>(&graph_.nodes[scan].attrs);
    if (attrs == nullptr || id.index >= attrs->body->nodes.size()) return false;
    const Graph body = *attrs->body;
    if (body.nodes[id].operands.empty()) return false;
    const auto attempt_body = [&](Change change) {
      change.keeps_signature = true;
      std::optional<Graph> simpler = changed(body, change);
      if (!simpler) return false;
      Graph other = graph_;
      std::get<ScanAttrs>(other.nodes[scan].attrs).body = std::make_shared<const Graph>(std::move(*simpler));
      return attempt_graph(changed(other, {}));
    };
    for (const Value& operand : body.nodes[id].operands)
      if (bypass(body, id, operand)) {
        Change change;
        change.instead[{id, 0}] = operand;
        if (attempt_body(change)) return true;
      }
    Change change;
    change.filled.insert(id);
    return attempt_body(change);
  }

  bool smaller_sizes() {
    std::set<int64_t, std::greater<>> extents;
    for (const Node& node : graph_.nodes)
      for (const TensorType& type : node.types) extents.insert(type.shape.begin(), type.shape.end());
    bool any = false;
    for (const int64_t extent : extents) any |= smaller_size(extent);
    return any;
  }
  bool smaller_size(int64_t extent) {
    std::set<int64_t> smaller = {1, 2, 3, extent - 1};
    for (int64_t less = extent / 2; less > 0; less /= 2) smaller.insert(extent - less);
    for (const int64_t size : smaller) {
      if (size < 1 || size >= extent) continue;
      for (const bool scales : {false, true}) {
        Change change;
        change.size[extent] = size;
        change.scales = scales;
        if (attempt(change)) return true;
      }
    }
    return false;
  }

  // What is written beside values: all of it, or kind by kind.
  bool plainer() {
    using Plain = void (*)(Graph&);
    static constexpr Plain kKinds[] = {
        [](Graph& graph) { graph.batch = 0; },
        [](Graph& graph) { graph.gradients.clear(); },
        [](Graph& graph) {
          for (Output& output : graph.outputs) output = {output.name, output.value};
        },
        [](Graph& graph) {
          for (const NodeId id : graph.inputs) {
            auto& attrs = std::get<InputAttrs>(graph.nodes[id].attrs);
            const Role role = attrs.role == Role::scalar ? Role::scalar : Role::input;
            attrs = {std::move(attrs.name), role};
          }
        },
        [](Graph& graph) {
          for (Node& node : graph.nodes) node.layouts.clear();
        },
        [](Graph& graph) {
          for (Node& node : graph.nodes) node.group = kNoGroup;
        },
        [](Graph& graph) {
          for (Node& node : graph.nodes) node.again = false;
        }};
    const std::string text = print(graph_);
    const auto attempt_plain = [&](std::span<const Plain> kinds) {
      Graph plain = graph_;
      for (const Plain& kind : kinds) kind(plain);
      return print(plain) != print(graph_) && verify(plain).empty() && attempt_graph(std::move(plain));
    };
    bool any = attempt_plain(kKinds);
    for (const Plain& kind : kKinds) any |= attempt_plain({&kind, 1});
    return any;
  }

  Graph graph_;
  const std::function<bool(const Graph&)>& fails_;
  Search& search_;
};

}  // namespace

Graph reduce_graph(Graph graph, const std::function<bool(const Graph&)>& fails, Search& search) {
  return Reducer(std::move(graph), fails, search).run();
}

}  // namespace nnc::reduce
