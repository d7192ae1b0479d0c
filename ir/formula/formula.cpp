// Expressions and their shapes. See formula.h.
#include "ir/formula/formula.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "support/check.h"

namespace nnc::formula {
namespace {

struct Row {
  std::string_view text, parameters;
};
constexpr Row kRows[] = {
#define NNC_FUNCTION(name, text, parameters) {text, parameters},
#include "ir/formula/functions.def"
};

const Row& row(Fn fn) {
  return kRows[static_cast<size_t>(fn)];
}

std::string shapes_text(std::span<const Shape> shapes) {
  std::string out;
  for (const Shape& shape : shapes) out += (out.empty() ? "" : " and ") + to_string(shape);
  return out;
}

// The parameter, or `fill` for each of `count` axes where it is left out.
Numbers filled(const Numbers& numbers, size_t count, int64_t fill) {
  return numbers.empty() ? Numbers(count, fill) : numbers;
}

int64_t first_of(const Numbers& numbers) {
  return numbers.empty() ? 0 : numbers[0];
}

}  // namespace

Numbers places_of(const ConvAttrs& a, const Shape& x, const Shape& w) {
  Numbers size;
  const size_t spatial = a.stride.size();
  for (size_t i = 0; i < spatial; ++i) {
    const int64_t wide = x[x.size() - spatial + i] + 2 * a.padding[i];
    size.push_back((wide - a.dilation[i] * (w[w.size() - spatial + i] - 1) - 1) / a.stride[i] + 1);
  }
  return size;
}

namespace {

// How many axes the windows of a convolution move over: all but two, or three with groups.
size_t spatial_axes(const Expr& expr, std::span<const Shape> x) {
  for (const Numbers& each : expr.parameters)
    if (!each.empty()) return each.size();
  return x[0].size() < 2 ? 0 : x[0].size() - 2;
}

std::optional<AsOp> conv_as_op(const Expr& expr, std::span<const Shape> x) {
  const size_t spatial = spatial_axes(expr, x);
  const auto& p = expr.parameters;
  ConvAttrs attrs{p[0], filled(p[1], spatial, 1), filled(p[2], spatial, 0), filled(p[3], spatial, 1)};
  const bool fits = attrs.stride.size() == spatial && attrs.padding.size() == spatial &&
                    attrs.dilation.size() == spatial && x[0].size() >= spatial && x[1].size() >= spatial;
  if (!fits || std::ranges::count(attrs.stride, 0) > 0) return std::nullopt;
  if (attrs.size.empty() && expr.fn == Fn::conv) attrs.size = places_of(attrs, x[0], x[1]);
  const Op op = expr.fn == Fn::conv ? Op::conv : expr.fn == Fn::conv_input ? Op::conv_input : Op::conv_weight;
  return AsOp{op, attrs};
}

}  // namespace

std::string_view written(Fn fn) {
  return row(fn).text;
}

std::vector<std::string_view> parameters_of(Fn fn) {
  std::vector<std::string_view> out;
  std::string_view rest = row(fn).parameters;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find(' '), rest.size());
    out.push_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return out;
}

bool is_reduction(Fn fn) {
  return fn == Fn::sum || fn == Fn::mean || fn == Fn::max || fn == Fn::min || fn == Fn::argmax ||
         fn == Fn::logsumexp;
}

bool broadcast_shapes(const Shape& a, const Shape& b, Shape& to) {
  const Shape& longer = a.size() >= b.size() ? a : b;
  const Shape& shorter = a.size() >= b.size() ? b : a;
  Shape out = longer;
  const size_t lead = longer.size() - shorter.size();
  for (size_t i = 0; i < shorter.size(); ++i) {
    int64_t& extent = out[lead + i];
    if (shorter[i] != extent && shorter[i] != 1 && extent != 1) return false;
    extent = std::max(extent, shorter[i]);
  }
  to = std::move(out);
  return true;
}

Numbers reduced_axes(const Expr& expr, size_t rank) {
  const Numbers& axes = expr.parameters[0];
  if (expr.fn == Fn::softmax && axes.empty()) return {static_cast<int64_t>(rank) - 1};
  if (!axes.empty()) return axes;
  Numbers all(rank);
  std::iota(all.begin(), all.end(), 0);
  return all;
}

