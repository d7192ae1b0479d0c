// One change at a time, kept where the program still fails: fewer steps, an output less, an operand or a fresh input
// in place of a node, a smaller size everywhere.
#include "shrink.h"

#include <algorithm>
#include <map>
#include <set>

#include "ir/graph/builder.h"
#include "ir/graph/verify.h"

namespace nnc::random {
namespace {

// How a graph is copied.
struct Change {
  std::map<Value, Value> instead;   // another value of the same graph
  std::set<NodeId> fresh;           // nodes whose results become inputs
  std::map<int64_t, int64_t> size;  // extents
};

struct Resize {
  const std::map<int64_t, int64_t>& size;
  void operator()(std::string_view, std::vector<int64_t>& field) const {
    for (int64_t& extent : field) replace(extent);
  }
  void operator()(std::string_view name, int64_t& field) const {
    if (name != "axis") replace(field);
  }
  void operator()(std::string_view, auto&) const {}
  void replace(int64_t& extent) const {
    if (const auto found = size.find(extent); found != size.end()) extent = found->second;
  }
};

class Copier {
 public:
  Copier(const Graph& from, const Change& change) : from_(from), change_(change), builder_(to_) {
    to_.name = from.name;
  }

  // Absent where the changed graph makes no sense.
  std::optional<Graph> run() {
    mark_needed();
    for (uint32_t i = 0; i < from_.nodes.size(); ++i)
      if (needed_[i] && !copy(NodeId{i})) return std::nullopt;
    for (const Output& output : from_.outputs) {
      const std::optional<Value> value = mapped(output.value);
      if (!value) return std::nullopt;
      std::optional<NodeId> replaces;
      if (output.replaces) replaces = values_[Value{*output.replaces, 0}].node;
      builder_.output(output.name, *value, replaces);
    }
    if (!verify(to_).empty()) return std::nullopt;
    return std::move(to_);
  }

 private:
  Value resolved(Value value) const {
    const auto found = change_.instead.find(value);
    return found == change_.instead.end() ? value : found->second;
  }
  std::optional<Value> mapped(Value value) const {
    const auto found = values_.find(resolved(value));
    if (found == values_.end()) return std::nullopt;
    return found->second;
  }

  void mark_needed() {
    needed_.assign(from_.nodes.size(), false);
    for (const Output& output : from_.outputs) {
      needed_[resolved(output.value).node.index] = true;
      if (output.replaces) needed_[output.replaces->index] = true;
    }
    for (uint32_t i = static_cast<uint32_t>(from_.nodes.size()); i-- > 0;)
      if (needed_[i] && !change_.fresh.count(NodeId{i}))
        for (const Value& operand : from_.nodes[NodeId{i}].operands)
          needed_[resolved(operand).node.index] = true;
  }

  TensorType resized(TensorType type) const {
    Resize{change_.size}("shape", type.shape);
    return type;
  }

  bool copy(NodeId id) {
    const Node& node = from_.nodes[id];
    Attrs attrs = node.attrs;
    std::visit([&](auto& own) { std::decay_t<decltype(own)>::fields(own, Resize{change_.size}); }, attrs);
    if (node.op == Op::input) {
      const auto& own = std::get<InputAttrs>(attrs);
      values_[{id, 0}] = builder_.input(own, resized(node.types[0]));
      return true;
    }
    if (change_.fresh.count(id)) {
      for (uint32_t r = 0; r < node.types.size(); ++r)
        values_[{id, r}] = builder_.input(
            "in" + std::to_string(id.index) + "." + std::to_string(r),
            node.types[r].shape.empty() && !is_plain(node.types[r].dtype) ? Role::scalar : Role::input,
            resized(node.types[r]));
      return true;
    }
    if (node.op == Op::constant) {
      const TensorType type = resized(node.types[0]);
      std::vector<double> numbers = std::get<ConstantAttrs>(node.attrs).values;
      if (numbers.size() > 1) numbers.resize(static_cast<size_t>(type.elements()), 1);
      values_[{id, 0}] = builder_.constant(type, std::move(numbers));
      return true;
    }
    std::vector<Value> operands;
    std::vector<TensorType> types;
    for (const Value& operand : node.operands) {
      const std::optional<Value> own = mapped(operand);
      if (!own) return false;
      operands.push_back(*own);
      types.push_back(to_.type(*own));
    }
    if (!infer_types(node.op, types, attrs).error.empty()) return false;
    const std::vector<Value> made = builder_.make_all(node.op, std::move(operands), std::move(attrs));
    for (uint32_t r = 0; r < made.size(); ++r) values_[{id, r}] = made[r];
    return true;
  }
  static bool is_plain(DType dtype) { return dtype != DType::f64 && dtype != DType::i64; }

