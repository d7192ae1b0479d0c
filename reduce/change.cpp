// See change.h.
#include "reduce/change.h"

#include <fmt/format.h>

#include "ir/graph/builder.h"
#include "ir/graph/names.h"
#include "ir/graph/verify.h"

namespace nnc::reduce {
namespace {

// Of an extent anywhere in a graph, what it becomes.
int64_t resized(int64_t extent, const Change& change) {
  if (const auto found = change.size.find(extent); found != change.size.end()) return found->second;
  if (!change.scales) return extent;
  for (const auto& [from, to] : change.size)
    if (from > 1 && extent > from && extent % from == 0) return extent / from * to;
  return extent;
}

struct Resize {
  const Change& change;
  void operator()(std::string_view, std::vector<int64_t>& field) const {
    for (int64_t& extent : field) extent = resized(extent, change);
  }
  void operator()(std::string_view name, int64_t& field) const {
    // These count or number something else.
    if (name != "axis" && name != "states" && name != "steps") field = resized(field, change);
  }
  void operator()(std::string_view, std::shared_ptr<const Graph>& body) const {
    if (change.size.empty()) return;
    Change sizes;
    sizes.size = change.size;
    sizes.scales = change.scales;
    sizes.keeps_signature = true;
    if (auto own = changed(*body, sizes)) body = std::make_shared<const Graph>(std::move(*own));
  }
  void operator()(std::string_view, auto&) const {}
};

class Copier {
 public:
  Copier(const Graph& from, const Change& change) : from_(from), change_(change), builder_(to_) {
    to_.name = from.name;
    to_.batch = resized(from.batch, change);
    to_.next_number = from.next_number;
  }

  std::optional<Graph> run() {
    mark_needed();
    for (const NodeId input : from_.inputs)  // in the order of the signature
      if (needed_[input.index]) copy(input);
    for (uint32_t i = 0; i < from_.nodes.size(); ++i)
      if (needed_[i] && from_.nodes[NodeId{i}].op != Op::input && !copy(NodeId{i})) return std::nullopt;
    for (Output output : from_.outputs) {
      const std::optional<Value> value = mapped(output.value);
      if (!value) return std::nullopt;
      output.value = *value;
      for (std::optional<NodeId>* input : {&output.replaces, &output.of})
        if (*input) *input = values_.at({**input, 0}).node;
      to_.outputs.push_back(std::move(output));
    }
    for (const ParameterGradient& gradient : from_.gradients) {
      const auto of = values_.find({gradient.of, 0}), value = values_.find(gradient.value);
      if (of != values_.end() && value != values_.end()) to_.add_gradient(of->second.node, value->second);
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
      for (const std::optional<NodeId>& input : {output.replaces, output.of})
        if (input) needed_[input->index] = true;
    }
    if (change_.keeps_signature)
      for (const NodeId input : from_.inputs) needed_[input.index] = true;
    for (uint32_t i = static_cast<uint32_t>(from_.nodes.size()); i-- > 0;)
      if (needed_[i] && !change_.fresh.count(NodeId{i}) && !change_.filled.count(NodeId{i}))
        for (const Value& operand : from_.nodes[NodeId{i}].operands)
          needed_[resolved(operand).node.index] = true;
  }

  TensorType resized_type(TensorType type) const {
    Resize{change_}("shape", type.shape);
    return type;
  }

  // What the value is called, or a name that is no other input's.
  std::string fresh_name(Value value) {
    std::string name = ValueNames::plain(from_, value);
    while (name.empty() || from_.find_input(name).valid()) name = fmt::format("in{}", ++fresh_);
    return name;
  }

  // A data column where it may be one: each has the batch as its first axis.
  Role fresh_role(const TensorType& type) const {
    if (type.shape.empty() && (type.dtype == DType::f64 || type.dtype == DType::i64)) return Role::scalar;
    const bool is_batched = to_.batch == 0 || (!type.shape.empty() && type.shape[0] == to_.batch);
    return is_batched ? Role::input : Role::param;
  }

  bool copy(NodeId id) {
    const Node& node = from_.nodes[id];
    Attrs attrs = node.attrs;
    std::visit([&](auto& own) { std::decay_t<decltype(own)>::fields(own, Resize{change_}); }, attrs);
    if (node.op == Op::input) {
      values_[{id, 0}] = builder_.input(std::get<InputAttrs>(attrs), resized_type(node.types[0]));
    } else if (change_.fresh.count(id) || change_.filled.count(id)) {
      for (uint32_t r = 0; r < node.types.size(); ++r) {
        const TensorType type = resized_type(node.types[r]);
        values_[{id, r}] = change_.filled.count(id) ? builder_.constant(type, {1})
                                                    : builder_.input(fresh_name({id, r}), fresh_role(type), type);
      }
      return true;
    } else if (node.op == Op::constant) {
      const TensorType type = resized_type(node.types[0]);
      std::vector<double> numbers = std::get<ConstantAttrs>(node.attrs).values;
      if (numbers.size() > 1) numbers.resize(static_cast<size_t>(type.elements()), 1);
      values_[{id, 0}] = builder_.constant(type, std::move(numbers));
    } else if (!copy_computed(id, std::move(attrs))) {
      return false;
    }
    Node& made = to_.nodes[values_.at({id, 0}).node];
    made.layouts = node.layouts;
    made.group = node.group;
    made.again = node.again;
    made.spans = node.spans;
    made.number = node.number;
    made.names = node.names;
    return true;
  }

  bool copy_computed(NodeId id, Attrs attrs) {
    const Node& node = from_.nodes[id];
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

  const Graph& from_;
  const Change& change_;
  Graph to_;
  Builder builder_;
  std::vector<bool> needed_;
  std::map<Value, Value> values_;
  int fresh_ = 0;
};

}  // namespace

std::optional<Graph> changed(const Graph& graph, const Change& change) {
  return Copier(graph, change).run();
}

}  // namespace nnc::reduce