std::optional<AsOp> as_op(const Expr& expr, std::span<const Shape> x) {
  const auto& p = expr.parameters;
  switch (expr.fn) {
    case Fn::conv:
    case Fn::conv_input:
    case Fn::conv_weight:
      return conv_as_op(expr, x);
    case Fn::onehot:
      return AsOp{Op::one_hot, ClassesAttrs{first_of(p[0])}};
    case Fn::take:
      return AsOp{Op::take, TakeAttrs{first_of(p[0]), first_of(p[1])}};
    case Fn::rows:
      return AsOp{Op::take, TakeAttrs{0, 0}};
    case Fn::add_at:
      return AsOp{Op::add_at, AddAtAttrs{first_of(p[0]), first_of(p[1]), first_of(p[2])}};
    case Fn::slice:
      return AsOp{Op::slice, SliceAttrs{p[0], p[1]}};
    case Fn::perm:
      return AsOp{Op::permute, PermuteAttrs{p[0]}};
    case Fn::reshape:
      return AsOp{Op::reshape, ReshapeAttrs{p[0]}};
    case Fn::pad:
      return AsOp{Op::pad, PadAttrs{p[0], p[1]}};
    case Fn::concat:
      return AsOp{Op::concat, AxisAttrs{first_of(p[0])}};
    case Fn::flip:
      return AsOp{Op::flip, ReduceAttrs{p[0]}};
    case Fn::windows:
      return AsOp{Op::windows, WindowsAttrs{p[0], p[1]}};
    case Fn::unwindow:
      return AsOp{Op::unwindow, WindowsAttrs{p[0], p[1]}};
    case Fn::pick:
      return AsOp{Op::pick, NoAttrs{}};
    case Fn::range:
      return AsOp{Op::iota, IotaAttrs{{first_of(p[0])}, 0, DType::i32}};
    default:
      return std::nullopt;
  }
}

std::vector<TensorType> op_types(const Expr& expr, std::span<const Shape> operands) {
  std::vector<TensorType> types;
  for (const Shape& shape : operands) types.push_back({DType::f32, shape});
  const bool indexes =
      expr.fn == Fn::take || expr.fn == Fn::rows || expr.fn == Fn::add_at || expr.fn == Fn::pick;
  if (indexes && types.size() == 2) types[1].dtype = DType::i32;
  if (expr.fn == Fn::onehot && !types.empty()) types[0].dtype = DType::i32;
  return types;
}

namespace {

std::string infer_elementwise(Expr& expr, std::span<const Shape> x) {
  expr.shape = {};
  for (const Shape& shape : x)
    if (!broadcast_shapes(expr.shape, shape, expr.shape)) return "the shapes do not fit: " + shapes_text(x);
  return {};
}

std::string infer_matmul(Expr& expr, std::span<const Shape> x) {
  const Shape &a = x[0], &b = x[1];
  if (a.size() < 2 || b.size() < 2 || a.back() != b[b.size() - 2])
    return "no matrices that can be multiplied: " + shapes_text(x);
  Shape lead;
  if (!broadcast_shapes({a.begin(), a.end() - 2}, {b.begin(), b.end() - 2}, lead))
    return "the stacks of matrices differ: " + shapes_text(x);
  lead.insert(lead.end(), {a[a.size() - 2], b.back()});
  expr.shape = std::move(lead);
  return {};
}

std::string infer_reduction(Expr& expr, const Shape& x) {
  const Numbers axes = reduced_axes(expr, x.size());
  for (const int64_t axis : axes)
    if (axis < 0 || axis >= static_cast<int64_t>(x.size()))
      return fmt::format("{} has no axis {}", to_string(x), axis);
  expr.shape = x;
  if (expr.fn == Fn::softmax) return {};
  for (const int64_t axis : axes) expr.shape[static_cast<size_t>(axis)] = 1;
  if (axes.size() == x.size()) expr.shape = {};
  return {};
}

std::string infer_pooled(Expr& expr, std::span<const Shape> x) {
  const Shape& of = x.back();
  const Inferred windows = infer_types(Op::windows, std::vector<TensorType>{{DType::f32, of}},
                                       WindowsAttrs{expr.parameters[0], expr.parameters[1]});
  if (!windows.error.empty()) return windows.error;
  expr.shape = windows.types[0].shape;
  expr.shape.resize(of.size());
  if (expr.fn != Fn::max_unpool) return {};
  if (x[0] != expr.shape) return "not one for each window: " + shapes_text(x);
  expr.shape = of;
  return {};
}

std::string infer_moved(Expr& expr, const Shape& x) {
  expr.shape = x;
  const size_t rank = x.size();
  switch (expr.fn) {
    case Fn::transpose:
    case Fn::swap:
      if (rank < 2) return "no matrix: " + to_string(x);
      std::swap(expr.shape[expr.fn == Fn::swap ? 0 : rank - 1],
                expr.shape[expr.fn == Fn::swap ? 1 : rank - 2]);
      return {};
    case Fn::flat:
      if (rank < 1) return "no axes: a number";
      expr.shape = {element_count({x.begin(), x.end() - 1}), x.back()};
      return {};
    case Fn::align: {
      const Numbers& pattern = expr.parameters[0];
      if (std::ranges::count(pattern, 1) != static_cast<ptrdiff_t>(rank))
        return fmt::format("{} has another number of axes than are kept", to_string(x));
      expr.shape.clear();
      size_t next = 0;
      for (const int64_t kept : pattern) expr.shape.push_back(kept != 0 ? x[next++] : 1);
      return {};
    }
    case Fn::expand: {
      const Shape& to = expr.parameters[0];
      if (!broadcast_shapes(x, to, expr.shape) || expr.shape != to)
        return fmt::format("{} cannot be repeated to {}", to_string(x), to_string(to));
      return {};
    }
    case Fn::spread: {
      const Numbers& stride = expr.parameters[0];
      if (stride.size() > rank) return "more strides than axes: " + to_string(x);
      for (size_t i = 0; i < stride.size(); ++i) {
        int64_t& extent = expr.shape[rank - stride.size() + i];
        extent = (extent - 1) * stride[i] + 1;
      }
      return {};
    }
    default:  // step, place
      if (rank < 1) return "no sequence: a number";
      expr.shape.erase(expr.shape.begin());
      return {};
  }
}

}  // namespace

