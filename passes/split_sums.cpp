// Long sums become sums of partial sums. A sum is one task for one thread and loses digits with its length; partial sums
// are an ordinary tensor, whose elements threads share and vectors run along. Where a sum is cut depends on its logical
// shape alone, so the bits are the same for any number of threads:
//  - along the inner of several axes first: a sum over f32[4096, 4096] is one over 4096 sums of rows;
//  - an axis of more than kMostTerms into blocks of equal length, and a shorter one if they leave a rest.
//   %1 = reduce_sum x {axes=[0]} : f32[]                                      x: f32[100000]
//   →  %1 = reshape x {shape=[25, 4000]} : f32[25, 4000]
//      %2 = reduce_sum %1 {axes=[1]} : f32[25]
//      %3 = reduce_sum %2 {axes=[0]} : f32[]
// Maxima and minima likewise, and products with few results: they become a stack of products over blocks of terms, whose
// sum is taken.
// Leaves argmax alone, whose result is a position, sums of up to kMostTerms, and products that leave out terms.
#include <array>
#include <functional>
#include <numeric>

#include "ir/kernel/combine.h"
#include "ir/order.h"
#include "passes/pass.h"
#include "passes/rewrite.h"

namespace nnc::passes {
namespace {

constexpr int64_t kMostTerms = 8191;
constexpr int64_t kBlock = 4096;
// A product with more results has enough of them to share, and its partial results would take much memory. One that goes down
// the rows of both operands reads them again for each few results, unless the rows of a block stay in the cache.
constexpr int64_t kMostResults = 2048;
constexpr int64_t kMostResultsOverRows = 65536;

size_t at(int64_t axis) {
  return static_cast<size_t>(axis);
}

// The length of the blocks of an axis: close to kBlock and whole vectors, without a rest if there is such a length. A whole number
// of units, if these are shorter.
int64_t block_of(int64_t extent, int64_t unit = 1) {
  if (unit > kBlock) unit = 1;
  for (int64_t away = 0; away <= kBlock / 2; away += kLanes)
    for (const int64_t length : {kBlock - away, kBlock + away})
      if (extent % length == 0 && length % unit == 0) return length;
  const int64_t vectors = std::lcm(unit, kLanes);
  return vectors <= kBlock ? kBlock / vectors * vectors : kBlock / unit * unit;
}

// Of an axis that a reshape has merged of several, the terms that the innermost of these has: blocks of whole ones are read along
// both axes, other blocks of what need not lie together are read term by term.
int64_t unit_of(const Graph& graph, Value value, int64_t axis) {
  const Node& node = graph.node(value);
  if (node.op != Op::reshape) return 1;
  const Shape& merged = graph.type(value).shape;
  const Shape& apart = graph.type(node.operands[0]).shape;
  const auto from = [](const Shape& shape, size_t first) {
    return std::accumulate(shape.begin() + static_cast<std::ptrdiff_t>(first), shape.end(), int64_t{1},
                           std::multiplies<>());
  };
  const int64_t inside = from(merged, at(axis) + 1);
  for (size_t d = apart.size(); d-- > 0;)
    if (apart[d] > 1 && from(apart, d + 1) == inside) return merged[at(axis)] % apart[d] == 0 ? apart[d] : 1;
  return 1;
}

// A part of `x` along one axis.
Value part(Builder& b, Value x, int64_t axis, int64_t begin, int64_t end) {
  SliceAttrs slice{Shape(at(b.type(x).rank()), 0), b.type(x).shape};
  slice.begin[at(axis)] = begin;
  slice.end[at(axis)] = end;
  return b.make(Op::slice, {x}, std::move(slice));
}

// An axis in whole blocks, as two axes; without the rest that may be left of it.
Value in_blocks(Builder& b, Value x, int64_t axis, int64_t length) {
  Shape shape = b.type(x).shape;
  const int64_t blocks = shape[at(axis)] / length;
  if (shape[at(axis)] % length != 0) x = part(b, x, axis, 0, blocks * length);
  shape[at(axis)] = length;
  shape.insert(shape.begin() + axis, blocks);
  return b.reshape(x, shape);
}

class SumSplitter {
 public:
  SumSplitter(Builder& builder, Op op) : b_(builder), op_(op) {}

