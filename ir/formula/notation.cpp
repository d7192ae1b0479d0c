// Lining values up. See notation.h.
#include "ir/formula/notation.h"

#include <algorithm>
#include <numeric>

namespace nnc::formula {

Written Notation::whole(ExprId expr, size_t rank) {
  Written w{expr, std::vector<size_t>(rank)};
  for (size_t i = 0; i < rank; ++i) w.axes[i] = rank - i;
  return w;
}

// Whether the expression has more than one place along that axis of the value.
bool Notation::is_real(const Written& w, size_t axis) const {
  const Shape& shape = formula.shape(w.expr);
  const size_t back = w.axes[axis];
  return back >= 1 && back <= shape.size() && shape[shape.size() - back] > 1;
}

bool Notation::fits(const Written& w, const Frame& frame) const {
  for (size_t i = 0; i < w.axes.size(); ++i)
    if (is_real(w, i) && frame.axes[i] != w.axes[i]) return false;
  return true;
}

// The expression with its axes where the frame has them: by `[:, ·]` where it has no axis of one place, else by a reshape.
ExprId Notation::aligned(const Written& w, const Frame& frame) {
  if (fits(w, frame)) return w.expr;
  const Shape& from = formula.shape(w.expr);
  size_t depth = 0, kept = 0;
  for (size_t i = 0; i < w.axes.size(); ++i)
    if (is_real(w, i)) depth = std::max(depth, frame.axes[i]), ++kept;
  Numbers pattern(depth, 0), shape(depth, 1);
  for (size_t i = 0; i < w.axes.size(); ++i)
    if (is_real(w, i)) {
      pattern[depth - frame.axes[i]] = 1;
      shape[depth - frame.axes[i]] = from[from.size() - w.axes[i]];
    }
  if (kept == from.size()) return formula.call(Fn::align, {w.expr}, {pattern});
  return formula.call(Fn::reshape, {w.expr}, {shape});
}

ExprId Notation::lined_up(size_t operand) {
  const size_t rank = shape(operand).size();
  return aligned(x[operand], {rank, whole(x[operand].expr, rank).axes});
}

ExprId Notation::exact(size_t operand) {
  const Shape& to = shape(operand);
  ExprId expr = lined_up(operand);
  if (const Shape& longer = formula.shape(expr); longer.size() > to.size())
    expr = formula.call(Fn::reshape, {expr}, {Numbers(longer.end() - std::ssize(to), longer.end())});
  if (formula.shape(expr) == to) return expr;
  const Shape& from = formula.shape(expr);
  if (from.size() < to.size() && std::equal(from.rbegin(), from.rend(), to.rbegin()) &&
      element_count(from) == element_count(to)) {
    Numbers pattern(to.size() - from.size(), 0);
    pattern.resize(to.size(), 1);
    return formula.call(Fn::align, {expr}, {pattern});
  }
  return element_count(from) == element_count(to) ? formula.call(Fn::reshape, {expr}, {to})
                                                  : formula.call(Fn::expand, {expr}, {to});
}

ExprId Notation::matrix(size_t operand) {
  const ExprId expr = lined_up(operand);
  const Shape &is = formula.shape(expr), &to = shape(operand);
  const size_t more = is.size() - std::min(is.size(), to.size());
  const bool is_longer =
      std::equal(is.begin() + static_cast<ptrdiff_t>(more), is.end(), to.begin(), to.end());
  return is_longer && std::count(is.begin(), is.begin() + static_cast<ptrdiff_t>(more), 1) ==
                          static_cast<ptrdiff_t>(more)
             ? expr
             : exact(operand);
}

// The frame is that of the operand that leaves the fewest others to be aligned, or the graph's own.
std::vector<Written> Notation::elementwise(const std::function<ExprId(std::span<const ExprId>)>& of) {
  const size_t rank = node.types[0].shape.size();
  std::vector<Frame> frames;
  const auto covers = [&](const Frame& frame) {
    for (const Written& w : x)
      for (size_t i = 0; i < rank; ++i)
        if (is_real(w, i) && frame.axes[i] == 0) return false;
    return true;
  };
  for (const Written& w : x) frames.push_back({formula.shape(w.expr).size(), w.axes});
  frames.push_back({rank, whole(x[0].expr, rank).axes});
  std::erase_if(frames, [&](const Frame& frame) { return !covers(frame); });
  const auto cost = [&](const Frame& frame) {
    const auto others = std::ranges::count_if(x, [&](const Written& w) { return !fits(w, frame); });
    return std::pair(others, -static_cast<ptrdiff_t>(frame.rank));
  };
  const Frame frame = *std::ranges::min_element(frames, {}, cost);
  std::vector<ExprId> operands;
  for (const Written& w : x) operands.push_back(aligned(w, frame));
  return {{of(operands), frame.axes}};
}

Written Notation::reduced(Fn fn, const std::vector<int64_t>& axes) {
  const Written& w = x[0];
  const size_t rank = formula.shape(w.expr).size();
  Numbers along;
  double repeats = 1;
  for (const int64_t axis : axes) {
    const auto i = static_cast<size_t>(axis);
    if (is_real(w, i))
      along.push_back(static_cast<int64_t>(rank - w.axes[i]));
    else
      repeats *= static_cast<double>(shape(0)[i]);
  }
  std::ranges::sort(along);
  size_t real = 0;
  for (size_t i = 0; i < w.axes.size(); ++i) real += is_real(w, i) ? 1 : 0;
  ExprId expr = w.expr;
  if (!along.empty()) {
    if (along.size() == real) along.clear();
    expr = formula.call(fn, {expr}, {along});
  } else if (fn == Fn::argmax) {
    expr = formula.number(0);  // of one place
  }
  if (fn == Fn::sum && repeats != 1) expr = formula.times(repeats, expr);
  Written result{expr, {}};
  for (size_t i = 0; i < w.axes.size(); ++i)
    if (std::ranges::find(axes, static_cast<int64_t>(i)) == axes.end()) result.axes.push_back(w.axes[i]);
  return result;
}

}  // namespace nnc::formula
