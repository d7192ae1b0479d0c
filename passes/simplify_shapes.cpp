// The rules of simplify for ops that only move elements (listed at the top of simplify.cpp).
#include <algorithm>

#include "passes/simplify.h"

namespace nnc::passes {
namespace {

using Rewrite = std::optional<Value>;

size_t at(int64_t i) {
  return static_cast<size_t>(i);
}

Shape without_ones(const Shape& shape) {
  Shape result;
  std::copy_if(shape.begin(), shape.end(), std::back_inserter(result),
               [](int64_t extent) { return extent != 1; });
  return result;
}

// ---- broadcast -------------------------------------------------------------------------------------------

// One that changes no element is a reshape; one whose operand has extents of 1 leaves them out.
Rewrite broadcast_ones(Simplifier& s, const Candidate& c) {
  const auto& attrs = std::get<BroadcastAttrs>(c.attrs);
  const Shape shape = s.type(c.x[0]).shape;
  if (element_count(shape) == element_count(attrs.shape)) return s.reshape(c.x[0], attrs.shape);
  if (std::find(shape.begin(), shape.end(), 1) == shape.end()) return std::nullopt;
  std::vector<int64_t> axes;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] != 1) axes.push_back(attrs.axes[i]);
  }
  return s.broadcast(s.reshape(c.x[0], without_ones(shape)), attrs.shape, axes);
}

Rewrite broadcast_again(Simplifier& s, const Candidate& c) {
  const auto& attrs = std::get<BroadcastAttrs>(c.attrs);
  const Node* inner = s.made(c.x[0], Op::broadcast);
  if (inner == nullptr) return std::nullopt;
  std::vector<int64_t> axes;
  for (int64_t axis : std::get<BroadcastAttrs>(inner->attrs).axes) axes.push_back(attrs.axes[at(axis)]);
  Value x = inner->operands[0];
  return s.broadcast(x, attrs.shape, axes);
}

// A number repeated stays one, whatever happens to its shape.
Rewrite repeated_number(Simplifier& s, const Candidate& c) {
  const Node* node = s.made(c.x[0], Op::broadcast);
  if (node == nullptr || !s.type(node->operands[0]).shape.empty()) return std::nullopt;
  Value x = node->operands[0];
  return s.broadcast(x, c.type.shape, {});
}

// ---- reshape, permute ------------------------------------------------------------------------------------

Rewrite reshape_rules(Simplifier& s, const Candidate& c) {
  if (s.type(c.x[0]).shape == c.type.shape) return c.x[0];
  const Node* inner = s.made(c.x[0], Op::reshape);
  if (inner == nullptr) return std::nullopt;
  Value x = inner->operands[0];
  return s.reshape(x, c.type.shape);
}

Rewrite reshape_broadcast(Simplifier& s, const Candidate& c) {
  const Node* node = s.made(c.x[0], Op::broadcast);
  if (node == nullptr) return std::nullopt;
  Value x = node->operands[0];
  auto moved = reshape_of_broadcast(s.type(x).shape, std::get<BroadcastAttrs>(node->attrs), c.type.shape);
  if (!moved) return std::nullopt;
  return s.broadcast(s.reshape(x, moved->inner), moved->how.shape, moved->how.axes);
}

// Along an axis that the reshape keeps, pieces are reshaped before they are put together: what is put together is stored once.
Rewrite reshape_concat(Simplifier& s, const Candidate& c) {
  const Node* node = s.made(c.x[0], Op::concat);
  if (node == nullptr) return std::nullopt;
  const size_t axis = at(std::get<AxisAttrs>(node->attrs).axis);
  const std::vector<Value> pieces = node->operands;
  for (const Run& run : runs_of(s.type(c.x[0]).shape, c.type.shape)) {
    if (run.from != axis || run.from_end != axis + 1 || run.to_end != run.to + 1) continue;
    std::vector<Value> reshaped;
    for (const Value piece : pieces) {
      Shape shape = c.type.shape;
      shape[run.to] = s.type(piece).shape[axis];
      reshaped.push_back(s.reshape(piece, shape));
    }
    return s.make(Op::concat, reshaped, AxisAttrs{static_cast<int64_t>(run.to)});
  }
  return std::nullopt;
}

Rewrite permute_rules(Simplifier& s, const Candidate& c) {
  const auto& order = std::get<PermuteAttrs>(c.attrs).order;
  const Shape& shape = s.type(c.x[0]).shape;
  std::vector<int64_t> moved;  // axes that are not 1
  for (int64_t axis : order) {
    if (shape[at(axis)] != 1) moved.push_back(axis);
  }
  if (std::is_sorted(moved.begin(), moved.end())) return s.reshape(c.x[0], c.type.shape);
  const Node* inner = s.made(c.x[0], Op::permute);
  if (inner == nullptr) return std::nullopt;
  const auto& first = std::get<PermuteAttrs>(inner->attrs).order;
  std::vector<int64_t> both;
  for (int64_t axis : order) both.push_back(first[at(axis)]);
  Value x = inner->operands[0];
  return s.make(Op::permute, {x}, PermuteAttrs{both});
}