  Value sum(Value x, std::vector<int64_t> axes) {
    const Shape shape = b_.type(x).shape;
    int64_t terms = 1;
    for (const int64_t axis : axes) terms *= shape[at(axis)];
    if (terms <= kMostTerms) return reduce(x, std::move(axes));
    if (shape[at(axes.back())] > kMostTerms) return sum(block_sums(x, axes.back()), axes);
    // The last axis, and others before it while vectors of terms do not straddle rows.
    std::vector<int64_t> inner{axes.back()};
    axes.pop_back();
    int64_t count = shape[at(inner[0])];
    while (count % kLanes == 0 && count * shape[at(axes.back())] <= kMostTerms) {
      count *= shape[at(axes.back())];
      inner.insert(inner.begin(), axes.back());
      axes.pop_back();
    }
    return sum(reduce(x, std::move(inner)), std::move(axes));
  }

 private:
  Value reduce(Value x, std::vector<int64_t> axes) { return b_.make(op_, {x}, ReduceAttrs{std::move(axes)}); }

  // One sum for each block of the axis, in its place.
  Value block_sums(Value x, int64_t axis) {
    const int64_t extent = b_.type(x).shape[at(axis)];
    const int64_t length = block_of(extent);
    const int64_t whole = extent / length * length;
    const Value sums = reduce(in_blocks(b_, x, axis, length), {axis + 1});
    if (whole == extent) return sums;
    Shape one = b_.type(sums).shape;
    one[at(axis)] = 1;
    const Value rest = b_.reshape(reduce(part(b_, x, axis, whole, extent), {axis}), one);
    return b_.make(Op::concat, {sums, rest}, AxisAttrs{axis});
  }

  Builder& b_;
  Op op_;
};

// A product whose sum has to be cut, as a stack of products over blocks of terms.
std::optional<Value> split_product(Builder& b, const std::vector<Value>& operands, const MatmulAttrs& attrs) {
  const Shape& left = b.type(operands[0]).shape;
  const Shape& right = b.type(operands[1]).shape;
  const auto rank = static_cast<int64_t>(left.size());
  // Where the operands have the axis that is summed over.
  const std::array<int64_t, 2> axes{attrs.transpose_a ? rank - 2 : rank - 1,
                                    attrs.transpose_b ? rank - 1 : rank - 2};
  const int64_t terms = left[at(axes[0])];
  const int64_t results =
      left[at(attrs.transpose_a ? rank - 1 : rank - 2)] * right[at(attrs.transpose_b ? rank - 2 : rank - 1)];
  const bool over_rows = attrs.transpose_a && !attrs.transpose_b;
  if (attrs.triangle != Triangle::none || terms <= kMostTerms ||
      results > (over_rows ? kMostResultsOverRows : kMostResults))
    return std::nullopt;
  const int64_t length = block_of(
      terms, std::lcm(unit_of(b.graph(), operands[0], axes[0]), unit_of(b.graph(), operands[1], axes[1])));
  const int64_t whole = terms / length * length;

  std::vector<Value> blocks, rests;
  for (size_t i = 0; i < 2; ++i) {
    const Value cut = in_blocks(b, operands[i], axes[i], length);
    std::vector<int64_t> order(at(rank + 1));
    std::iota(order.begin(), order.end(), 0);
    if (axes[i] == rank - 1)
      std::swap(order[at(rank - 2)], order[at(rank - 1)]);  // the blocks before the matrix
    blocks.push_back(b.permute(cut, order));
  }
  const Value sum = b.make(Op::reduce_sum, {b.make(Op::matmul, blocks, attrs)}, ReduceAttrs{{rank - 2}});
  if (whole == terms) return sum;
  for (size_t i = 0; i < 2; ++i) rests.push_back(part(b, operands[i], axes[i], whole, terms));
  return b.add(sum, b.make(Op::matmul, rests, attrs));
}

}  // namespace

Graph split_sums(const Graph& graph) {
  return rebuild(
      graph, [](Rewriter& rewriter, NodeId id, const Node& node) -> std::optional<std::vector<Value>> {
        if (node.op == Op::matmul) {
          const auto product =
              split_product(rewriter.builder(), rewriter.operands(id), std::get<MatmulAttrs>(node.attrs));
          return product ? std::optional(std::vector<Value>{*product}) : std::nullopt;
        }
        const auto* attrs = std::get_if<ReduceAttrs>(&node.attrs);
        const auto* rule = std::get_if<ReduceRule>(&op_def(node.op).lower);
        // A partial result is a value of the graph where it has one component.
        if (attrs == nullptr || rule == nullptr || kernel::combine_def(rule->combine).components != 1)
          return std::nullopt;
        SumSplitter splitter(rewriter.builder(), node.op);
        return std::vector<Value>{splitter.sum(rewriter.operands(id)[0], attrs->axes)};
      });
}

}  // namespace nnc::passes
