// Causal attention computes, of its weights and of what is multiplied with them, the half that a mask leaves.
//   %4 = where %mask, %scores, %minus_inf   %5 = softmax of it   %6 = matmul %5, v : f32[64,32]      mask: i >= j
//   →  %6 = matmul %5, v {triangle = k_le_i} : f32[64,32]
// A product whose operand is zero beyond the diagonal leaves out those terms; one whose result nothing reads beyond it, or only to
// multiply it by zero, leaves out those sums. That a value is zero there follows from comparisons of two counters (iota, a
// constant 0, 1, 2 …), and from what is computed of them: choices, exp(-inf), products with anything, sums of zeros, moved axes.
// What is left out is zero as long as all numbers are finite. The weights of a row are zero beyond the diagonal, to the bit, or
// all NaN, which what is left shows as well. Only a number beyond the diagonal that is not finite itself, and would be
// multiplied by zero, is no longer seen.
// Left alone: masks of large negative numbers, which are zero after exp by rounding only; bands, whose other side stays; places
// beyond which counters differ by more than the diagonal, as with past keys; axes of different lengths; results of less than two
// vectors, which no tile lies beyond.
#include <cmath>
#include <map>
#include <tuple>

#include "ir/order.h"
#include "passes/pass.h"
#include "passes/rewrite.h"

namespace nnc::passes {
namespace {

constexpr int kDeepest = 64;  // nodes that a question may go through

// The places of a tensor whose index along the axis `low` is above that along `high`.
struct Beyond {
  int64_t low;
  int64_t high;
  auto operator<=>(const Beyond&) const = default;
};

// What all elements beyond a diagonal may be.
enum class Known : uint8_t { zero, minus_infinity, on, off };

class Masks {
 public:
  explicit Masks(const Graph& graph) : g_(graph), readers_(graph) {}

  bool is(Value value, Beyond at, Known known) {
    const auto [found, is_new] = is_.try_emplace({value, at, known}, false);
    if (!is_new || depth_ == kDeepest) return found->second;
    ++depth_;
    const bool answer = find(value, at, known);
    --depth_;
    return is_[{value, at, known}] = answer;
  }

  // Whether no output depends on what the elements there are, as long as they are finite.
  bool is_unread(Value value, Beyond at) {
    const auto [found, is_new] = unread_.try_emplace({value, at}, false);
    if (!is_new || depth_ == kDeepest) return found->second;
    ++depth_;
    const bool answer = std::ranges::all_of(readers_.of(value), [&](NodeId reader) {
      return reader.valid() && leaves_unread(g_.nodes[reader], reader, value, at);
    });
    --depth_;
    return unread_[{value, at}] = answer;
  }

 private:
  bool find(Value value, Beyond at, Known known) {
    if (const std::optional<double> number = uniform_value(g_, value)) return is_number(*number, known);
    const Node& node = g_.node(value);
    const auto operand = [&](size_t i, Known what) { return is(node.operands[i], at, what); };
    const auto number = [&](size_t i) { return uniform_value(g_, node.operands[i]).value_or(0); };
    if (moves_axes(node)) {
      const std::optional<Beyond> there = in_operand(node, at);
      return there && is(node.operands[0], *there, known);
    }
    if (node.op == Op::where) {
      if (operand(0, Known::on)) return operand(1, known);
      if (operand(0, Known::off)) return operand(2, known);
      return operand(1, known) && operand(2, known);
    }
    if (node.op == Op::ge) return compares(node, known, at, 0, 1, false);
    if (node.op == Op::gt) return compares(node, known, at, 0, 1, true);
    if (node.op == Op::le) return compares(node, known, at, 1, 0, false);
    if (node.op == Op::lt) return compares(node, known, at, 1, 0, true);
    if (known == Known::zero) {
      if (node.op == Op::mul) return operand(0, known) || operand(1, known);
      if (node.op == Op::add || node.op == Op::sub) return operand(0, known) && operand(1, known);
      if (node.op == Op::div || node.op == Op::neg) return operand(0, known);
      if (node.op == Op::exp) return operand(0, Known::minus_infinity);
      return node.op == Op::cast &&
             operand(0, g_.type(node.operands[0]).dtype == DType::boolean ? Known::off : Known::zero);
    }
    if (known != Known::minus_infinity) return false;
    if (node.op == Op::mul)
      return (number(1) > 0 && operand(0, known)) || (number(0) > 0 && operand(1, known));
    if (node.op == Op::add) return operand(0, known) || operand(1, known);
    return (node.op == Op::sub || (node.op == Op::div && number(1) > 0)) && operand(0, known);
  }

