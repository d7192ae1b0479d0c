// Ops as their rows in the table have them: a sample says what kinds of operands and attributes an op takes, and its
// sizes are replaced by those of values that are there. A new op joins with its row.
#include "generate.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "growth.h"

namespace nnc::random {
namespace {

// What each size of a sample stands for.
using Sizes = std::map<int64_t, int64_t>;

Shape replaced(const Shape& shape, const Sizes& sizes) {
  Shape result;
  for (const int64_t extent : shape) {
    const auto found = sizes.find(extent);
    result.push_back(found == sizes.end() ? extent : found->second);
  }
  return result;
}

// Whether the sample's shape becomes the other with these sizes, of which more are settled.
bool settle(const Shape& sample, const Shape& shape, Sizes& sizes) {
  if (sample.size() != shape.size()) return false;
  for (size_t i = 0; i < sample.size(); ++i)
    if (sizes.try_emplace(sample[i], shape[i]).first->second != shape[i]) return false;
  return true;
}

// Calls f with each field of the attributes.
template <class F>
void each_field(Attrs& attrs, F f) {
  std::visit([&](auto& own) { std::decay_t<decltype(own)>::fields(own, f); }, attrs);
}

struct Overloaded {
  const Sizes& sizes;
  void operator()(std::string_view, std::vector<int64_t>& field) const { field = replaced(field, sizes); }
  void operator()(std::string_view, int64_t& field) const {
    if (const auto found = sizes.find(field); found != sizes.end()) field = found->second;
  }
  void operator()(std::string_view, auto&) const {}
};

// The sizes that only attributes name, and so are free.
struct FreeSizes {
  Sizes& sizes;
  Growth& growth;
  void operator()(std::string_view name, std::vector<int64_t>& field) const {
    if (name != "shape") return;
    int64_t others = 1;
    for (const int64_t extent : field) others *= sizes.try_emplace(extent, growth.size(others)).first->second;
  }
  void operator()(std::string_view name, int64_t& field) const {
    if (name == "classes") sizes.try_emplace(field, growth.size(16));
  }
  void operator()(std::string_view, auto&) const {}
};

// Other attributes of the same kind; the shape rule says whether they make sense.
struct Vary {
  Draw& draw;
  size_t rank;
  void operator()(std::string_view, bool& field) const { field ^= draw.chance(0.5); }
  void operator()(std::string_view, double& field) const { field = std::fabs(field) * draw.unit(); }
  void operator()(std::string_view, std::string& field) const {
    field += static_cast<char>('a' + draw.below(4));
  }
  void operator()(std::string_view, int64_t& field) const {
    field = draw.chance(0.5) ? static_cast<int64_t>(draw.below(rank + 1)) : field + 1;
  }
  void operator()(std::string_view, Activation& field) const {
    field = draw.one_of({Activation::none, Activation::relu, Activation::tanh, Activation::sigmoid});
  }
  void operator()(std::string_view, Distribution& field) const {
    field = draw.one_of({Distribution::uniform, Distribution::normal, Distribution::bernoulli});
  }
  void operator()(std::string_view, DType& field) const {
    field = draw.one_of({DType::f32, DType::i32, DType::boolean, DType::i64, DType::f64});
  }
  void operator()(std::string_view, std::vector<int64_t>& field) const {
    if (draw.chance(0.4)) {
      draw.shuffle(field);
    } else if (draw.chance(0.6)) {
      field.clear();
      for (size_t axis = 0; axis < rank; ++axis)
        if (draw.chance(0.5)) field.push_back(static_cast<int64_t>(axis));
    } else if (!field.empty()) {
      field[draw.below(field.size())] += draw.one_of({-1, 1, 2});
    }
  }
  void operator()(std::string_view, auto&) const {}
};

// Operand types and attributes that the op takes, one operand being a value that is there.
struct Fitting {
  std::vector<TensorType> types;
  Attrs attrs;
  std::optional<size_t> given;  // the operand that `value` is
  Value value;
};

std::optional<Fitting> fitted(Growth& growth, const OpDef& def, const Sample& sample) {
  Draw& draw = growth.draw;
  Fitting fitting{sample.operands, sample.attrs, std::nullopt, {}};
  Sizes sizes;
  if (!sample.operands.empty()) {
    const size_t which = draw.below(sample.operands.size());
    const TensorType& type = sample.operands[which];
    const bool any_rank = def.has(kElementwise) && type.dtype != DType::f64 && type.dtype != DType::i64;
    const std::optional<Value> value = growth.some(type.dtype, any_rank ? -1 : type.rank());
    if (value) {
      const Shape shape = growth.graph.type(*value).shape;
      fitting.given = which;
      fitting.value = *value;
      if (any_rank)
        for (TensorType& own : fitting.types) own.shape = shape;
      else if (!settle(type.shape, shape, sizes))
        return std::nullopt;
      if (any_rank) return fitting;
    }
  }
  for (const TensorType& type : sample.operands)
    for (const int64_t extent : type.shape) sizes.try_emplace(extent, growth.size(16));
  each_field(fitting.attrs, FreeSizes{sizes, growth});
  for (TensorType& type : fitting.types) type.shape = replaced(type.shape, sizes);
  each_field(fitting.attrs, Overloaded{sizes});
  return fitting;
}

bool add_op(Growth& growth, Op op) {
  const OpDef& def = op_def(op);
  Draw& draw = growth.draw;
  const Sample& sample = def.samples[draw.below(def.samples.size())];
  std::optional<Fitting> fitting = fitted(growth, def, sample);
  if (!fitting) return false;
  if (draw.chance(0.4)) {
    Attrs varied = fitting->attrs;
    each_field(varied, Vary{draw, fitting->types.empty() ? 2 : fitting->types[0].shape.size()});
    if (infer_types(op, fitting->types, varied).error.empty()) fitting->attrs = varied;
  }
  if (!infer_types(op, fitting->types, fitting->attrs).error.empty()) return false;
  for (const TensorType& type : fitting->types)
    if (!growth.is_small(type)) return false;
  // The samples' domain matters where it is no ordinary interval around 0.
  const bool is_bounded = sample.low >= 0 || sample.high <= 1;
  std::vector<Value> operands;
  for (size_t i = 0; i < fitting->types.size(); ++i) {
    Value value = fitting->given == i ? fitting->value : growth.want(fitting->types[i]);
    if (draw.chance(0.95) || fitting->types[i].dtype == DType::i64)
      value = is_bounded ? growth.within(value, sample.low, sample.high) : growth.within(value, -50, 50);
    operands.push_back(value);
  }
  return growth.apply(op, std::move(operands), fitting->attrs).has_value();
}

bool can_stand_in_a_graph(const OpDef& def) {
  return !def.has(kInternal) && !def.has(kTyped) && !def.samples.empty() &&
         !std::holds_alternative<RewrittenRule>(def.lower);
}

// Ops by how they lower, since functions of one number are many and products few.
std::vector<std::vector<Op>> kinds_of_ops() {
  std::vector<std::vector<Op>> kinds(6);
  for (const OpDef* def : all_ops()) {
    if (!can_stand_in_a_graph(*def)) continue;
    const size_t kind = std::holds_alternative<ContractRule>(def->lower) ? 0
                        : std::holds_alternative<ReduceRule>(def->lower) ? 1
                        : std::holds_alternative<ExpandRule>(def->lower) ? 2
                        : !def->has(kElementwise)                        ? 3
                        : def->max_operands > 1                          ? 4
                                                                         : 5;
    kinds[kind].push_back(*find_op(def->name));
  }
  return kinds;
}

Op choose(Draw& draw) {
  static const std::vector<std::vector<Op>> kKinds = kinds_of_ops();
  return draw.one_of(kKinds[draw.one_of<size_t>({0, 0, 0, 1, 1, 2, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4, 5, 5})]);
}

// The params and states that a number may depend on smoothly.
std::vector<Value> leaves_behind(const Growth& growth, Value scalar) {
  const Graph& graph = growth.graph;
  std::set<NodeId> needed = {scalar.node};
  std::vector<Value> leaves;
  for (uint32_t i = scalar.node.index + 1; i-- > 0;) {
    const Node& node = graph.nodes[NodeId{i}];
    if (!needed.count(NodeId{i})) continue;
    if (node.op == Op::input && node.types[0].dtype == DType::f32) leaves.push_back({NodeId{i}, 0});
    if (op_def(node.op).derivative.vjp == nullptr && node.op != Op::grad) continue;
    for (const Value& operand : node.operands)
      if (is_float(graph.type(operand).dtype)) needed.insert(operand.node);
  }
  return leaves;
}

// Derivatives of a number by some of what it depends on; absent where there are none.
std::optional<std::vector<Value>> add_gradient(Growth& growth, Value scalar, std::vector<Value>& by) {
  by = leaves_behind(growth, scalar);
  growth.draw.shuffle(by);
  if (by.size() > 4) by.resize(1 + growth.draw.below(4));
  while (!by.empty()) {
    if (auto gradients = growth.differentiate(scalar, by)) return gradients;
    by.pop_back();
  }
  return std::nullopt;
}

void add_losses(Growth& growth) {
  Draw& draw = growth.draw;
  Value loss = number_of(growth, *growth.some(DType::f32));
  for (size_t more = draw.below(3); more > 0; --more) {
    loss = growth.builder.add(loss, number_of(growth, *growth.some(DType::f32)));
    growth.learn();
  }
  growth.builder.output("loss", loss);
  std::vector<Value> by;
  std::optional<std::vector<Value>> gradients = add_gradient(growth, loss, by);
  if (!gradients) return;
  if (draw.chance(0.25)) {  // a derivative of derivatives
    std::vector<Value> inner;
    const Value bend = number_of(growth, draw.one_of(*gradients));
    if (const auto second = add_gradient(growth, bend, inner))
      for (size_t i = 0; i < second->size(); ++i) growth.builder.output(growth.new_name("dd"), (*second)[i]);
  }
  if (draw.chance(0.7)) {
    add_updates(growth, by, *gradients);
  } else {
    for (const Value& gradient : *gradients) growth.builder.output(growth.new_name("d"), gradient);
  }
}

}  // namespace

Program generate(uint64_t seed) {
  Growth growth(seed);
  Draw& draw = growth.draw;
  const size_t leaves = 1 + draw.below(3);
  for (size_t i = 0; i < leaves; ++i)
    growth.leaf({DType::f32, growth.shape(static_cast<int64_t>(draw.one_of({0, 1, 2, 2, 2, 3, 4})))});
  if (draw.chance(0.4)) growth.leaf({DType::i32, growth.shape(static_cast<int64_t>(draw.below(3)))});
  const size_t count = 2 + draw.below(draw.chance(0.7) ? 12 : 40);
  for (size_t made = 0, tried = 0; made < count && tried < 10 * count; ++tried) {
    const std::optional<Value> base = growth.some(DType::f32);
    if (draw.chance(0.2) && base && growth.graph.type(*base).rank() > 0) {
      add_idiom(growth, *base);
      ++made;
    } else if (add_op(growth, choose(draw))) {
      ++made;
    }
  }
  if (draw.chance(0.65)) add_losses(growth);
  for (size_t more = growth.graph.outputs.empty() ? 1 + draw.below(3) : draw.below(3); more > 0; --more) {
    const DType dtype = draw.chance(0.85) ? DType::f32 : draw.one_of({DType::i32, DType::boolean});
    if (const std::optional<Value> value = growth.some(dtype))
      growth.builder.output(growth.new_name("y"), *value);
  }
  return {std::move(growth.graph), seed, 1 + static_cast<int>(draw.below(3))};
}

}  // namespace nnc::random