// ---- slice, concat, pad ----------------------------------------------------------------------------------

Rewrite slice_whole_or_again(Simplifier& s, const Candidate& c) {
  if (c.type.shape == s.type(c.x[0]).shape) return c.x[0];
  const Node* inner = s.made(c.x[0], Op::slice);
  if (inner == nullptr) return std::nullopt;
  SliceAttrs both = std::get<SliceAttrs>(c.attrs);
  const auto& first = std::get<SliceAttrs>(inner->attrs);
  for (size_t i = 0; i < both.begin.size(); ++i) {
    both.begin[i] += first.begin[i];
    both.end[i] += first.begin[i];
  }
  Value x = inner->operands[0];
  return s.make(Op::slice, {x}, both);
}

// A slice that lies within one operand of a concat.
Rewrite slice_of_concat(Simplifier& s, const Candidate& c) {
  const Node* concat = s.made(c.x[0], Op::concat);
  if (concat == nullptr) return std::nullopt;
  size_t axis = at(std::get<AxisAttrs>(concat->attrs).axis);
  SliceAttrs attrs = std::get<SliceAttrs>(c.attrs);
  int64_t start = 0;
  for (Value piece : concat->operands) {
    int64_t extent = s.type(piece).shape[axis];
    if (attrs.begin[axis] >= start && attrs.end[axis] <= start + extent) {
      attrs.begin[axis] -= start;
      attrs.end[axis] -= start;
      return s.make(Op::slice, {piece}, attrs);
    }
    start += extent;
  }
  return std::nullopt;
}

// A slice that lies within what a pad has put there.
Rewrite slice_of_pad(Simplifier& s, const Candidate& c) {
  const Node* pad = s.made(c.x[0], Op::pad);
  if (pad == nullptr) return std::nullopt;
  Value x = pad->operands[0];
  const std::vector<int64_t> begin = std::get<PadAttrs>(pad->attrs).begin;
  SliceAttrs attrs = std::get<SliceAttrs>(c.attrs);
  for (size_t i = 0; i < begin.size(); ++i) {
    attrs.begin[i] -= begin[i];
    attrs.end[i] -= begin[i];
    if (attrs.begin[i] < 0 || attrs.end[i] > s.type(x).shape[i]) return std::nullopt;
  }
  return s.make(Op::slice, {x}, attrs);
}

Rewrite pad_nothing(Simplifier& s, const Candidate& c) {
  return s.type(c.x[0]) == c.type ? Rewrite(c.x[0]) : std::nullopt;
}

// concat of the slices of one value, in order and without gaps.
Rewrite concat_rules(Simplifier& s, const Candidate& c) {
  if (c.x.size() == 1) return c.x[0];
  size_t axis = at(std::get<AxisAttrs>(c.attrs).axis);
  std::optional<Value> whole;
  int64_t reached = 0;
  for (Value piece : c.x) {
    const Node* slice = s.made(piece, Op::slice);
    if (slice == nullptr || (whole && *whole != slice->operands[0])) return std::nullopt;
    whole = slice->operands[0];
    const auto& attrs = std::get<SliceAttrs>(slice->attrs);
    if (attrs.begin[axis] != reached) return std::nullopt;
    reached = attrs.end[axis];
  }
  return s.type(*whole) == c.type ? whole : std::nullopt;
}

// The one axis along which a pad adds anything.
std::optional<size_t> padded_axis(const Simplifier& s, const Node& pad) {
  std::optional<size_t> axis;
  const Shape& from = s.type(pad.operands[0]).shape;
  for (size_t i = 0; i < from.size(); ++i) {
    if (from[i] == pad.types[0].shape[i]) continue;
    if (axis) return std::nullopt;
    axis = i;
  }
  return axis;
}

// Pads along one axis whose operands tile it: what the parts of a split leave behind in the backward graph.
Rewrite add_of_pads(Simplifier& s, const Candidate& c) {
  constexpr size_t kMaxPieces = 64;
  struct Piece {
    int64_t begin;
    Value x;
  };
  std::vector<Piece> pieces;
  std::optional<size_t> axis;
  std::vector<Value> open(c.x.begin(), c.x.end());
  while (!open.empty()) {
    const Node& node = s.graph().node(open.back());
    open.pop_back();
    if (node.op == Op::add) {
      open.insert(open.end(), node.operands.begin(), node.operands.end());
      if (open.size() > kMaxPieces) return std::nullopt;
      continue;
    }
    if (node.op != Op::pad || pieces.size() >= kMaxPieces) return std::nullopt;
    auto along = padded_axis(s, node);
    if (!along || (axis && *axis != *along)) return std::nullopt;
    axis = along;
    pieces.push_back({std::get<PadAttrs>(node.attrs).begin[*along], node.operands[0]});
  }
  std::sort(pieces.begin(), pieces.end(), [](const Piece& a, const Piece& b) { return a.begin < b.begin; });
  int64_t reached = 0;
  std::vector<Value> operands;
  for (const Piece& piece : pieces) {
    if (piece.begin != reached) return std::nullopt;
    reached += s.type(piece.x).shape[*axis];
    operands.push_back(piece.x);
  }
  if (reached != c.type.shape[*axis]) return std::nullopt;
  return s.make(Op::concat, operands, AxisAttrs{static_cast<int64_t>(*axis)});
}