  static bool moves_axes(const Node& node) {
    return node.op == Op::broadcast || node.op == Op::permute || node.op == Op::reshape;
  }

  static bool is_number(double number, Known known) {
    if (known == Known::minus_infinity) return number == -INFINITY;
    return number == (known == Known::on ? 1 : 0);
  }

  // Whether operand `first` is known to be at least operand `second`, or greater; or known not to be.
  bool compares(const Node& node, Known known, Beyond at, size_t first, size_t second, bool greater) {
    if (known != Known::on && known != Known::off) return false;
    if (known == Known::off) std::swap(first, second), greater = !greater;
    const std::optional<int64_t> above = count(node.operands[first], at.low);
    const std::optional<int64_t> below = count(node.operands[second], at.high);
    // The indices differ by 1 at least.
    return above && below && (greater ? 1 + *above > *below : 1 + *above >= *below);
  }

  // What is added to the index along an axis, if that is all that the value is.
  std::optional<int64_t> count(Value value, int64_t axis) {
    constexpr int64_t kMost = 1 << 24;  // exact in f32
    const Node& node = g_.node(value);
    std::optional<int64_t> found;
    if (node.op == Op::iota && std::get<IotaAttrs>(node.attrs).axis == axis) found = 0;
    if (node.op == Op::constant && node.types[0].rank() == 1) {
      const std::vector<double>& numbers = std::get<ConstantAttrs>(node.attrs).values;
      const double first = numbers.empty() ? 0.5 : numbers.front();
      bool counts = first == std::floor(first) && std::abs(first) < kMost && numbers.size() > 1;
      for (size_t i = 0; i < numbers.size(); ++i)
        counts = counts && numbers[i] == first + static_cast<double>(i);
      if (counts) found = static_cast<int64_t>(first);
    }
    if (moves_axes(node))
      if (const std::optional<Beyond> there = in_operand(node, {axis, axis}))
        found = count(node.operands[0], there->low);
    if (node.op == Op::cast && node.types[0].dtype != DType::u8 && node.types[0].dtype != DType::boolean)
      found = count(node.operands[0], axis);
    if (node.op == Op::add || node.op == Op::sub)
      if (const std::optional<double> more = uniform_value(g_, node.operands[1]);
          more && *more == std::floor(*more) && std::abs(*more) < kMost) {
        found = count(node.operands[0], axis);
        if (found) *found += static_cast<int64_t>(node.op == Op::add ? *more : -*more);
      }
    const bool is_exact = found && std::abs(*found) + node.types[0].shape[static_cast<size_t>(axis)] < kMost;
    return is_exact ? found : std::nullopt;
  }

  // The axes of the operand that these of the result are.
  std::optional<Beyond> in_operand(const Node& node, Beyond at) {
    const int64_t rank = g_.type(node.operands[0]).rank();
    std::optional<int64_t> low, high;
    for (int64_t axis = 0; axis < rank; ++axis) {
      const std::optional<int64_t> there = in_result(node, axis);
      if (there == at.low) low = axis;
      if (there == at.high) high = axis;
    }
    return low && high ? std::optional(Beyond{*low, *high}) : std::nullopt;
  }