  const Graph& from_;
  const Change& change_;
  Graph to_;
  Builder builder_;
  std::vector<bool> needed_;
  std::map<Value, Value> values_;
};

class Shrinker {
 public:
  Shrinker(Program program, const std::function<bool(const Program&)>& fails, int most)
      : program_(std::move(program)), fails_(fails), left_(most) {}

  Program run() {
    try_graph(Copier(program_.graph, {}).run());
    for (bool is_smaller = true; is_smaller && left_ > 0;) {
      is_smaller = fewer_steps();
      is_smaller |= fewer_outputs();
      is_smaller |= fewer_nodes();
      is_smaller |= smaller_sizes();
    }
    return std::move(program_);
  }

 private:
  bool try_program(Program candidate) {
    if (left_-- <= 0 || candidate.graph.outputs.empty() || !fails_(candidate)) return false;
    program_ = std::move(candidate);
    return true;
  }
  bool try_graph(std::optional<Graph> graph) {
    return graph && try_program({std::move(*graph), program_.seed, program_.steps});
  }
  bool try_change(const Change& change) { return try_graph(Copier(program_.graph, change).run()); }

  bool fewer_steps() {
    if (program_.steps == 1) return false;
    return try_program({program_.graph, program_.seed, 1}) ||
           try_program({program_.graph, program_.seed, program_.steps - 1});
  }

  bool fewer_outputs() {
    bool any = false;
    for (size_t i = program_.graph.outputs.size(); i-- > 0;) {
      if (i >= program_.graph.outputs.size()) continue;
      Graph graph = program_.graph;
      graph.outputs.erase(graph.outputs.begin() + static_cast<ptrdiff_t>(i));
      any |= try_graph(Copier(graph, {}).run());
    }
    return any;
  }

  // From the last to the first: an output that comes from an earlier value needs less.
  bool fewer_nodes() {
    bool any = false;
    for (uint32_t i = static_cast<uint32_t>(program_.graph.nodes.size()); i-- > 0;) {
      if (i >= program_.graph.nodes.size()) continue;
      const Node node = program_.graph.nodes[NodeId{i}];
      if (node.op == Op::input) continue;
      bool done = false;
      for (size_t k = 0; k < node.operands.size() && !done && node.types.size() == 1; ++k) {
        if (program_.graph.type(node.operands[k]) != node.types[0]) continue;
        Change change;
        change.instead[{NodeId{i}, 0}] = node.operands[k];
        done = try_change(change);
      }
      Change change;
      change.fresh.insert(NodeId{i});
      if (!done && !node.operands.empty()) done = try_change(change);
      any |= done;
    }
    return any;
  }

  bool smaller_sizes() {
    std::set<int64_t, std::greater<>> extents;
    for (const Node& node : program_.graph.nodes)
      for (const TensorType& type : node.types) extents.insert(type.shape.begin(), type.shape.end());
    bool any = false;
    for (const int64_t extent : extents)
      for (const int64_t smaller : {int64_t{1}, int64_t{2}, int64_t{3}, extent / 2, extent - 1}) {
        if (smaller < 1 || smaller >= extent) continue;
        Change change;
        change.size[extent] = smaller;
        if (try_change(change)) {
          any = true;
          break;
        }
      }
    return any;
  }

  Program program_;
  const std::function<bool(const Program&)>& fails_;
  int left_;
};

}  // namespace

Program shrink(Program program, const std::function<bool(const Program&)>& fails, int most) {
  return Shrinker(std::move(program), fails, most).run();
}

}  // namespace nnc::random
