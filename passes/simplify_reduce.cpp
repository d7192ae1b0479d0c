// The rules of simplify for reductions and one_hot (listed at the top of simplify.cpp).
#include <algorithm>

#include "passes/simplify.h"

namespace nnc::passes {
namespace {

using Rewrite = std::optional<Value>;

bool contains(const std::vector<int64_t>& axes, int64_t axis) {
  return std::find(axes.begin(), axes.end(), axis) != axes.end();
}

// A sum may count: then its dtype is not the operand's, and these rules do not hold.
bool keeps_dtype(const Simplifier& s, const Candidate& c) {
  return s.type(c.x[0]).dtype == c.type.dtype;
}

// Axes of extent 1 need no reduction.
Rewrite over_ones(Simplifier& s, const Candidate& c) {
  if (!keeps_dtype(s, c)) return std::nullopt;
  const auto& axes = std::get<ReduceAttrs>(c.attrs).axes;
  const Shape shape = s.type(c.x[0]).shape;
  std::vector<int64_t> left;  // the axes to reduce, numbered without those of extent 1 that are reduced
  Shape between;
  for (size_t i = 0; i < shape.size(); ++i) {
    bool reduced = contains(axes, static_cast<int64_t>(i));
    if (reduced && shape[i] == 1) continue;
    if (reduced) left.push_back(static_cast<int64_t>(between.size()));
    between.push_back(shape[i]);
  }
  if (left.size() == axes.size()) return std::nullopt;
  Value x = s.reshape(c.x[0], between);
  return left.empty() ? x : s.make(c.op, {x}, ReduceAttrs{left});
}

// Runs of axes that are reduced as a whole were so before the reshape: the elements come in the same order. Axes
// of extent 1 are left to the reshape around it; reducing them, over_ones would bring this reshape back.
Rewrite of_reshape(Simplifier& s, const Candidate& c) {
  const Node* node = s.made(c.x[0], Op::reshape);
  if (node == nullptr || !keeps_dtype(s, c)) return std::nullopt;
  Value x = node->operands[0];
  const auto& axes = std::get<ReduceAttrs>(c.attrs).axes;
  ReduceAttrs inner;
  for (const Run& run : runs_of(s.type(x).shape, node->types[0].shape)) {
    size_t reduced = 0;
    for (size_t axis = run.to; axis < run.to_end; ++axis)
      reduced += contains(axes, static_cast<int64_t>(axis)) ? 1 : 0;
    if (reduced == 0) continue;
    if (reduced != run.to_end - run.to) return std::nullopt;
    for (size_t axis = run.from; axis < run.from_end; ++axis)
      if (s.type(x).shape[axis] != 1) inner.axes.push_back(static_cast<int64_t>(axis));
  }
  if (inner.axes.empty()) return s.reshape(x, c.type.shape);
  return s.reshape(s.make(c.op, {x}, inner), c.type.shape);
}

// Repeated axes: a sum multiplies, a maximum or minimum ignores them.
Rewrite of_broadcast(Simplifier& s, const Candidate& c) {
  const Node* node = s.made(c.x[0], Op::broadcast);
  if (node == nullptr || !keeps_dtype(s, c)) return std::nullopt;
  const BroadcastAttrs how = std::get<BroadcastAttrs>(node->attrs);
  const auto& axes = std::get<ReduceAttrs>(c.attrs).axes;
  Value x = node->operands[0];
  double count = 1;
  std::vector<int64_t> renumbered(how.shape.size());
  int64_t kept = 0;
  for (size_t i = 0; i < how.shape.size(); ++i) {
    auto axis = static_cast<int64_t>(i);
    renumbered[i] = kept;
    if (!contains(axes, axis)) ++kept;
    if (contains(axes, axis) && !contains(how.axes, axis)) count *= static_cast<double>(how.shape[i]);
  }
  if (count == 1) return std::nullopt;
  ReduceAttrs inner;               // the axes of x itself that are reduced
  std::vector<int64_t> remaining;  // where the others end up
  for (size_t i = 0; i < how.axes.size(); ++i) {
    if (contains(axes, how.axes[i])) {
      inner.axes.push_back(static_cast<int64_t>(i));
    } else {
      remaining.push_back(renumbered[static_cast<size_t>(how.axes[i])]);
    }
  }
  // Extents of 1 have been taken out of x (broadcast_ones), so that its axes are whole.
  const Shape& shape = s.type(x).shape;
  if (std::find(shape.begin(), shape.end(), 1) != shape.end()) return std::nullopt;
  if (!inner.axes.empty()) x = s.make(c.op, {x}, inner);
  if (c.op == Op::reduce_sum) {
    const TensorType type = s.type(x);
    // Integers wrap: only the count modulo 2^32 matters, and only that is an i32.
    if (type.dtype == DType::i32) count = static_cast<int32_t>(static_cast<int64_t>(count));
    x = s.mul(x, s.fill(type, count));
  }
  return s.broadcast(x, c.type.shape, remaining);
}

Rewrite sum_of_negated(Simplifier& s, const Candidate& c) {
  const Node* node = s.made(c.x[0], Op::neg);
  if (node == nullptr) return std::nullopt;
  Value x = node->operands[0];
  return s.neg(s.make(c.op, {x}, c.attrs));
}

// `y` without its last axis, if all its elements along it are equal.
Rewrite along_last_axis(Simplifier& s, Value y) {
  TensorType type = s.type(y);
  int64_t last = type.rank() - 1;
  type.shape.pop_back();
  if (auto number = s.number(y)) return s.fill(type, *number);
  const Node* node = s.made(y, Op::broadcast);
  if (node == nullptr) return std::nullopt;
  const auto axes = std::get<BroadcastAttrs>(node->attrs).axes;
  if (contains(axes, last)) return std::nullopt;
  Value x = node->operands[0];
  return s.broadcast(x, type.shape, axes);
}

// Whether `value` is a one_hot whose every row has its 1: the index is known to lie among the classes.
bool has_single_ones(const Simplifier& s, Value value) {
  const Node* node = s.made(value, Op::one_hot);
  return node != nullptr &&
         lies_within(s.graph(), node->operands[0], std::get<ClassesAttrs>(node->attrs).classes);
}

// A pick clamps its index. With the clamp in the graph, the index is known to lie within the axis, and is the same value
// that the one_hot of the pick's derivative takes.
Rewrite pick_clamped(Simplifier& s, const Candidate& c) {
  const Value index = clamped(s.b, c.x[1], s.type(c.x[0]).shape.back());
  return index == c.x[1] ? std::nullopt : Rewrite(s.b.make(Op::pick, {c.x[0], index}));
}

Rewrite sum_of_one_hot(Simplifier& s, const Candidate& c) {
  const auto& axes = std::get<ReduceAttrs>(c.attrs).axes;
  if (axes != std::vector<int64_t>{s.type(c.x[0]).rank() - 1} || !keeps_dtype(s, c)) return std::nullopt;
  if (has_single_ones(s, c.x[0])) return s.fill(c.type, 1);
  const Node* product = s.made(c.x[0], Op::mul);
  if (product == nullptr) return std::nullopt;
  Value a = product->operands[0];
  Value b = product->operands[1];
  if (has_single_ones(s, a)) return along_last_axis(s, b);
  if (has_single_ones(s, b)) return along_last_axis(s, a);
  return std::nullopt;
}

// The sum of a stack of products is one product, whose sum goes over the stack, too: sum_t aᵀ[t] b[t].
Rewrite sum_of_products(Simplifier& s, const Candidate& c) {
  const Node* product = s.made(c.x[0], Op::matmul);
  if (product == nullptr) return std::nullopt;
  const int64_t rank = product->types[0].rank();
  std::vector<int64_t> leading;
  for (int64_t axis = 0; axis + 2 < rank; ++axis) leading.push_back(axis);
  if (rank < 3 || std::get<ReduceAttrs>(c.attrs).axes != leading ||
      std::get<MatmulAttrs>(product->attrs) != MatmulAttrs{true, false})
    return std::nullopt;
  const std::vector<Value> operands = product->operands;
  const auto flat = [&](Value x) {
    const Shape& shape = s.type(x).shape;
    return s.b.reshape(x, {element_count(shape) / shape.back(), shape.back()});
  };
  const Value a = flat(operands[0]), b = flat(operands[1]);
  return s.b.make(Op::matmul, {a, b}, MatmulAttrs{true, false});
}

// Whether a value is the same all along these axes; then what it repeats without them.
std::optional<Value> without_axes(Simplifier& s, Value value, const std::vector<int64_t>& axes,
                                  const TensorType& reduced) {
  if (const auto number = s.number(value)) return s.fill(reduced, *number);
  const Node* node = s.made(value, Op::broadcast);
  if (node == nullptr) return std::nullopt;
  BroadcastAttrs how = std::get<BroadcastAttrs>(node->attrs);
  for (int64_t& axis : how.axes) {
    if (contains(axes, axis)) return std::nullopt;
    axis -= std::ranges::count_if(axes, [&](int64_t a) { return a < axis; });
  }
  const Value x = node->operands[0];
  return s.broadcast(x, reduced.shape, how.axes);
}

// Whether a value is x - mean(x), the mean over just these axes, or that times what is the same along them.
bool is_centered(Simplifier& s, Value value, const std::vector<int64_t>& axes, const TensorType& reduced) {
  const Node node = s.graph().node(value);
  if (node.op == Op::neg) return is_centered(s, node.operands[0], axes, reduced);
  if (node.op == Op::mul)
    return (without_axes(s, node.operands[1], axes, reduced) &&
            is_centered(s, node.operands[0], axes, reduced)) ||
           (without_axes(s, node.operands[0], axes, reduced) &&
            is_centered(s, node.operands[1], axes, reduced));
  if (node.op != Op::sub) return false;
  const std::optional<Value> mean = without_axes(s, node.operands[1], axes, reduced);
  const Node* scaled = mean ? s.made(*mean, Op::mul) : nullptr;
  if (scaled == nullptr) return false;
  const double share =
      static_cast<double>(reduced.elements()) / static_cast<double>(node.types[0].elements());
  for (const size_t i : {size_t{0}, size_t{1}}) {
    const Node* sum = s.made(scaled->operands[i], Op::reduce_sum);
    const std::optional<double> factor = s.number(scaled->operands[1 - i]);
    if (sum != nullptr && sum->operands[0] == node.operands[0] &&
        std::get<ReduceAttrs>(sum->attrs).axes == axes && factor &&
        rounded_to(reduced.dtype, *factor) == rounded_to(reduced.dtype, share))
      return true;
  }
  return false;
}

// The derivative of a norm: what is centered adds nothing to a sum, and a factor that is the same along it comes out.
Rewrite sum_of_centered(Simplifier& s, const Candidate& c) {
  const Node node = s.graph().node(c.x[0]);
  if (node.op != Op::add && node.op != Op::sub) return std::nullopt;
  const std::vector<int64_t> axes = std::get<ReduceAttrs>(c.attrs).axes;
  for (const size_t i : {size_t{1}, size_t{0}}) {
    if (!is_centered(s, node.operands[i], axes, c.type)) continue;
    Value rest = node.operands[1 - i];
    std::optional<Value> factor;
    if (const Node product = s.graph().node(rest); product.op == Op::mul)
      for (size_t j = 0; j < 2 && !factor; ++j) {
        factor = without_axes(s, product.operands[1 - j], axes, c.type);
        if (factor) rest = product.operands[j];
      }
    Value sum = s.make(Op::reduce_sum, {rest}, c.attrs);
    if (factor) sum = s.mul(sum, *factor);
    return node.op == Op::sub && i == 0 ? s.neg(sum) : sum;
  }
  return std::nullopt;
}

// u, t and the axes along which t lies, where the value is u + broadcast(-t) or u - broadcast(t).
struct Less {
  Value whole, repeated;
  std::vector<int64_t> axes;
};
std::optional<Less> less_repeated(const Simplifier& s, Value value) {
  const Node& node = s.graph().node(value);
  if (node.op == Op::sub)
    if (const Node* t = s.made(node.operands[1], Op::broadcast))
      return Less{node.operands[0], t->operands[0], std::get<BroadcastAttrs>(t->attrs).axes};
  if (node.op == Op::add)
    for (const size_t i : {size_t{0}, size_t{1}})
      if (const Node* t = s.made(node.operands[i], Op::broadcast))
        if (const Node* negative = s.made(t->operands[0], Op::neg))
          return Less{node.operands[1 - i], negative->operands[0], std::get<BroadcastAttrs>(t->attrs).axes};
  return std::nullopt;
}

// The derivative of y = e / sum(e): as y is written, with the gradient g and no quotient, so that e need not be kept.
Rewrite slope_of_softmax(Simplifier& s, const Candidate& c) {
  for (const size_t i : {size_t{0}, size_t{1}}) {
    const Value e = c.x[1 - i];
    const std::optional<Less> less = less_repeated(s, c.x[i]);
    const Node* quotient = less ? s.made(less->whole, Op::div) : nullptr;
    const Node* sum = less ? s.made(less->repeated, Op::reduce_sum) : nullptr;
    const Node* product = sum ? s.made(sum->operands[0], Op::mul) : nullptr;
    if (!quotient || !product) continue;
    const Value g = quotient->operands[0], divisor = quotient->operands[1];
    const Value y = product->operands[product->operands[0] == less->whole ? 1 : 0];
    const Node* softmax = s.made(y, Op::div);
    const std::vector<int64_t> axes = std::get<ReduceAttrs>(sum->attrs).axes;
    std::vector<int64_t> kept;
    for (int64_t axis = 0; axis < c.type.rank(); ++axis)
      if (!contains(axes, axis)) kept.push_back(axis);
    if (std::ranges::count(product->operands, less->whole) == 0 || less->axes != kept || !softmax ||
        softmax->operands != std::vector{e, divisor} ||
        !without_axes(s, divisor, axes, s.type(less->repeated)))
      continue;
    const Value all = s.make(Op::reduce_sum, {s.mul(g, y)}, ReduceAttrs{axes});
    return s.mul(y, s.make(Op::sub, {g, s.broadcast(all, c.type.shape, kept)}));
  }
  return std::nullopt;
}

}  // namespace

std::span<const Rule> reduce_rules() {
  static constexpr Rule kRules[] = {
      {Op::reduce_sum, over_ones},       {Op::reduce_max, over_ones},       {Op::reduce_min, over_ones},
      {Op::reduce_sum, of_reshape},      {Op::reduce_max, of_reshape},      {Op::reduce_min, of_reshape},
      {Op::reduce_sum, of_broadcast},    {Op::reduce_max, of_broadcast},    {Op::reduce_min, of_broadcast},
      {Op::reduce_sum, sum_of_negated},  {Op::reduce_sum, sum_of_one_hot},  {Op::pick, pick_clamped},
      {Op::reduce_sum, sum_of_products}, {Op::reduce_sum, sum_of_centered}, {Op::mul, slope_of_softmax},
  };
  return kRules;
}

}  // namespace nnc::passes
