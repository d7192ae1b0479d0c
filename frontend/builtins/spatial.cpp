// Built-in functions along the spatial axes of x[batch, channels, …], of which there are one to three: conv,
// conv_transpose, windows, max_pool. Strides, sizes and padding are one number for all these axes, or a list of one per axis.
#include <fmt/format.h>

#include <algorithm>

#include "frontend/builtins/builtin.h"
#include "frontend/elaborate/elaborator.h"

namespace nnc::frontend {
namespace {

using Arguments = BuiltinArguments;
using Numbers = std::vector<int64_t>;

// What the axes of an image share, found once per call; what is wrong has been reported where there is nothing.
struct Spatial {
  Elaborator& e;
  const Site& site;
  std::string who;  // the function's name
  Tensor x;

  size_t axes() const { return x.dims.size() - 2; }
  int64_t extent(size_t i) const { return x.dims[i + 2].extent; }
  Numbers extents() const {
    Numbers out;
    for (size_t i = 0; i < axes(); ++i) out.push_back(extent(i));
    return out;
  }
  Diagnostic& error(DiagnosticKind kind, const std::optional<Operand>& at, std::string message) const {
    return e.error(kind, at ? Site{site.frame, at->span} : site, std::move(message));
  }
};

std::optional<Tensor> f32_tensor(Elaborator& e, const Operand& operand, const std::string& who,
                                 const Site& site) {
  std::optional<Tensor> tensor = e.as_tensor(operand, DType::f32, who, site);
  return tensor ? e.cast_to(*tensor, DType::f32, Site{site.frame, operand.span}) : std::nullopt;
}

std::optional<Spatial> spatial(Elaborator& e, const Operand& operand, std::string who, const Site& site) {
  const std::optional<Tensor> x = f32_tensor(e, operand, who, site);
  if (!x) return std::nullopt;
  Spatial out{e, site, std::move(who), *x};
  const bool has_axes = x->rank() >= 3 && x->rank() <= 5;
  if (has_axes && std::none_of(x->dims.begin() + 2, x->dims.end(), [](const Dim& d) { return d.is_batch(); }))
    return out;
  Diagnostic& d =
      out.error(DiagnosticKind::shape_mismatch, operand,
                fmt::format("{} takes [batch, channels, height, width], or one or three axes after the "
                            "channels, not {}",
                            out.who, text_of(*x)));
  if (x->rank() == 2 && x->dims[0].is_batch())
    d.suggest(fmt::format("{}[:, None] has one channel", e.source_text(operand.span)));
  else if (x->rank() == 2)
    d.suggest(fmt::format("{}[None, None] is a batch of one, with one channel", e.source_text(operand.span)));
  return std::nullopt;
}

// A list's entries, or the one value that stands for each.
std::optional<std::vector<Datum>> per_axis(const Spatial& s, const Operand& operand, std::string_view what) {
  std::vector<Datum> items(s.axes(), operand.value);
  if (operand.value.as<Number>()) return items;
  const auto parts = operand.value.as<ListPtr>() || operand.value.as<Constant>()
                         ? s.e.turns_of(operand, Site{s.site.frame, operand.span})
                         : std::nullopt;
  if (parts && parts->size() == s.axes()) return parts;
  if (!operand.value.poisoned())
    s.error(
        DiagnosticKind::wrong_argument, operand,
        fmt::format("{} of {} is a whole number, or a list of {}, one for each axis", what, s.who, s.axes()));
  return std::nullopt;
}

std::optional<int64_t> whole(const Spatial& s, const Datum& value, const Operand& operand,
                             std::string_view what, int64_t least) {
  constexpr int64_t kMost = int64_t{1} << 31;
  const Number* number = value.as<Number>();
  if (number == nullptr || !number->is_whole) {
    s.error(DiagnosticKind::wrong_argument, operand,
            fmt::format("{} of {} is a whole number, not {}", what, s.who, describe(value)));
    return std::nullopt;
  }
  if (number->whole >= least && number->whole <= kMost) return number->whole;
  s.error(DiagnosticKind::wrong_argument, operand,
          number->whole < least
              ? fmt::format("{} of {} is at least {}, not {}", what, s.who, least, number->whole)
              : fmt::format("{} of {} is at most 2^31, not {}", what, s.who, number->whole));
  return std::nullopt;
}

// Whole numbers of at least `least`, one per axis; `otherwise` where the argument is not given.
std::optional<Numbers> numbers(const Spatial& s, const std::optional<Operand>& operand, std::string_view what,
                               int64_t least, Numbers otherwise) {
  if (!operand || operand->value.as<NoneValue>()) return otherwise;
  const auto items = per_axis(s, *operand, what);
  if (!items) return std::nullopt;
  Numbers out;
  for (const Datum& item : *items) {
    const std::optional<int64_t> number = whole(s, item, *operand, what, least);
    if (!number) return std::nullopt;
    out.push_back(*number);
  }
  return out;
}

struct Padding {
  Numbers low, high;
};

// A number, one per axis, pairs (before, after) per axis, or `same`: as much as keeps extent / stride places, rounded up, the
// odd one at the end.
std::optional<Padding> padding(const Spatial& s, const std::optional<Operand>& operand, const Numbers& reach,
                               const Numbers& stride) {
  Padding out{Numbers(s.axes(), 0), Numbers(s.axes(), 0)};
  if (!operand) return out;
  if (const auto* builtin = operand->value.as<BuiltinRef>();
      builtin != nullptr && builtin_table()[builtin->index].name == "same") {
    for (size_t i = 0; i < s.axes(); ++i) {
      const int64_t places = (s.extent(i) + stride[i] - 1) / stride[i];
      const int64_t missing = std::max<int64_t>(0, (places - 1) * stride[i] + reach[i] - s.extent(i));
      out.low[i] = missing / 2;
      out.high[i] = missing - missing / 2;
    }
    return out;
  }
  const auto items = per_axis(s, *operand, "pad");
  if (!items) return std::nullopt;
  for (size_t i = 0; i < s.axes(); ++i) {
    std::vector<Datum> ends{(*items)[i], (*items)[i]};
    if ((*items)[i].as<ListPtr>() || (*items)[i].as<Constant>()) {
      const auto pair =
          s.e.take_apart(Operand{(*items)[i], operand->span}, 2, Site{s.site.frame, operand->span});
      if (!pair) return std::nullopt;
      ends = *pair;
    }
    const auto low = whole(s, ends[0], *operand, "pad", 0), high = whole(s, ends[1], *operand, "pad", 0);
    if (!low || !high) return std::nullopt;
    out.low[i] = *low;
    out.high[i] = *high;
  }
  return out;
}

// How many places `reach` has in the padded extents; reports where there is none.
std::optional<Numbers> places(const Spatial& s, const std::optional<Operand>& at, std::string_view what,
                              const Padding& pad, const Numbers& reach, const Numbers& stride) {
  Numbers out;
  for (size_t i = 0; i < s.axes(); ++i) {
    const int64_t padded = s.extent(i) + pad.low[i] + pad.high[i];
    if (reach[i] > padded) {
      const std::string with =
          pad.low[i] + pad.high[i] == 0 ? "" : fmt::format(" with its padding, {}", padded);
      s.error(DiagnosticKind::shape_mismatch, at,
              fmt::format("the {} of {} reaches over {} places, axis {} of {} has {}{}", what, s.who,
                          reach[i], i + 2, text_of(s.x), s.extent(i), with))
          .suggest(fmt::format("a smaller {}, or pad = {}", what, (reach[i] - s.extent(i) + 1) / 2));
      return std::nullopt;
    }
    out.push_back((padded - reach[i]) / stride[i] + 1);
  }
  return out;
}

// The arguments that both kinds of convolution have.
struct Kernel {
  Tensor w;
  Numbers size, stride, dilation, reach;
  int64_t groups = 1;
};

std::optional<Kernel> kernel_of(const Spatial& s, const Operand& w, const std::optional<Operand>& stride,
                                const std::optional<Operand>& dilation,
                                const std::optional<Operand>& groups) {
  const std::optional<Tensor> tensor = f32_tensor(s.e, w, s.who, s.site);
  if (!tensor) return std::nullopt;
  if (tensor->rank() != s.x.rank()) {
    Diagnostic& d = s.error(DiagnosticKind::shape_mismatch, w,
                            fmt::format("the kernel of {} has as many axes as {}, not {}", s.who,
                                        text_of(s.x), text_of(*tensor)));
    if (tensor->rank() == s.x.rank() + 1 && tensor->dims[1].extent == 1)
      d.suggest("x[:, None] has one channel");
    return std::nullopt;
  }
  const Numbers ones(s.axes(), 1);
  const auto strides = numbers(s, stride, "stride", 1, ones),
             dilations = numbers(s, dilation, "dilation", 1, ones);
  const auto parts = groups ? whole(s, groups->value, *groups, "groups", 1) : std::optional<int64_t>(1);
  if (!strides || !dilations || !parts) return std::nullopt;
  Kernel out{*tensor, {}, *strides, *dilations, {}, *parts};
  // The derivative by the input is a contraction for each place within a stride, all in one kernel.
  constexpr int64_t kMostPlaces = 256;
  int64_t within_stride = 1;
  for (const int64_t each : out.stride) within_stride *= std::min(each, kMostPlaces + 1);
  if (within_stride > kMostPlaces) {
    s.error(DiagnosticKind::not_built, stride,
            fmt::format("strides of {} whose product is above {} are not built yet", s.who, kMostPlaces));
    return std::nullopt;
  }
  for (size_t i = 0; i < s.axes(); ++i) {
    out.size.push_back(tensor->dims[i + 2].extent);
    out.reach.push_back((out.size[i] - 1) * out.dilation[i] + 1);
  }
  for (const auto& [extent, what] : {std::pair{s.x.dims[1].extent, "channels of the input"},
                                     std::pair{tensor->dims[0].extent, "leading entries of the kernel"}}) {
    if (extent % out.groups == 0) continue;
    s.error(DiagnosticKind::wrong_argument, groups,
            fmt::format("{} groups do not divide the {} {}: {} and {}", out.groups, extent, what,
                        text_of(s.x), text_of(*tensor)));
    return std::nullopt;
  }
  return out;
}

// `axis` of a value as [groups, extent / groups].
Value in_groups(Builder& b, Value value, size_t axis, int64_t groups) {
  Shape shape = b.type(value).shape;
  shape[axis] /= groups;
  shape.insert(shape.begin() + static_cast<ptrdiff_t>(axis), groups);
  return b.reshape(value, std::move(shape));
}

Datum convolved(const Spatial& s, Op op, const Kernel& kernel, ConvAttrs attrs, Dim channels) {
  Builder& b = s.e.builder;
  b.set_spans({s.e.user_span(s.site)});
  Dims dims{s.x.dims[0], std::move(channels)};
  for (const int64_t extent : attrs.size) dims.push_back(fresh_dim(extent));
  if (kernel.groups == 1)
    return s.e.emit(op, {s.x.value, kernel.w.value}, std::move(attrs), std::move(dims), DType::f32, s.site);
  Dims grouped = dims;
  grouped[1] = fresh_dim(dims[1].extent / kernel.groups);
  grouped.insert(grouped.begin() + 1, fresh_dim(kernel.groups));
  const Value x = in_groups(b, s.x.value, 1, kernel.groups),
              w = in_groups(b, kernel.w.value, 0, kernel.groups);
  const Datum made = s.e.emit(op, {x, w}, std::move(attrs), std::move(grouped), DType::f32, s.site);
  const Tensor* tensor = made.as<Tensor>();
  return tensor == nullptr ? Datum(Poison{}) : s.e.reshape_to(*tensor, std::move(dims), s.site);
}

bool takes_channels(const Spatial& s, const Kernel& kernel, const Operand& w, size_t axis, int64_t taken) {
  const int64_t channels = s.x.dims[1].extent;
  if (taken == channels) return true;
  s.error(DiagnosticKind::shape_mismatch, w,
          fmt::format("this kernel takes {} channels{} (axis {} of {}), the input has {}: {}", taken,
                      kernel.groups == 1 ? "" : fmt::format(" in {} groups", kernel.groups), axis,
                      text_of(kernel.w), channels, text_of(s.x)));
  return false;
}

// x with the numbers of `fill` around it.
Tensor padded(const Spatial& s, const Padding& pad, double fill) {
  Builder& b = s.e.builder;
  Tensor out = s.x;
  PadAttrs attrs{shape_of(s.x.dims), Numbers(s.x.dims.size(), 0)};
  for (size_t i = 0; i < s.axes(); ++i) {
    attrs.shape[i + 2] += pad.low[i] + pad.high[i];
    attrs.begin[i + 2] = pad.low[i];
  }
  if (attrs.shape == shape_of(s.x.dims)) return out;
  b.set_spans({s.e.user_span(s.site)});
  out.value = b.make(Op::pad, {s.x.value}, attrs);
  for (size_t i = 0; i < s.axes(); ++i) out.dims[i + 2] = fresh_dim(attrs.shape[i + 2]);
  if (fill == 0) return out;
  const TensorType places{DType::i32, attrs.shape};
  const Value around = b.full_like(out.value, fill);
  for (size_t i = 0; i < s.axes(); ++i) {
    const auto keep_from = [&](Op compare, int64_t bound) {
      const Value at = b.make(Op::iota, {}, IotaAttrs{attrs.shape, static_cast<int64_t>(i + 2), DType::i32});
      const Value is_inside = b.make(compare, {at, b.constant(places, {static_cast<double>(bound)})});
      out.value = b.make(Op::where, {is_inside, out.value, around});
    };
    if (pad.low[i] > 0) keep_from(Op::ge, pad.low[i]);
    if (pad.high[i] > 0) keep_from(Op::lt, pad.low[i] + s.extent(i));
  }
  return out;
}

struct Windowed {
  Tensor windows;  // [batch, channels, places…, sizes…]
  size_t axes = 0;
};

// Arguments: x size stride pad.
std::optional<Windowed> windowed(Elaborator& e, Arguments a, std::string who, double fill, const Site& site) {
  const std::optional<Spatial> s = spatial(e, *a[0], std::move(who), site);
  if (!s) return std::nullopt;
  const auto size = numbers(*s, a[1], "size", 1, {});
  const auto stride = size ? numbers(*s, a[2], "stride", 1, *size) : std::nullopt;
  const auto pad = stride ? padding(*s, a[3], *size, *stride) : std::nullopt;
  if (!pad) return std::nullopt;
  for (size_t i = 0; i < s->axes(); ++i)
    if (std::max(pad->low[i], pad->high[i]) >= (*size)[i]) {
      s->error(DiagnosticKind::wrong_argument, a[3],
               fmt::format("windows of {} would lie in a padding of {} alone", (*size)[i],
                           std::max(pad->low[i], pad->high[i])));
      return std::nullopt;
    }
  const auto count = places(*s, a[1], "window", *pad, *size, *stride);
  if (!count) return std::nullopt;
  const Tensor x = padded(*s, *pad, fill);
  Dims dims{x.dims[0], x.dims[1]};
  for (const Numbers* extents : {&*count, &*size})
    for (const int64_t extent : *extents) dims.push_back(fresh_dim(extent));
  const Datum made =
      e.emit(Op::windows, {x.value}, WindowsAttrs{*size, *stride}, std::move(dims), DType::f32, site);
  const Tensor* tensor = made.as<Tensor>();
  return tensor == nullptr ? std::nullopt : std::optional(Windowed{*tensor, s->axes()});
}

}  // namespace

Datum run_conv(Elaborator& e, Arguments a, const Site& site) {
  const std::optional<Spatial> s = spatial(e, *a[0], "conv", site);
  const auto kernel = s ? kernel_of(*s, *a[1], a[2], a[4], a[5]) : std::nullopt;
  if (!kernel || !takes_channels(*s, *kernel, *a[1], 1, kernel->w.dims[1].extent * kernel->groups))
    return Poison{};
  const auto pad = padding(*s, a[3], kernel->reach, kernel->stride);
  const auto size = pad ? places(*s, a[1], "kernel", *pad, kernel->reach, kernel->stride) : std::nullopt;
  if (!size) return Poison{};
  return convolved(*s, Op::conv, *kernel, ConvAttrs{*size, kernel->stride, pad->low, kernel->dilation},
                   kernel->w.dims[0]);
}

// Each place of x spreads the kernel over the result: (extent - 1) * stride + reach - 2 * pad + extra places.
Datum run_conv_transpose(Elaborator& e, Arguments a, const Site& site) {
  const std::optional<Spatial> s = spatial(e, *a[0], "conv_transpose", site);
  const auto kernel = s ? kernel_of(*s, *a[1], a[2], a[5], a[6]) : std::nullopt;
  if (!kernel || !takes_channels(*s, *kernel, *a[1], 0, kernel->w.dims[0].extent)) return Poison{};
  const auto pad = numbers(*s, a[3], "pad", 0, Numbers(s->axes(), 0));
  const auto extra = numbers(*s, a[4], "extra", 0, Numbers(s->axes(), 0));
  if (!pad || !extra) return Poison{};
  ConvAttrs attrs{{}, kernel->stride, *pad, kernel->dilation};
  for (size_t i = 0; i < s->axes(); ++i) {
    if ((*extra)[i] >= std::max(kernel->stride[i], kernel->dilation[i])) {
      s->error(DiagnosticKind::wrong_argument, a[4],
               fmt::format("extra of conv_transpose is below the stride or the dilation, {}, not {}",
                           std::max(kernel->stride[i], kernel->dilation[i]), (*extra)[i]));
      return Poison{};
    }
    attrs.size.push_back((s->extent(i) - 1) * kernel->stride[i] + kernel->reach[i] - 2 * (*pad)[i] +
                         (*extra)[i]);
    if (attrs.size.back() >= 1) continue;
    s->error(DiagnosticKind::shape_mismatch, a[3],
             fmt::format("a padding of {} leaves nothing of axis {}", (*pad)[i], i + 2));
    return Poison{};
  }
  Number channels = number_of(kernel->w.dims[1]);
  channels.whole *= kernel->groups;
  if (kernel->groups != 1) channels.name.clear();
  return convolved(*s, Op::conv_input, *kernel, std::move(attrs), dim_of(channels));
}

Datum run_windows(Elaborator& e, Arguments a, const Site& site) {
  const std::optional<Windowed> made = windowed(e, a, "windows", 0, site);
  return made ? Datum(made->windows) : Datum(Poison{});
}

// The first of the largest in each window takes the gradient, as in PyTorch.
Datum run_max_pool(Elaborator& e, Arguments a, const Site& site) {
  const std::optional<Windowed> made =
      windowed(e, a, "max_pool", -std::numeric_limits<double>::infinity(), site);
  if (!made) return Poison{};
  Tensor out = made->windows;
  ReduceAttrs attrs;
  for (size_t i = out.dims.size() - made->axes; i < out.dims.size(); ++i)
    attrs.axes.push_back(static_cast<int64_t>(i));
  out.value = e.builder.make_all(Op::max_position, {out.value}, std::move(attrs))[0];
  out.dims.resize(out.dims.size() - made->axes);
  return out;
}

// A value of `pad`, not a function.
Datum run_same(Elaborator& e, Arguments, const Site& site) {
  e.error(DiagnosticKind::wrong_kind, site, "same is a value for pad, not a function").suggest("pad = same");
  return Poison{};
}

}  // namespace nnc::frontend
