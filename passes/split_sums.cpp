// Long sums become sums of partial sums. A sum is one task for one thread and loses digits with its length; partial sums
// are an ordinary tensor, whose elements threads share and vectors run along. Where a sum is cut depends on its logical
// shape alone, so the bits are the same for any number of threads:
//  - along the inner of several axes first: a sum over f32[4096, 4096] is one over 4096 sums of rows;
//  - an axis of more than kMostTerms into blocks of equal length, and a shorter one if they leave a rest.
//   %1 = reduce_sum x {axes=[0]} : f32[]                                      x: f32[100000]
//   →  %1 = reshape x {shape=[25, 4000]} : f32[25, 4000]
//      %2 = reduce_sum %1 {axes=[1]} : f32[25]
//      %3 = reduce_sum %2 {axes=[0]} : f32[]
// Maxima and minima likewise. Leaves argmax alone, whose result is a position, and sums of up to kMostTerms.
#include "ir/order.h"
#include "passes/pass.h"
#include "passes/rewrite.h"

namespace nnc::passes {
namespace {

constexpr int64_t kMostTerms = 8191;
constexpr int64_t kBlock = 4096;

size_t at(int64_t axis) {
  return static_cast<size_t>(axis);
}

// The length of the blocks of an axis: close to kBlock and whole vectors, without a rest if there is such a length.
int64_t block_of(int64_t extent) {
  for (int64_t away = 0; away <= kBlock / 2; away += kLanes)
    for (const int64_t length : {kBlock - away, kBlock + away})
      if (extent % length == 0) return length;
  return kBlock;
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
    Shape shape = b_.type(x).shape;
    const int64_t extent = shape[at(axis)];
    const int64_t length = block_of(extent);
    const int64_t whole = extent / length * length;
    const Value blocks = whole == extent ? x : part(x, axis, 0, whole);
    shape[at(axis)] = length;
    shape.insert(shape.begin() + axis, whole / length);
    const Value sums = reduce(b_.reshape(blocks, shape), {axis + 1});
    if (whole == extent) return sums;
    Shape one = b_.type(sums).shape;
    one[at(axis)] = 1;
    const Value rest = b_.reshape(reduce(part(x, axis, whole, extent), {axis}), one);
    return b_.make(Op::concat, {sums, rest}, AxisAttrs{axis});
  }

  Value part(Value x, int64_t axis, int64_t begin, int64_t end) {
    SliceAttrs slice{Shape(at(b_.type(x).rank()), 0), b_.type(x).shape};
    slice.begin[at(axis)] = begin;
    slice.end[at(axis)] = end;
    return b_.make(Op::slice, {x}, std::move(slice));
  }

  Builder& b_;
  Op op_;
};

}  // namespace

Graph split_sums(const Graph& graph) {
  return rebuild(graph,
                 [](Rewriter& rewriter, NodeId id, const Node& node) -> std::optional<std::vector<Value>> {
                   const auto* attrs = std::get_if<ReduceAttrs>(&node.attrs);
                   if (attrs == nullptr) return std::nullopt;
                   SumSplitter splitter(rewriter.builder(), node.op);
                   return std::vector<Value>{splitter.sum(rewriter.operands(id)[0], attrs->axes)};
                 });
}

}  // namespace nnc::passes
