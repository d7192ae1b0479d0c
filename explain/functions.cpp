// See functions.h.
#include "explain/functions.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include <fmt/format.h>

namespace nnc::explain {
namespace {

using formula::Expr;
using formula::Fn;
using formula::Numbers;

size_t count(const Shape& shape) {
  return static_cast<size_t>(element_count(shape));
}
size_t at(int64_t i) {
  return static_cast<size_t>(i);
}
DenseTensor zeros(const Shape& shape) {
  return {{DType::f64, shape}, std::vector<double>(count(shape))};
}

// Calls f(i, place) for each element of `shape` in row-major order; place moves by `steps`.
template <class F>
void walk(const Shape& shape, const std::vector<int64_t>& steps, F f) {
  std::vector<int64_t> index(shape.size());
  int64_t place = 0;
  const size_t total = count(shape);
  for (size_t i = 0; i < total; ++i) {
    f(i, at(place));
    for (size_t axis = shape.size(); axis-- > 0;) {
      place += steps[axis];
      if (++index[axis] < shape[axis]) break;
      place -= steps[axis] * shape[axis];
      index[axis] = 0;
    }
  }
}

std::vector<int64_t> row_major(const Shape& shape) {
  std::vector<int64_t> steps(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;) steps[i - 1] = steps[i] * shape[i];
  return steps;
}

DenseTensor broadcast(const DenseTensor& x, const Shape& shape) {
  if (x.type.shape == shape) return x;
  const std::vector<int64_t> own = row_major(x.type.shape);
  std::vector<int64_t> steps(shape.size(), 0);
  const size_t lead = shape.size() - own.size();
  for (size_t i = 0; i < own.size(); ++i) steps[lead + i] = x.type.shape[i] == 1 ? 0 : own[i];
  DenseTensor out = zeros(shape);
  walk(shape, steps, [&](size_t i, size_t place) { out.data[i] = x.data[place]; });
  return out;
}

DenseTensor permuted(const DenseTensor& x, const Numbers& order) {
  const std::vector<int64_t> own = row_major(x.type.shape);
  Shape shape;
  std::vector<int64_t> steps;
  for (const int64_t axis : order) shape.push_back(x.type.shape[at(axis)]), steps.push_back(own[at(axis)]);
  DenseTensor out = zeros(shape);
  walk(shape, steps, [&](size_t i, size_t place) { out.data[i] = x.data[place]; });
  return out;
}

Numbers with_swapped(size_t rank, size_t a, size_t b) {
  Numbers order(rank);
  std::iota(order.begin(), order.end(), 0);
  std::swap(order[a], order[b]);
  return order;
}

// ---- elementwise --------------------------------------------------------------------------------------------

double compared(std::string_view sign, double a, double b) {
  if (sign == "=") return a == b ? 1 : 0;
  if (sign == "≠") return a != b ? 1 : 0;
  if (sign == "<") return a < b ? 1 : 0;
  if (sign == "≤") return a <= b ? 1 : 0;
  if (sign == ">") return a > b ? 1 : 0;
  if (sign == "≥") return a >= b ? 1 : 0;
  if (sign == "∧") return a != 0 && b != 0 ? 1 : 0;
  return a != 0 || b != 0 ? 1 : 0;
}

Computed elementwise(const Expr& head, const std::vector<Computed>& given) {
  std::vector<DenseTensor> x;
  for (const Computed& c : given) x.push_back(broadcast(c.tensor, head.shape));
  Computed out{zeros(head.shape), false};
  const auto each = [&](const std::function<double(size_t)>& f) {
    for (size_t i = 0; i < out.tensor.data.size(); ++i) out.tensor.data[i] = f(i);
  };
  const auto a = [&](size_t i) { return x[0].data[i]; };
  const auto b = [&](size_t i) { return x[1].data[i]; };
  if (head.fn == Fn::add) {
    each([&](size_t i) { return a(i) + b(i); });
  } else if (head.fn == Fn::mul) {
    const bool m = given[0].masked, n = given[1].masked;
    out.masked = m || n;
    each([&](size_t i) { return (m && a(i) == 0) || (n && b(i) == 0) ? 0 : a(i) * b(i); });
  } else if (head.fn == Fn::power) {
    each([&](size_t i) { return b(i) == 0.5 ? std::sqrt(a(i)) : std::pow(a(i), b(i)); });
  } else if (head.fn == Fn::compare) {
    out.masked = true;
    each([&](size_t i) { return compared(head.name, a(i), b(i)); });
  } else if (head.fn == Fn::relu) {
    each([&](size_t i) { return a(i) < 0 ? 0 : a(i); });
  } else {
    const OpDef& def = op_def(*find_op(head.name));
    out.masked = (head.name == "div" || head.name == "neg") && given[0].masked;
    const std::vector<TensorType> type{{DType::f64, head.shape}};
    out.tensor = def.eval(x, def.attrs, type)[0];
    out.tensor.type = type[0];
    if (out.masked) each([&](size_t i) { return a(i) == 0 ? 0 : out.tensor.data[i]; });
  }
  return out;
}

// ---- products and sums --------------------------------------------------------------------------------------

DenseTensor matmul(const Expr& head, const DenseTensor& a, const DenseTensor& b) {
  const auto rows = head.shape[head.shape.size() - 2], columns = head.shape.back(),
             depth = a.type.shape.back();
  Shape lead(head.shape.begin(), head.shape.end() - 2), left = lead, right = lead;
  left.insert(left.end(), {rows, depth}), right.insert(right.end(), {depth, columns});
  const DenseTensor x = broadcast(a, left), y = broadcast(b, right);
  DenseTensor out = zeros(head.shape);
  for (size_t s = 0; s < count(lead); ++s)
    for (size_t i = 0; i < at(rows); ++i)
      for (size_t k = 0; k < at(depth); ++k) {
        const double factor = x.data[(s * at(rows) + i) * at(depth) + k];
        for (size_t j = 0; j < at(columns); ++j)
          out.data[(s * at(rows) + i) * at(columns) + j] +=
              factor * y.data[(s * at(depth) + k) * at(columns) + j];
      }
  return out;
}

// The elements that each place of a reduction's result is made of.
std::vector<std::vector<double>> runs(const DenseTensor& x, const Numbers& axes) {
  Shape kept = x.type.shape;
  for (const int64_t axis : axes) kept[at(axis)] = 1;
  std::vector<int64_t> steps = row_major(kept);
  for (size_t i = 0; i < kept.size(); ++i)
    if (kept[i] == 1) steps[i] = 0;
  std::vector<std::vector<double>> out(count(kept));
  walk(x.type.shape, steps, [&](size_t i, size_t place) { out[place].push_back(x.data[i]); });
  return out;
}

double log_sum_exp(const std::vector<double>& run) {
  const double most = *std::ranges::max_element(run);
  if (std::isinf(most)) return most;
  double sum = 0;
  for (const double x : run) sum += std::exp(x - most);
  return most + std::log(sum);
}

double reduced(Fn fn, const std::vector<double>& run) {
  const double sum = std::accumulate(run.begin(), run.end(), 0.0);
  switch (fn) {
    case Fn::sum:
      return sum;
    case Fn::mean:
      return sum / static_cast<double>(run.size());
    case Fn::max:
      return *std::ranges::max_element(run);
    case Fn::min:
      return *std::ranges::min_element(run);
    case Fn::argmax:
      return static_cast<double>(std::ranges::max_element(run) - run.begin());
    default:
      return log_sum_exp(run);
  }
}

DenseTensor reduction(const Expr& head, const DenseTensor& x) {
  const Numbers axes = formula::reduced_axes(head, x.type.shape.size());
  DenseTensor out = zeros(head.shape);
  const std::vector<std::vector<double>> all = runs(x, axes);
  for (size_t i = 0; i < all.size(); ++i) out.data[i] = reduced(head.fn, all[i]);
  return out;
}

DenseTensor softmax(const Expr& head, const DenseTensor& x) {
  Expr sums = head;
  sums.fn = Fn::logsumexp;
  sums.parameters = {formula::reduced_axes(head, x.type.shape.size())};
  sums.shape = x.type.shape;
  for (const int64_t axis : sums.parameters[0]) sums.shape[at(axis)] = 1;
  const DenseTensor log_sums = broadcast(reduction(sums, x), x.type.shape);
  DenseTensor out = zeros(x.type.shape);
  for (size_t i = 0; i < out.data.size(); ++i) out.data[i] = std::exp(x.data[i] - log_sums.data[i]);
  return out;
}

// Each window of x as a run, and where its elements lie in x.
DenseTensor pooled(const Expr& head, const DenseTensor& g, const DenseTensor& x) {
  const WindowsAttrs attrs{head.parameters[0], head.parameters[1]};
  DenseTensor places = x;
  std::iota(places.data.begin(), places.data.end(), 0.0);
  const std::vector<TensorType> types =
      infer_types(Op::windows, std::vector<TensorType>{x.type}, attrs).types;
  const auto windows = [&](const DenseTensor& of) {
    return op_def(Op::windows).eval(std::vector<DenseTensor>{of}, attrs, types)[0];
  };
  const DenseTensor values = windows(x), at_places = windows(places);
  const size_t size = count(head.parameters[0]);
  DenseTensor out = zeros(head.shape);
  for (size_t i = 0; i < values.data.size() / size; ++i) {
    const auto begin = values.data.begin() + static_cast<ptrdiff_t>(i * size);
    const std::vector<double> run(begin, begin + static_cast<ptrdiff_t>(size));
    const double most = reduced(Fn::argmax, run);
    if (head.fn == Fn::max_unpool)
      out.data[static_cast<size_t>(at_places.data[i * size + static_cast<size_t>(most)])] += g.data[i];
    else
      out.data[i] = reduced(head.fn == Fn::max_pool ? Fn::max : Fn::mean, run);
  }
  return out;
}

// ---- moved --------------------------------------------------------------------------------------------------

DenseTensor spread(const Expr& head, const DenseTensor& x) {
  DenseTensor out = zeros(head.shape);
  std::vector<int64_t> steps = row_major(head.shape);
  const Numbers& stride = head.parameters[0];
  for (size_t i = 0; i < stride.size(); ++i) steps[steps.size() - stride.size() + i] *= stride[i];
  walk(x.type.shape, steps, [&](size_t i, size_t place) { out.data[place] = x.data[i]; });
  return out;
}

DenseTensor moved(const Expr& head, const DenseTensor& x) {
  const size_t rank = x.type.shape.size();
  switch (head.fn) {
    case Fn::transpose:
      return permuted(x, with_swapped(rank, rank - 1, rank - 2));
    case Fn::swap:
      return permuted(x, with_swapped(rank, 0, 1));
    case Fn::expand:
      return broadcast(x, head.shape);
    case Fn::spread:
      return spread(head, x);
    default: {  // align, flat
      DenseTensor out = x;
      out.type.shape = head.shape;
      return out;
    }
  }
}

}  // namespace

std::optional<DenseTensor> with_shape(DenseTensor x, const Shape& shape) {
  const auto wide = [](const Shape& s) {
    Shape out;
    std::ranges::copy_if(s, std::back_inserter(out), [](int64_t extent) { return extent > 1; });
    return out;
  };
  if (wide(x.type.shape) == wide(shape)) {
    x.type.shape = shape;
    return x;
  }
  Shape& own = x.type.shape;
  while (own.size() > shape.size() && own[0] == 1) own.erase(own.begin());
  Shape to;
  if (!formula::broadcast_shapes(x.type.shape, shape, to) || to != shape) return std::nullopt;
  return broadcast(x, shape);
}

std::variant<Computed, std::string> apply(Expr head, std::vector<Computed> x) {
  std::vector<Shape> shapes;
  for (const Computed& c : x) shapes.push_back(c.tensor.type.shape);
  // A number scales; matrices are multiplied.
  if (head.fn == Fn::matmul && (shapes[0].empty() || shapes[1].empty())) head.fn = Fn::mul;
  if (head.fn == Fn::elementwise) {
    const std::optional<Op> op = find_op(head.name);
    if (!op || !op_def(*op).has(kElementwise)) return "no function is called `" + head.name + "`";
    const auto most = static_cast<size_t>(op_def(*op).max_operands);
    if (x.size() != most) return fmt::format("{} takes {} operands, found {}", head.name, most, x.size());
  }
  // What a slice leaves open goes to the end; so do axes that it does not name.
  if (head.fn == Fn::slice) {
    Numbers &begin = head.parameters[0], &end = head.parameters[1];
    if (begin.size() < shapes[0].size()) begin.resize(shapes[0].size(), 0), end.resize(shapes[0].size(), -1);
    for (size_t i = 0; i < end.size() && i < shapes[0].size(); ++i)
      if (end[i] < 0) end[i] = shapes[0][i];
  }
  if (std::string error = formula::infer_shape(head, shapes); !error.empty()) return error;
  if (const std::optional<formula::AsOp> as = formula::as_op(head, shapes)) {
    const std::vector<TensorType> types = formula::op_types(head, shapes);
    std::vector<DenseTensor> operands;
    for (size_t i = 0; i < x.size(); ++i) operands.push_back({types[i], std::move(x[i].tensor.data)});
    const Inferred inferred = infer_types(as->op, types, as->attrs);
    DenseTensor out = op_def(as->op).eval(operands, as->attrs, inferred.types)[0];
    out.type = {DType::f64, head.shape};
    return Computed{std::move(out), x.size() == 1 && x[0].masked};
  }
  switch (head.fn) {
    case Fn::number:
      return Computed{{{DType::f64, {}}, {head.number / head.over}}, false};
    case Fn::list:
      return Computed{{{DType::f64, head.shape}, head.list}, false};
    case Fn::add:
    case Fn::mul:
    case Fn::power:
    case Fn::compare:
    case Fn::relu:
    case Fn::elementwise:
      return elementwise(head, x);
    case Fn::matmul:
      return Computed{matmul(head, x[0].tensor, x[1].tensor), false};
    case Fn::max_pool:
    case Fn::max_unpool:
    case Fn::avg_pool:
      return Computed{pooled(head, x.front().tensor, x.back().tensor), false};
    case Fn::softmax:
      return Computed{softmax(head, x[0].tensor), false};
    default:
      if (formula::is_reduction(head.fn)) return Computed{reduction(head, x[0].tensor), false};
      return Computed{moved(head, x[0].tensor), x[0].masked};
  }
}

}  // namespace nnc::explain