  // The axis of the result that one of the operand becomes as it is.
  std::optional<int64_t> in_result(const Node& node, int64_t axis) {
    if (node.op == Op::broadcast) return std::get<BroadcastAttrs>(node.attrs).axes[static_cast<size_t>(axis)];
    if (node.op == Op::permute) {
      const std::vector<int64_t>& order = std::get<PermuteAttrs>(node.attrs).order;
      return std::ranges::find(order, axis) - order.begin();
    }
    const Shape& from = g_.type(node.operands[0]).shape;
    const Shape& to = node.types[0].shape;
    int64_t inside = 1, inside_there = 1;  // elements of what lies within the axis
    for (size_t d = from.size(); d-- > static_cast<size_t>(axis) + 1;) inside *= from[d];
    for (size_t d = to.size(); d-- > 0; inside_there *= to[d])
      if (inside_there == inside && to[d] == from[static_cast<size_t>(axis)]) return static_cast<int64_t>(d);
    return std::nullopt;
  }

  bool leaves_unread(const Node& node, NodeId id, Value value, Beyond at) {
    const auto is_only = [&](size_t i) {
      return std::ranges::count(node.operands, value) == 1 && node.operands[i] == value;
    };
    if (node.op == Op::where && is_only(1) && is(node.operands[0], at, Known::off)) return true;
    if (node.op == Op::where && is_only(2) && is(node.operands[0], at, Known::on)) return true;
    if (node.op == Op::mul)
      for (const size_t i : {0, 1})
        if (is_only(i) && is(node.operands[1 - i], at, Known::zero)) return true;
    if (moves_axes(node)) {
      const std::optional<int64_t> low = in_result(node, at.low), high = in_result(node, at.high);
      return low && high && is_unread({id, 0}, {*low, *high});
    }
    return op_def(node.op).has(kElementwise) && node.types.size() == 1 && is_unread({id, 0}, at);
  }

  const Graph& g_;
  Readers readers_;
  std::map<std::tuple<Value, Beyond, Known>, bool> is_;
  std::map<std::tuple<Value, Beyond>, bool> unread_;
  int depth_ = 0;
};

Triangle triangle_of(Masks& masks, const Graph& graph, NodeId id) {
  const Node& node = graph.nodes[id];
  const auto& attrs = std::get<MatmulAttrs>(node.attrs);
  const Shape& result = node.types[0].shape;
  const int64_t last = node.types[0].rank() - 1, before = last - 1;
  const int64_t i = result[static_cast<size_t>(before)], j = result[static_cast<size_t>(last)];
  const int64_t k =
      graph.type(node.operands[0]).shape[static_cast<size_t>(attrs.transpose_a ? before : last)];
  if (i == k && k > 1) {
    const int64_t rows = attrs.transpose_a ? last : before, terms = attrs.transpose_a ? before : last;
    if (masks.is(node.operands[0], {terms, rows}, Known::zero)) return Triangle::k_le_i;
    if (masks.is(node.operands[0], {rows, terms}, Known::zero)) return Triangle::i_le_k;
  }
  if (j == k && k > 1) {
    const int64_t columns = attrs.transpose_b ? before : last, terms = attrs.transpose_b ? last : before;
    if (masks.is(node.operands[1], {terms, columns}, Known::zero)) return Triangle::k_le_j;
    if (masks.is(node.operands[1], {columns, terms}, Known::zero)) return Triangle::j_le_k;
  }
  if (i == j && i >= 2 * kLanes) {
    if (masks.is_unread({id, 0}, {last, before})) return Triangle::j_le_i;
    if (masks.is_unread({id, 0}, {before, last})) return Triangle::i_le_j;
  }
  return Triangle::none;
}

}  // namespace

Graph skip_masked(const Graph& graph) {
  Masks masks(graph);
  return rebuild(
      graph, [&](Rewriter& rewriter, NodeId id, const Node& node) -> std::optional<std::vector<Value>> {
        if (node.op != Op::matmul) return std::nullopt;
        auto attrs = std::get<MatmulAttrs>(node.attrs);
        if (attrs.triangle != Triangle::none) return std::nullopt;
        attrs.triangle = triangle_of(masks, graph, id);
        if (attrs.triangle == Triangle::none) return std::nullopt;
        return std::vector<Value>{rewriter.builder().make(Op::matmul, rewriter.operands(id), attrs)};
      });
}

}  // namespace nnc::passes
