// Nodes whose values are known; leaves; values made to fit.
#include "growth.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "passes/pass.h"

namespace nnc::random {
namespace {

constexpr double kHuge = 1e4;      // what values should stay below
constexpr double kMostWork = 3e5;  // multiplications of one node

bool is_tame(const std::vector<DenseTensor>& results) {
  for (const DenseTensor& tensor : results) {
    if (!is_float(tensor.type.dtype)) continue;
    for (const double x : tensor.data)
      if (!(std::fabs(x) < kHuge)) return false;
  }
  return true;
}

// Operand axes ascending that give `small` in `large`; absent if it is no part.
std::optional<std::vector<int64_t>> axes_within(const Shape& small, const Shape& large) {
  std::vector<int64_t> axes;
  size_t next = 0;
  for (size_t i = 0; i < large.size() && next < small.size(); ++i)
    if (small[next] == large[i] || (small[next] == 1 && large.size() - i == small.size() - next)) {
      axes.push_back(static_cast<int64_t>(i));
      ++next;
    }
  if (next < small.size()) return std::nullopt;
  return axes;
}

}  // namespace

Growth::Growth(uint64_t seed) : draw(seed), seed_(seed) {
  graph.name = "program";
  const double size = draw.unit();
  limit_ = size < 0.6 ? 300 : size < 0.92 ? 1500 : 20000;
}

int64_t Growth::size(int64_t others) {
  std::vector<int64_t> sizes = {1, 2, 3, 3, 7, 8, 15, 16, 17, 31, 32, 33, 47, 63, 65};
  if (limit_ > 1000) sizes.insert(sizes.end(), {130, 257, 300, 512});
  if (limit_ > 5000) sizes.insert(sizes.end(), {1000, 9000, 9001});
  for (;;) {
    const int64_t size = draw.one_of(sizes);
    if (size == 1 || size * others <= limit_) return size;
  }
}

Shape Growth::shape(int64_t rank) {
  Shape shape;
  for (int64_t i = 0; i < rank; ++i) shape.push_back(size(std::max<int64_t>(1, element_count(shape))));
  draw.shuffle(shape);
  return shape;
}

std::vector<Value> Growth::values(DType dtype, int64_t rank) const {
  std::vector<Value> found;
  for (uint32_t i = 0; i < graph.nodes.size(); ++i)
    for (uint32_t r = 0; r < graph.nodes[NodeId{i}].types.size(); ++r) {
      const TensorType& type = graph.nodes[NodeId{i}].types[r];
      if (type.dtype == dtype && (rank < 0 || type.rank() == rank)) found.push_back({NodeId{i}, r});
    }
  return found;
}

std::optional<Value> Growth::some(DType dtype, int64_t rank) {
  const std::vector<Value> found = values(dtype, rank);
  if (found.empty()) return std::nullopt;
  const double place = draw.chance(0.5) ? draw.unit() : 1 - draw.unit() * draw.unit();
  return found[std::min(found.size() - 1, static_cast<size_t>(place * static_cast<double>(found.size())))];
}

void Growth::learn() {
  while (known_.size() < graph.nodes.size()) {
    const Node& node = graph.nodes[NodeId{static_cast<uint32_t>(known_.size())}];
    if (node.op == Op::input) {
      known_.push_back({draw_input(node, seed_, 0)});
      continue;
    }
    std::vector<DenseTensor> operands;
    for (const Value& operand : node.operands) operands.push_back(known(operand));
    known_.push_back(op_def(node.op).eval(operands, node.attrs, node.types));
  }
}

std::optional<std::vector<Value>> Growth::apply(Op op, std::vector<Value> operands, const Attrs& attrs) {
  learn();
  const OpDef& def = op_def(op);
  std::vector<TensorType> types;
  std::vector<DenseTensor> tensors;
  double work = 1;
  for (const Value& operand : operands) {
    types.push_back(graph.type(operand));
    tensors.push_back(known(operand));
    work *= static_cast<double>(types.back().elements());
  }
  const Inferred inferred = infer_types(op, types, attrs);
  if (!inferred.error.empty()) return std::nullopt;
  for (const TensorType& type : inferred.types)
    if (!is_small(type)) return std::nullopt;
  work = std::sqrt(work * static_cast<double>(inferred.types[0].elements()));
  if (std::holds_alternative<ContractRule>(def.lower) && work > kMostWork) return std::nullopt;
  std::vector<DenseTensor> results = def.eval(tensors, attrs, inferred.types);
  if (!is_tame(results) && !draw.chance(0.02)) return std::nullopt;
  std::vector<Value> made = builder.make_all(op, std::move(operands), attrs);
  known_.push_back(std::move(results));
  return made;
}

std::optional<std::vector<Value>> Growth::differentiate(Value scalar, const std::vector<Value>& by) {
  learn();
  Graph trial = graph;
  Builder trial_builder(trial);
  std::vector<Value> operands = {scalar};
  operands.insert(operands.end(), by.begin(), by.end());
  std::vector<Value> results = trial_builder.make_all(Op::grad, operands);
  trial.outputs.clear();
  for (const Value& result : results) trial_builder.output("d" + std::to_string(result.result), result);
  Diagnostics diagnostics;
  const Result<Graph> derived = passes::differentiate(trial, diagnostics);
  if (!derived) return std::nullopt;
  const validate::Values all = validate::walk(*derived, inputs_of({graph, seed_, 1}, 0));
  std::vector<DenseTensor> found;
  for (const Output& output : derived->outputs)
    found.push_back(all[output.value.node.index][output.value.result]);
  if (!is_tame(found) && !draw.chance(0.1)) return std::nullopt;
  results = builder.make_all(Op::grad, std::move(operands));
  known_.push_back(std::move(found));
  return results;
}

Value Growth::input(std::string stem, Role role, const TensorType& type, int64_t classes) {
  const Value made = builder.input({new_name(stem), role, classes}, type);
  learn();
  return made;
}

Value Growth::scalar_input(const std::string& name, DType dtype) {
  if (const NodeId found = graph.find_input(name); found.valid()) return {found, 0};
  const Value made = builder.input(name, Role::scalar, {dtype, {}});
  learn();
  return made;
}

Value Growth::leaf(const TensorType& type) {
  const bool is_scalar = type.shape.empty() && (type.dtype == DType::f64 || type.dtype == DType::i64);
  if (is_scalar && draw.chance(0.8))
    return scalar_input(type.dtype == DType::f64 ? draw.one_of({"lr", "rate"}) : draw.one_of({"t", "seed"}),
                        type.dtype);
  if (draw.chance(0.15)) {
    std::vector<double> numbers;
    const int64_t count = draw.chance(0.6) || type.elements() > 200 ? 1 : type.elements();
    for (int64_t i = 0; i < count; ++i) {
      double x = draw.one_of(
          {0.0, 1.0, -1.0, 2.0, 0.5, 0.1, 3.0, static_cast<double>(static_cast<float>(draw.real(-2, 2)))});
      if (!is_float(type.dtype)) x = std::trunc(x);
      if (type.dtype == DType::boolean || type.dtype == DType::u8) x = x != 0;
      numbers.push_back(x);
    }
    const Value made = builder.constant(type, std::move(numbers));
    learn();
    return made;
  }
  if (type.dtype == DType::f32 && draw.chance(0.1)) {
    const Attrs attrs =
        RandomAttrs{draw.one_of({Distribution::uniform, Distribution::normal, Distribution::bernoulli}),
                    draw.chance(0.5) ? 0 : 0.25, 0.75, type.shape, new_name("draw")};
    const Value seed = scalar_input("seed", DType::i64);
    const Value step = scalar_input("t", DType::i64);
    if (auto made = apply(Op::random, {seed, step}, attrs)) return made->front();
  }
  if (type.dtype == DType::f32)
    return draw.chance(0.5)   ? input("w", Role::param, type)
           : draw.chance(0.7) ? input("x", Role::input, type)
                              : input("s", Role::state, type);
  const int64_t classes =
      type.dtype == DType::i32 && draw.chance(0.5) ? 2 + static_cast<int64_t>(draw.below(9)) : 0;
  return input("k", Role::input, type, classes);
}

// `value` as the other type by one node that moves elements.
std::optional<Value> Growth::adapted(Value value, const TensorType& type) {
  const Shape from = graph.type(value).shape;
  const Shape& to = type.shape;
  std::optional<std::vector<Value>> made;
  if (element_count(from) == element_count(to)) {
    Shape sorted = from, wanted = to;
    std::ranges::sort(sorted);
    std::ranges::sort(wanted);
    if (from.size() == 2 && sorted == wanted && draw.chance(0.7))
      made = apply(Op::permute, {value}, PermuteAttrs{{1, 0}});
    else
      made = apply(Op::reshape, {value}, ReshapeAttrs{to});
  } else if (const auto axes = axes_within(from, to)) {
    made = apply(Op::broadcast, {value}, BroadcastAttrs{to, *axes});
  } else if (from.size() == to.size()) {
    const bool is_part =
        std::equal(to.begin(), to.end(), from.begin(), [](int64_t a, int64_t b) { return a <= b; });
    if (is_part) made = apply(Op::slice, {value}, SliceAttrs{std::vector<int64_t>(to.size(), 0), to});
    const bool is_whole =
        std::equal(to.begin(), to.end(), from.begin(), [](int64_t a, int64_t b) { return a >= b; });
    if (is_whole) made = apply(Op::pad, {value}, PadAttrs{to, std::vector<int64_t>(to.size(), 0)});
  } else if (const auto kept = axes_within(to, from)) {
    std::vector<int64_t> dropped;
    for (int64_t axis = 0; axis < static_cast<int64_t>(from.size()); ++axis)
      if (std::ranges::find(*kept, axis) == kept->end()) dropped.push_back(axis);
    made = apply(draw.one_of({Op::reduce_sum, Op::reduce_max}), {value}, ReduceAttrs{dropped});
  }
  if (!made || graph.type(made->front()) != type) return std::nullopt;
  return made->front();
}

Value Growth::want(const TensorType& type) {
  std::vector<Value> same;
  for (const Value& value : values(type.dtype, type.rank()))
    if (graph.type(value) == type) same.push_back(value);
  if (!same.empty() && draw.chance(0.65)) return draw.one_of(same);
  if (draw.chance(0.7)) {
    for (int attempt = 0; attempt < 5; ++attempt)
      if (const std::optional<Value> value = some(type.dtype))
        if (const auto made = adapted(*value, type)) return *made;
  }
  if (type.dtype == DType::boolean && draw.chance(0.8)) {
    const Value a = want({DType::f32, type.shape});
    const Value b = want({DType::f32, type.shape});
    if (auto made = apply(draw.one_of({Op::lt, Op::ge, Op::eq}), {a, b}, NoAttrs())) return made->front();
  }
  return leaf(type);
}

Value Growth::within(Value value, double low, double high) {
  learn();
  const TensorType type = graph.type(value);
  const auto& data = known(value).data;
  // An index may lie outside its axis; a seed, a step or half of a key is never negative.
  if (type == TensorType{DType::i64, {}} && low >= 0 && data[0] < low) return scalar_input("t", DType::i64);
  if (type.dtype != DType::f32) return value;
  const bool fits = std::ranges::all_of(data, [&](double x) { return x >= low && x <= high; });
  if (fits) return value;
  const Value share = builder.make(Op::sigmoid, {value});
  const Value scaled = builder.mul(share, builder.full_like(share, high - low));
  const Value made = builder.add(scaled, builder.full_like(share, low));
  learn();
  return made;
}

}  // namespace nnc::random
