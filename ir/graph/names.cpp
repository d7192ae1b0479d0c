// See names.h.
#include "ir/graph/names.h"

#include <algorithm>
#include <charconv>
#include <unordered_set>

#include <fmt/format.h>

#include "ir/graph/text.h"

namespace nnc {
namespace {

const std::string& name_of(const Node& node, size_t result) {
  static const std::string kNone;
  return node.names.empty() ? kNone : node.names[result];
}

// Whether no result is called by the node's number.
bool is_named(const Node& node) {
  return !node.names.empty() && std::ranges::none_of(node.names, &std::string::empty);
}

// Of the graph and the bodies within it.
uint32_t first_free_number(const Graph& graph) {
  uint32_t next = graph.next_number;
  for (const Node& node : graph.nodes) {
    if (node.number != kNoNumber) next = std::max(next, node.number + 1);
    if (const auto* scan = std::get_if<ScanAttrs>(&node.attrs); scan != nullptr && scan->body != nullptr)
      next = std::max(next, first_free_number(*scan->body));
  }
  return next;
}

class Settler {
 public:
  explicit Settler(const Graph& graph) : next_(first_free_number(graph)), used_(next_, false) {}

  // Two walks: what has a number keeps it, whatever comes before.
  void run(Graph& graph) {
    keep(graph);
    finish(graph);
  }

 private:
  template <class Walk>
  void into_bodies(Graph& graph, Walk walk) {
    for (Node& node : graph.nodes)
      if (auto* scan = std::get_if<ScanAttrs>(&node.attrs); scan != nullptr && scan->body != nullptr) {
        Graph body = *scan->body;
        walk(body);
        scan->body = std::make_shared<const Graph>(std::move(body));
      }
  }

  void keep(Graph& graph) {
    for (Node& node : graph.nodes) {
      if (node.op == Op::input || node.number == kNoNumber) continue;
      if (used_[node.number])
        node.number = kNoNumber;
      else
        used_[node.number] = true;
    }
    into_bodies(graph, [&](Graph& body) { keep(body); });
  }

  void finish(Graph& graph) {
    std::unordered_set<std::string> names;
    for (Node& node : graph.nodes) {
      if (node.op == Op::input) continue;
      if (node.number == kNoNumber && !is_named(node)) node.number = next_++;
      for (std::string& name : node.names) {
        if (name.empty()) continue;
        name = unused_name(name, [&](const std::string& n) { return !names.contains(n); });
        names.insert(name);
      }
    }
    into_bodies(graph, [&](Graph& body) { finish(body); });
    graph.next_number = next_;
  }

  uint32_t next_;
  std::vector<bool> used_;
};

}  // namespace

ValueNames::ValueNames(const Graph& graph) : graph_(graph) {
  uint32_t next = first_free_number(graph);
  numbers_.reserve(graph.nodes.size());
  for (const Node& node : graph.nodes)
    numbers_.push_back(node.op == Op::input || is_named(node) ? 0
                       : node.number != kNoNumber             ? node.number
                                                              : next++);
}

std::string ValueNames::of(NodeId node) const {
  if (!graph_.nodes.contains(node)) return "a node that does not exist";
  const Node& n = graph_.nodes[node];
  for (uint32_t i = 0; i < n.names.size(); ++i)
    if (!n.names[i].empty()) return of(Value{node, i});
  return n.op == Op::input ? of(Value{node, 0}) : fmt::format("%{}", numbers_[node.index]);
}

std::string ValueNames::of(Value value) const {
  if (!graph_.nodes.contains(value.node)) return "a node that does not exist";
  const Node& n = graph_.nodes[value.node];
  if (const auto* input = std::get_if<InputAttrs>(&n.attrs); input != nullptr && n.op == Op::input)
    return name_text(input->name);
  if (value.result < n.names.size() && !n.names[value.result].empty())
    return "%" + name_text(n.names[value.result]);
  const std::string number = fmt::format("%{}", numbers_[value.node.index]);
  return n.types.size() == 1 && value.result == 0 ? number : fmt::format("{}.{}", number, value.result);
}

const std::string& ValueNames::plain(const Graph& graph, Value value) {
  const Node& node = graph.node(value);
  return node.op == Op::input ? std::get<InputAttrs>(node.attrs).name : name_of(node, value.result);
}

std::optional<uint32_t> number_in(std::string_view text, size_t result, size_t results) {
  const std::string part = results == 1 ? "" : fmt::format(".{}", result);
  if (!text.ends_with(part)) return std::nullopt;
  text.remove_suffix(part.size());
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_whole = error == std::errc() && end == text.data() + text.size() && number < kNoNumber - 1;
  return is_whole ? std::optional(number) : std::nullopt;
}

void name_value(Graph& graph, Value value, std::string_view name) {
  Node& node = graph.nodes[value.node];
  const bool is_number = !name.empty() && name[0] >= '0' && name[0] <= '9';
  if (node.op == Op::input || name.empty() || is_number || !name_of(node, value.result).empty()) return;
  node.names.resize(node.types.size());
  node.names[value.result] = name;
}

void settle_names(Graph& graph) {
  Settler(graph).run(graph);
}

std::string derivative_name(std::string_view name) {
  return fmt::format("d.{}", name);
}

}  // namespace nnc