std::string infer_shape(Expr& expr, std::span<const Shape> x) {
  expr.parameters.resize(parameters_of(expr.fn).size());
  if (const std::optional<AsOp> as = as_op(expr, x)) {
    Inferred inferred = infer_types(as->op, op_types(expr, x), as->attrs);
    if (!inferred.error.empty()) return inferred.error;
    expr.shape = inferred.types[0].shape;
    // What is picked along the last axis leaves one place, as a sum would.
    if (expr.fn == Fn::pick) expr.shape.push_back(1);
    return {};
  }
  switch (expr.fn) {
    case Fn::number:
      expr.shape = {};
      return {};
    case Fn::symbol:
      return {};
    case Fn::list:
      expr.shape = {static_cast<int64_t>(expr.list.size())};
      return {};
    case Fn::add:
    case Fn::mul:
    case Fn::power:
    case Fn::compare:
    case Fn::relu:
    case Fn::elementwise:
      return infer_elementwise(expr, x);
    case Fn::matmul:
      return infer_matmul(expr, x);
    case Fn::sum:
    case Fn::mean:
    case Fn::max:
    case Fn::min:
    case Fn::argmax:
    case Fn::softmax:
    case Fn::logsumexp:
      return infer_reduction(expr, x[0]);
    case Fn::max_pool:
    case Fn::max_unpool:
    case Fn::avg_pool:
      return infer_pooled(expr, x);
    default:
      return x.empty() ? "nothing to move" : infer_moved(expr, x[0]);
  }
}

ExprId Formula::number(double value, double over) {
  Expr expr;
  expr.number = value, expr.over = over;
  return make(std::move(expr));
}

ExprId Formula::symbol(std::string name, Shape shape) {
  Expr expr{Fn::symbol};
  expr.name = std::move(name), expr.shape = std::move(shape);
  return intern(std::move(expr));
}

ExprId Formula::call(Fn fn, std::vector<ExprId> x, std::vector<Numbers> parameters) {
  Expr expr{fn, std::move(x), std::move(parameters)};
  if (fn == Fn::mul) expr.number = 1;
  return make(std::move(expr));
}

ExprId Formula::elementwise(std::string_view op, std::vector<ExprId> x) {
  Expr expr{Fn::elementwise, std::move(x)};
  expr.name = op;
  return make(std::move(expr));
}

ExprId Formula::compare(std::string_view sign, ExprId a, ExprId b) {
  Expr expr{Fn::compare, {a, b}};
  expr.name = sign;
  return make(std::move(expr));
}

ExprId Formula::times(double value, ExprId a) {
  Expr expr{Fn::mul, {a}};
  expr.number = value;
  return make(std::move(expr));
}

ExprId Formula::div(ExprId a, ExprId b) {
  if (!is_number(b)) return mul(a, power(b, -1));
  Expr expr{Fn::mul, {a}};
  expr.number = exprs_[b].over, expr.over = exprs_[b].number;
  return make(std::move(expr));
}

// Sums and products of the same operands in another order are the same; they are written as they were first.
ExprId Formula::intern(Expr expr) {
  std::vector<Shape> shapes;
  std::vector<uint32_t> ids;
  for (const ExprId x : expr.x) shapes.push_back(shape(x)), ids.push_back(x.index);
  if (expr.fn != Fn::symbol) {
    const std::string error = infer_shape(expr, shapes);
    NNC_CHECK(error.empty(), error);
  }
  if (expr.fn == Fn::add || expr.fn == Fn::mul) std::ranges::sort(ids);
  const std::string key =
      fmt::format("{} {} {:a}/{:a} {:a} {} {} {}", static_cast<int>(expr.fn), ids, expr.number, expr.over,
                  fmt::join(expr.list, ","), expr.parameters, expr.name, expr.shape);
  const auto [known, fresh] = known_.emplace(key, exprs_.next_id());
  if (fresh) exprs_.push_back(std::move(expr));
  return known->second;
}

}  // namespace nnc::formula