// ---- convolutions ----------------------------------------------------------------------------------------

// A window of one place reaches one place of each stride; the others are zeros, which whoever reads the result need not load.
Rewrite input_of_points(Simplifier& s, const Candidate& c) {
  const auto attrs = std::get<ConvAttrs>(c.attrs);
  const size_t axes = attrs.size.size();
  const auto last = [&](Value value) { return std::span(s.type(value).shape).last(axes); };
  const auto are = [](std::span<const int64_t> numbers, int64_t n) {
    return std::ranges::all_of(numbers, [&](int64_t number) { return number == n; });
  };
  if (!are(last(c.x[1]), 1) || !are(attrs.padding, 0) || are(attrs.stride, 1)) return std::nullopt;
  const auto reached = last(c.x[0]);
  ConvAttrs dense{{reached.begin(), reached.end()}, Shape(axes, 1), attrs.padding, attrs.dilation};
  const Shape shape = c.type.shape;
  const Shape lead(shape.begin(), shape.end() - static_cast<std::ptrdiff_t>(axes));
  Shape apart = lead, padded = lead, all = lead;
  for (size_t i = 0; i < axes; ++i) {
    apart.insert(apart.end(), {dense.size[i], 1});
    padded.insert(padded.end(), {dense.size[i], attrs.stride[i]});
    all.push_back(dense.size[i] * attrs.stride[i]);
  }
  const Value points = s.make(Op::conv_input, {c.x[0], c.x[1]}, dense);
  const Value zeros = s.make(Op::pad, {s.reshape(points, apart)}, PadAttrs{padded, Shape(padded.size(), 0)});
  return s.make(Op::slice, {s.reshape(zeros, all)}, SliceAttrs{Shape(shape.size(), 0), shape});
}

}  // namespace

std::vector<Run> runs_of(const Shape& from, const Shape& to) {
  std::vector<Run> runs;
  size_t f = 0;
  size_t t = 0;
  while (f < from.size() || t < to.size()) {
    Run run{f, f, t, t};
    int64_t before = f < from.size() ? from[f++] : 1;
    int64_t after = t < to.size() ? to[t++] : 1;
    while (before != after) {
      if (before < after) {
        before *= from[f++];
      } else {
        after *= to[t++];
      }
    }
    run.from_end = f;
    run.to_end = t;
    runs.push_back(run);
  }
  return runs;
}

std::optional<ReshapedBroadcast> reshape_of_broadcast(const Shape& shape, const BroadcastAttrs& how,
                                                      const Shape& to) {
  ReshapedBroadcast result{{}, {to, {}}};
  if (std::find(shape.begin(), shape.end(), 1) != shape.end()) return std::nullopt;
  for (const Run& run : runs_of(how.shape, to)) {
    size_t own = 0;  // axes of the run that the operand has, and those that are not 1
    size_t all = 0;
    for (size_t axis = run.from; axis < run.from_end; ++axis) {
      bool has = std::find(how.axes.begin(), how.axes.end(), static_cast<int64_t>(axis)) != how.axes.end();
      own += has ? 1 : 0;
      all += has || how.shape[axis] != 1 ? 1 : 0;
    }
    if (own == 0) continue;
    if (own != all) return std::nullopt;
    for (size_t axis = run.to; axis < run.to_end; ++axis) {
      if (to[axis] == 1) continue;
      result.inner.push_back(to[axis]);
      result.how.axes.push_back(static_cast<int64_t>(axis));
    }
  }
  return result;
}

std::span<const Rule> shape_rules() {
  static constexpr Rule kRules[] = {
      {Op::broadcast, broadcast_ones},   {Op::broadcast, broadcast_again},
      {Op::reshape, reshape_rules},      {Op::reshape, reshape_broadcast},
      {Op::reshape, reshape_concat},     {Op::permute, permute_rules},
      {Op::permute, repeated_number},    {Op::slice, slice_whole_or_again},
      {Op::slice, repeated_number},      {Op::slice, slice_of_concat},
      {Op::slice, slice_of_pad},         {Op::pad, pad_nothing},
      {Op::concat, concat_rules},        {Op::add, add_of_pads},
      {Op::conv_input, input_of_points},
  };
  return kRules;
}

}  // namespace nnc::passes
