// Windows that move over the last axes of a tensor, as pooling reads them, and the way back: the derivative of a view that
// shows elements several times adds them up.
#include <algorithm>

#include <fmt/format.h>

#include "ir/ops/support.h"

namespace nnc {
namespace ops {
namespace {

std::string windows_error(const WindowsAttrs& attrs, const TensorType& x, size_t axes_of_each) {
  const size_t spatial = attrs.size.size();
  if (spatial == 0 || attrs.stride.size() != spatial || x.shape.size() < axes_of_each * spatial)
    return fmt::format("size {} and stride {} do not name the last axes of {}", list(attrs.size),
                       list(attrs.stride), to_string(x));
  for (const std::vector<int64_t>* numbers : {&attrs.size, &attrs.stride})
    for (const int64_t number : *numbers)
      if (number < 1 || number > int64_t{1} << 31)
        return fmt::format("size {} and stride {} are not from 1 to 2^31", list(attrs.size),
                           list(attrs.stride));
  return {};
}

// ---- windows

Inferred infer_windows(std::span<const TensorType> operands, const Attrs& attrs) {
  const auto& [size, stride] = std::get<WindowsAttrs>(attrs);
  const TensorType& x = operands[0];
  if (std::string error = windows_error(std::get<WindowsAttrs>(attrs), x, 1); !error.empty())
    return failed(std::move(error));
  const size_t leading = x.shape.size() - size.size();
  Shape shape(x.shape.begin(), x.shape.begin() + static_cast<ptrdiff_t>(leading));
  for (size_t i = 0; i < size.size(); ++i) {
    const int64_t extent = x.shape[leading + i];
    if (size[i] > extent)
      return failed(
          fmt::format("windows of {} do not fit axis {} of {}", size[i], leading + i, to_string(x)));
    shape.push_back((extent - size[i]) / stride[i] + 1);
  }
  shape.insert(shape.end(), size.begin(), size.end());
  if (std::string error = shape_error(shape); !error.empty()) return failed(std::move(error));
  return typed({x.dtype, std::move(shape)});
}

Adjoints vjp_windows(const VjpContext& context) {
  Vjp v(context);
  const auto& [size, stride] = std::get<WindowsAttrs>(v.attrs);
  const Shape& x = v.in[0].shape;
  const WindowsAttrs back{{x.end() - static_cast<ptrdiff_t>(size.size()), x.end()}, stride};
  return {v.b.make(Op::unwindow, {v.g}, back)};
}

ExprId element_windows(ElementContext& context, std::span<const Index> index, uint32_t) {
  const auto& [size, stride] = std::get<WindowsAttrs>(context.node.attrs);
  const Shape& shape = context.node.types[0].shape;
  const size_t spatial = size.size(), leading = shape.size() - 2 * spatial;
  std::vector<Index> inner(index.begin(), index.begin() + static_cast<ptrdiff_t>(leading));
  for (size_t i = 0; i < spatial; ++i) {
    const size_t o = leading + i, k = o + spatial;
    const Index first = times(context.kernel, settled(context.kernel, index[o], shape[o]), stride[i]);
    inner.push_back(plus(context.kernel, first, settled(context.kernel, index[k], shape[k])));
  }
  return context.operand(0, inner);
}

// Between neighbors among the windows, in what they lie on.
std::vector<int64_t> window_steps(const Shape& tensor, const std::vector<int64_t>& stride) {
  std::vector<int64_t> steps = strides_of(tensor, {});
  const std::vector<int64_t> inside(steps.end() - static_cast<ptrdiff_t>(stride.size()), steps.end());
  for (size_t i = 0; i < stride.size(); ++i) steps[tensor.size() - stride.size() + i] *= stride[i];
  steps.insert(steps.end(), inside.begin(), inside.end());
  return steps;
}

std::vector<DenseTensor> eval_windows(std::span<const DenseTensor> x, const Attrs& attrs,
                                      std::span<const TensorType> types) {
  return {gathered(x[0], types[0], window_steps(x[0].type.shape, std::get<WindowsAttrs>(attrs).stride))};
}

MathText math_windows(std::span<const MathText> x, const Attrs& attrs) {
  const auto& [size, stride] = std::get<WindowsAttrs>(attrs);
  return call("windows", {x[0].text, list(size), list(stride)});
}

const Sample kWindowsSamples[] = {
    {{{DType::f32, {2, 2, 4, 5}}}, WindowsAttrs{{2, 2}, {2, 2}}},
    {{{DType::f32, {7, 6}}}, WindowsAttrs{{3, 2}, {2, 1}}},
    {{{DType::i32, {3, 5}}}, WindowsAttrs{{2}, {3}}},
};

// ---- unwindow

Inferred infer_unwindow(std::span<const TensorType> operands, const Attrs& attrs) {
  const auto& [size, stride] = std::get<WindowsAttrs>(attrs);
  const TensorType& g = operands[0];
  if (Inferred number = infer_number(operands, attrs); !number.error.empty()) return number;
  if (std::string error = windows_error(std::get<WindowsAttrs>(attrs), g, 2); !error.empty())
    return failed(std::move(error));
  const size_t spatial = size.size(), leading = g.shape.size() - 2 * spatial;
  Shape shape(g.shape.begin(), g.shape.begin() + static_cast<ptrdiff_t>(leading));
  for (size_t i = 0; i < spatial; ++i) {
    const int64_t count = g.shape[leading + i], window = g.shape[leading + spatial + i];
    if ((count - 1) * stride[i] + window > size[i])
      return failed(fmt::format("{} windows of {} at a stride of {} do not fit {}: {}", count, window,
                                stride[i], size[i], to_string(g)));
    shape.push_back(size[i]);
  }
  if (std::string error = shape_error(shape); !error.empty()) return failed(std::move(error));
  return typed({g.dtype, std::move(shape)});
}

// Places behind the last window do not count: more windows than there are might fit.
Adjoints vjp_unwindow(const VjpContext& context) {
  Vjp v(context);
  const auto& [size, stride] = std::get<WindowsAttrs>(v.attrs);
  const Shape& g = v.in[0].shape;
  const size_t spatial = size.size(), leading = g.size() - 2 * spatial;
  const WindowsAttrs back{{g.end() - static_cast<ptrdiff_t>(spatial), g.end()}, stride};
  Shape covered(g.begin(), g.begin() + static_cast<ptrdiff_t>(leading));
  for (size_t i = 0; i < spatial; ++i)
    covered.push_back((g[leading + i] - 1) * stride[i] + g[leading + spatial + i]);
  Value places = v.g;
  if (v.b.type(places).shape != covered)
    places = v.b.make(Op::slice, {places}, SliceAttrs{Shape(covered.size(), 0), covered});
  return {v.b.make(Op::windows, {places}, back)};
}

// Of place i along one axis: the windows that show it, and where in them: o = i / stride - j and k = i % stride + j * stride
// for j = 0, 1, … as far as both exist.
struct Shown {
  Index o, k;
  ExprId exists;  // invalid: always
};

std::vector<Shown> shown_at(kernel::Kernel& kernel, const Index& index, int64_t extent, int64_t count,
                            int64_t window, int64_t stride) {
  const QuotientRemainder parts = divide(kernel, settled(kernel, index, extent), stride, extent);
  std::vector<Shown> all;
  for (int64_t j = 0; j * stride < window; ++j) {
    Shown shown{plus(kernel, parts.quotient, Index::at(-j)),
                plus(kernel, parts.remainder, Index::at(j * stride)),
                {}};
    const auto require = [&](Op compare, const Index& value, int64_t bound, int64_t most) {
      const ExprId condition = kernel.apply(
          compare, {index_value(kernel, value, most), int_constant(kernel, bound)}, DType::boolean);
      shown.exists = shown.exists.valid()
                         ? kernel.apply(Op::logical_and, {shown.exists, condition}, DType::boolean)
                         : condition;
    };
    if (j > 0) require(Op::ge, parts.quotient, j, extent);
    if ((extent - 1) / stride - j >= count) require(Op::lt, parts.quotient, count + j, extent);
    if (stride - 1 + j * stride >= window && stride > 1)
      require(Op::lt, parts.remainder, window - j * stride, stride);
    // A place that does not exist reads another that does.
    for (Index* each : {&shown.o, &shown.k}) each->checked = shown.exists.valid() && !each->computed.valid();
    all.push_back(std::move(shown));
  }
  return all;
}

ExprId element_unwindow(ElementContext& context, std::span<const Index> index, uint32_t) {
  const auto& [size, stride] = std::get<WindowsAttrs>(context.node.attrs);
  kernel::Kernel& kernel = context.kernel;
  const TensorType& g = context.operand_types[0];
  const size_t spatial = size.size(), leading = g.shape.size() - 2 * spatial;
  std::vector<std::vector<Shown>> shown;
  for (size_t i = 0; i < spatial; ++i)
    shown.push_back(shown_at(kernel, index[leading + i], size[i], g.shape[leading + i],
                             g.shape[leading + spatial + i], stride[i]));
  ExprId sum;
  std::vector<Index> inner(g.shape.size());
  std::copy_n(index.begin(), leading, inner.begin());
  const auto add = [&](const auto& self, size_t i, ExprId exists) -> void {
    if (i < spatial) {
      for (const Shown& each : shown[i]) {
        inner[leading + i] = each.o;
        inner[leading + spatial + i] = each.k;
        ExprId both = exists.valid() ? exists : each.exists;
        if (exists.valid() && each.exists.valid())
          both = kernel.apply(Op::logical_and, {exists, each.exists}, DType::boolean);
        self(self, i + 1, both);
      }
      return;
    }
    ExprId term = context.operand(0, inner);
    if (exists.valid()) term = kernel.apply(Op::where, {exists, term, kernel.constant(g.dtype, 0)}, g.dtype);
    sum = sum.valid() ? kernel.apply(Op::add, {sum, term}, g.dtype) : term;
  };
  add(add, 0, {});
  return sum;
}

std::vector<DenseTensor> eval_unwindow(std::span<const DenseTensor> g, const Attrs& attrs,
                                       std::span<const TensorType> types) {
  DenseTensor out = zeros(types[0]);
  const auto steps = window_steps(types[0].shape, std::get<WindowsAttrs>(attrs).stride);
  each_place(g[0].type.shape, steps, 0, [&](size_t window, size_t place) {
    const double sum = out.data[place] + g[0].data[window];
    out.data[place] = is_integer(types[0].dtype)
                          ? wrapped(types[0].dtype, static_cast<uint64_t>(static_cast<int64_t>(sum)))
                          : sum;
  });
  return {std::move(out)};
}

MathText math_unwindow(std::span<const MathText> x, const Attrs& attrs) {
  const auto& [size, stride] = std::get<WindowsAttrs>(attrs);
  return call("unwindow", {x[0].text, list(size), list(stride)});
}

const Sample kUnwindowSamples[] = {
    {{{DType::f32, {2, 2, 2, 2, 2, 2}}}, WindowsAttrs{{4, 5}, {2, 2}}},
    {{{DType::f32, {3, 5, 3, 2}}}, WindowsAttrs{{7, 6}, {2, 1}}},
    {{{DType::f32, {3, 2, 2}}}, WindowsAttrs{{6}, {3}}},
    {{{DType::f32, {5, 3}}}, WindowsAttrs{{7}, {1}}},
    {{{DType::f32, {2, 2, 3}}}, WindowsAttrs{{9}, {2}}},
};

template <Fn fn>
Writings write_moved(Notation& n) {
  const auto& [size, stride] = std::get<WindowsAttrs>(n.node.attrs);
  return write_call(n, fn, {size, stride});
}

}  // namespace
}  // namespace ops

constinit const OpDef k_op_windows = {
    .name = "windows",
    .doc =
        "Windows of `size` at every `stride`th place of the last axes: x[…, s] → […, o, k], element o * "
        "stride + k of x.",
    .traits = kSmooth | kMoves,
    .attrs = WindowsAttrs{},
    .infer = ops::infer_windows,
    .derivative = {ops::vjp_windows, {}},
    .lower = ElementRule{ops::element_windows},
    .eval = ops::eval_windows,
    .bounds = ops::same_bounds,
    .math = ops::math_windows,
    .formula = ops::write_moved<ops::Fn::windows>,
    .samples = ops::kWindowsSamples,
};

constinit const OpDef k_op_unwindow = {
    .name = "unwindow",
    .doc =
        "The derivative of windows: each of `size` places of the last axes is the sum of the windows' "
        "elements that lie "
        "there.",
    .traits = kReduces | kSmooth,
    .attrs = WindowsAttrs{},
    .infer = ops::infer_unwindow,
    .derivative = {ops::vjp_unwindow, {}},
    .lower = ElementRule{ops::element_unwindow},
    .eval = ops::eval_unwindow,
    .math = ops::math_unwindow,
    .formula = ops::write_moved<ops::Fn::unwindow>,
    .samples = ops::kUnwindowSamples,
};

}  // namespace nnc
