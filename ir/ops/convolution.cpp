// Convolutions. One form, linear in each of three tensors, is behind all three ops:
//   form(x, w, y) = sum of x[n, c, o*stride + k*dilation - padding] w[f, c, k] y[n, f, o]
// over all n, f, c, o and k for which the place in x exists: samples, filters, channels, and positions along one or more
// spatial axes o (of the result) and k (of the kernel). Each op is the form's derivative by one of the three, so the
// derivatives of each op are the other two. With groups, each tensor has one more axis g: x[n, g, c, …], w[g, f, c, …],
// y[n, g, f, …].
#include <array>
#include <numeric>

#include <fmt/format.h>

#include "ir/ops/convolution_formula.h"
#include "ir/ops/support.h"

namespace nnc {
namespace ops {
namespace {

enum class Tensor : uint8_t { x, w, y };

// What the axes of the three tensors are, from any two of them.
struct Form {
  const ConvAttrs& attrs;
  bool grouped = false;
  int64_t samples = 1, groups = 1, filters = 1, channels = 1;
  Shape positions[3];  // the spatial extents of x, w and y

  size_t spatial() const { return attrs.size.size(); }
  Shape shape(Tensor tensor) const {
    Shape out;
    if (tensor != Tensor::w) out.push_back(samples);
    if (grouped) out.push_back(groups);
    if (tensor != Tensor::x) out.push_back(filters);
    if (tensor != Tensor::y) out.push_back(channels);
    const Shape& own = positions[static_cast<size_t>(tensor)];
    out.insert(out.end(), own.begin(), own.end());
    return out;
  }
};

struct FormOrError {
  Form form;
  std::string error;
};

// `given` are the types of two of the tensors; the third has `attrs.size`.
FormOrError form_of(const ConvAttrs& attrs, std::span<const TensorType> given, Tensor first, Tensor second,
                    Tensor result) {
  FormOrError out{{attrs, false, 1, 1, 1, 1, {}}, {}};
  Form& form = out.form;
  const size_t spatial = form.spatial();
  const auto bad = [&](std::string error) {
    out.error = std::move(error);
    return out;
  };
  if (spatial == 0 || spatial > 3)
    return bad(fmt::format("size {} does not name one to three axes", list(attrs.size)));
  for (const auto* each : {&attrs.stride, &attrs.padding, &attrs.dilation})
    if (each->size() != spatial)
      return bad(fmt::format("stride {}, padding {} and dilation {} do not name the axes of size {}",
                             list(attrs.stride), list(attrs.padding), list(attrs.dilation),
                             list(attrs.size)));
  constexpr int64_t kMost = int64_t{1} << 31;
  for (size_t i = 0; i < spatial; ++i) {
    const bool in_range = attrs.stride[i] >= 1 && attrs.dilation[i] >= 1 && attrs.padding[i] >= 0 &&
                          std::max({attrs.stride[i], attrs.dilation[i], attrs.padding[i]}) <= kMost;
    if (!in_range)
      return bad(fmt::format("stride {}, padding {} and dilation {} are not from 1, 0 and 1 to 2^31",
                             list(attrs.stride), list(attrs.padding), list(attrs.dilation)));
  }
  if (given[0].dtype != DType::f32 || given[1].dtype != DType::f32)
    return bad("takes f32, found " + list_types(given));
  form.grouped = given[0].shape.size() == spatial + 3;
  for (const TensorType& type : given)
    if (type.shape.size() != spatial + 2 + (form.grouped ? 1 : 0))
      return bad(fmt::format("takes two tensors of {} axes, or of {} with groups, found {}", spatial + 2,
                             spatial + 3, list_types(given)));
  form.positions[static_cast<size_t>(result)] = attrs.size;
  // Each axis that both have must be the same in both.
  std::array<int64_t, 4> extents{};
  for (const auto& [tensor, type] : {std::pair{first, &given[0]}, std::pair{second, &given[1]}}) {
    const bool has[] = {tensor != Tensor::w, form.grouped, tensor != Tensor::x, tensor != Tensor::y};
    size_t axis = 0;
    for (size_t i = 0; i < 4; ++i) {
      if (!has[i]) continue;
      const int64_t extent = type->shape[axis++];
      if (extents[i] != 0 && extents[i] != extent) {
        constexpr const char* kWhat[] = {"samples", "groups", "filters", "channels"};
        return bad(fmt::format("{} {} against {}: {}", extents[i], kWhat[i], extent, list_types(given)));
      }
      extents[i] = extent;
    }
    form.positions[static_cast<size_t>(tensor)].assign(type->shape.begin() + static_cast<ptrdiff_t>(axis),
                                                       type->shape.end());
  }
  form.samples = extents[0];
  form.groups = form.grouped ? extents[1] : 1;
  form.filters = extents[2];
  form.channels = extents[3];
  out.error = shape_error(form.shape(result));
  return out;
}

template <Tensor first, Tensor second, Tensor result>
Inferred infer(std::span<const TensorType> operands, const Attrs& attrs) {
  FormOrError found = form_of(std::get<ConvAttrs>(attrs), operands, first, second, result);
  if (!found.error.empty()) return failed(std::move(found.error));
  return typed({DType::f32, found.form.shape(result)});
}

// ---- derivatives

// The op that gives the derivative by `result`, its size being that of a tensor of this type.
Value derivative(Vjp& v, Tensor result, Value first, Value second, const TensorType& like) {
  ConvAttrs attrs = std::get<ConvAttrs>(v.attrs);
  attrs.size.assign(like.shape.end() - static_cast<ptrdiff_t>(attrs.size.size()), like.shape.end());
  const Op op = result == Tensor::x ? Op::conv_input : result == Tensor::w ? Op::conv_weight : Op::conv;
  return v.b.make(op, {first, second}, attrs);
}

Adjoints vjp_conv(const VjpContext& context) {
  Vjp v(context);
  return {derivative(v, Tensor::x, v.g, v.x[1], v.in[0]), derivative(v, Tensor::w, v.x[0], v.g, v.in[1])};
}

Adjoints vjp_conv_input(const VjpContext& context) {
  Vjp v(context);
  return {derivative(v, Tensor::y, v.g, v.x[1], v.in[0]), derivative(v, Tensor::w, v.g, v.x[0], v.in[1])};
}

Adjoints vjp_conv_weight(const VjpContext& context) {
  Vjp v(context);
  return {derivative(v, Tensor::x, v.x[1], v.g, v.in[0]), derivative(v, Tensor::y, v.x[0], v.g, v.in[1])};
}

// ---- lowering

// A subscript of a tensor with this many places, checked if some are missing.
Index place(std::vector<kernel::Term> terms, int64_t constant, const std::vector<int64_t>& extents,
            int64_t places) {
  int64_t low = constant, high = constant;
  for (const kernel::Term& term : terms)
    (term.coefficient < 0 ? low : high) +=
        term.coefficient * std::max<int64_t>(0, extents[term.axis.index] - 1);
  std::erase_if(terms, [](const kernel::Term& term) { return term.coefficient == 0; });
  std::ranges::sort(terms, {}, &kernel::Term::axis);
  return {std::move(terms), constant, {}, low < 0 || high >= places};
}

Form form_of(const Node& node, std::span<const TensorType> operands, Tensor first, Tensor second,
             Tensor result) {
  return form_of(std::get<ConvAttrs>(node.attrs), operands, first, second, result).form;
}

// Axes are numbered as they are added: those of the result first, then those of the sum.
struct Spec {
  ContractSpec spec;
  std::vector<int64_t> extents;

  Index add(int64_t extent, Shape& to) {
    to.push_back(extent);
    extents.push_back(extent);
    return Index::of(AxisId{static_cast<uint32_t>(extents.size() - 1)});
  }
  Index output(int64_t extent) { return add(extent, spec.output); }
  Index over(int64_t extent) { return add(extent, spec.over); }
  using AxisId = kernel::AxisId;
};

void append(std::vector<Index>& to, std::initializer_list<const Index*> leading,
            std::vector<Index> positions) {
  for (const Index* index : leading)
    if (index != nullptr) to.push_back(*index);
  to.insert(to.end(), positions.begin(), positions.end());
}

std::vector<kernel::Term> terms_of(const Index& a, int64_t factor_a, const Index& b, int64_t factor_b) {
  return {{a.terms[0].axis, factor_a}, {b.terms[0].axis, factor_b}};
}

// y[n, g, f, o] = sum over c and k of x[n, g, c, o*stride + k*dilation - padding] * w[g, f, c, k].
std::vector<ContractSpec> specs_conv(const Node& node, std::span<const TensorType> operands) {
  const Form form = form_of(node, operands, Tensor::x, Tensor::w, Tensor::y);
  const ConvAttrs& attrs = form.attrs;
  Spec s;
  const Index n = s.output(form.samples);
  const std::optional<Index> g = form.grouped ? std::optional(s.output(form.groups)) : std::nullopt;
  const Index f = s.output(form.filters);
  std::vector<Index> o, k, from;
  for (int64_t extent : form.positions[2]) o.push_back(s.output(extent));
  const Index c = s.over(form.channels);
  for (int64_t extent : form.positions[1]) k.push_back(s.over(extent));
  for (size_t i = 0; i < form.spatial(); ++i)
    from.push_back(place(terms_of(o[i], attrs.stride[i], k[i], attrs.dilation[i]), -attrs.padding[i],
                         s.extents, form.positions[0][i]));
  append(s.spec.a, {&n, g ? &*g : nullptr, &c}, from);
  append(s.spec.b, {g ? &*g : nullptr, &f, &c}, k);
  return {std::move(s.spec)};
}

// w[g, f, c, k] = sum over o and n of y[n, g, f, o] * x[n, g, c, o*stride + k*dilation - padding]. With few channels and many
// samples vectors run along the samples, else along channels or filters.
std::vector<ContractSpec> specs_conv_weight(const Node& node, std::span<const TensorType> operands) {
  const Form form = form_of(node, operands, Tensor::x, Tensor::y, Tensor::w);
  const ConvAttrs& attrs = form.attrs;
  Spec s;
  const std::optional<Index> g = form.grouped ? std::optional(s.output(form.groups)) : std::nullopt;
  const Index f = s.output(form.filters);
  const Index c = s.output(form.channels);
  std::vector<Index> o, k, from;
  for (int64_t extent : form.positions[1]) k.push_back(s.output(extent));
  for (int64_t extent : form.positions[2]) o.push_back(s.over(extent));
  const Index n = s.over(form.samples);
  for (size_t i = 0; i < form.spatial(); ++i)
    from.push_back(place(terms_of(o[i], attrs.stride[i], k[i], attrs.dilation[i]), -attrs.padding[i],
                         s.extents, form.positions[0][i]));
  append(s.spec.a, {&n, g ? &*g : nullptr, &c}, from);
  append(s.spec.b, {&n, g ? &*g : nullptr, &f}, o);
  s.spec.order = form.channels < kLanes && form.samples >= kLanes ? Order::lanes16 : Order::serial;
  return {std::move(s.spec)};
}

// Of one spatial axis: the places r, r + stride, r + 2*stride, … of x, and what they are the sum of: for place
// r + stride*i the taps k = first + step*j against the positions o = shift + i - back*j.
struct Phase {
  int64_t places = 0, first = 0, step = 1, taps = 0, shift = 0, back = 0;
};

Phase phase_of(const Form& form, size_t axis, int64_t r) {
  const int64_t stride = form.attrs.stride[axis], dilation = form.attrs.dilation[axis];
  const int64_t kernel = form.positions[1][axis], at = r + form.attrs.padding[axis];
  Phase phase;
  phase.places = (form.positions[0][axis] - r + stride - 1) / stride;
  phase.step = stride / std::gcd(stride, dilation);
  while (phase.first < phase.step && (at - phase.first * dilation) % stride != 0) ++phase.first;
  if (phase.first == phase.step || phase.first >= kernel) return phase;
  phase.taps = (kernel - phase.first + phase.step - 1) / phase.step;
  phase.shift = (at - phase.first * dilation) / stride;
  phase.back = phase.step * dilation / stride;
  return phase;
}

// x[n, g, c, i] = sum over f and k of y[n, g, f, o] * w[g, f, c, k], o*stride + k*dilation - padding being i. Places of x that
// differ by a stride have the same taps: each phase, of stride^axes, is a contraction of its own.
std::vector<ContractSpec> specs_conv_input(const Node& node, std::span<const TensorType> operands) {
  const Form form = form_of(node, operands, Tensor::y, Tensor::w, Tensor::x);
  std::vector<ContractSpec> specs;
  std::vector<int64_t> r(form.spatial(), 0);
  for (;;) {
    Spec s;
    const Index n = s.output(form.samples);
    const std::optional<Index> g = form.grouped ? std::optional(s.output(form.groups)) : std::nullopt;
    const Index c = s.output(form.channels);
    std::vector<Phase> phases;
    std::vector<Index> i, j, from, at, tap;
    for (size_t axis = 0; axis < form.spatial(); ++axis) {
      phases.push_back(phase_of(form, axis, r[axis]));
      i.push_back(s.output(phases.back().places));
      at.push_back(i.back() * form.attrs.stride[axis] + Index::at(r[axis]));
    }
    const Index f = s.over(form.filters);
    for (size_t axis = 0; axis < form.spatial(); ++axis) {
      const Phase& phase = phases[axis];
      j.push_back(s.over(phase.taps));
      tap.push_back(j.back() * phase.step + Index::at(phase.first));
      from.push_back(
          place(terms_of(i[axis], 1, j[axis], -phase.back), phase.shift, s.extents, form.positions[2][axis]));
    }
    append(s.spec.a, {&n, g ? &*g : nullptr, &f}, from);
    append(s.spec.b, {g ? &*g : nullptr, &f, &c}, tap);
    append(s.spec.at, {&n, g ? &*g : nullptr, &c}, at);
    specs.push_back(std::move(s.spec));
    size_t axis = form.spatial();
    while (axis-- > 0) {
      if (++r[axis] < std::min(form.attrs.stride[axis], form.positions[0][axis])) break;
      r[axis] = 0;
    }
    if (axis == SIZE_MAX) return specs;
  }
}

// ---- reference semantics

// How far a term is from the first place of x, w and y.
using Offsets = std::array<int64_t, 3>;

// Of the places along one axis that meet; of an axis before the first, of one place.
std::vector<Offsets> meetings(const Form& form, int64_t axis) {
  if (axis < 0) return {{0, 0, 0}};
  Offsets step;
  for (size_t tensor = 0; tensor < 3; ++tensor)
    step[tensor] = strides_of(form.positions[tensor], {})[at(axis)];
  std::vector<Offsets> all;
  for (int64_t o = 0; o < form.positions[2][at(axis)]; ++o)
    for (int64_t k = 0; k < form.positions[1][at(axis)]; ++k) {
      const int64_t x =
          o * form.attrs.stride[at(axis)] + k * form.attrs.dilation[at(axis)] - form.attrs.padding[at(axis)];
      if (x >= 0 && x < form.positions[0][at(axis)]) all.push_back({x * step[0], k * step[1], o * step[2]});
    }
  return all;
}

// Goes through all terms of the form: adds the product of `first` and `second` to the third tensor.
template <Tensor first, Tensor second, Tensor result>
std::vector<DenseTensor> eval(std::span<const DenseTensor> operands, const Attrs& attrs,
                              std::span<const TensorType> types) {
  const TensorType given[] = {operands[0].type, operands[1].type};
  const Form form = form_of(std::get<ConvAttrs>(attrs), given, first, second, result).form;
  DenseTensor out = zeros(types[0]);
  Offsets size;
  for (size_t tensor = 0; tensor < 3; ++tensor) size[tensor] = element_count(form.positions[tensor]);
  const auto spatial = static_cast<int64_t>(form.spatial());
  const std::vector<Offsets> outer = meetings(form, spatial - 3), middle = meetings(form, spatial - 2),
                             inner = meetings(form, spatial - 1);
  constexpr auto kFirst = static_cast<size_t>(first), kSecond = static_cast<size_t>(second),
                 kResult = static_cast<size_t>(result);
  for (int64_t n = 0; n < form.samples; ++n)
    for (int64_t g = 0; g < form.groups; ++g)
      for (int64_t f = 0; f < form.filters; ++f)
        for (int64_t c = 0; c < form.channels; ++c) {
          const Offsets leading = {((n * form.groups + g) * form.channels + c) * size[0],
                                   ((g * form.filters + f) * form.channels + c) * size[1],
                                   ((n * form.groups + g) * form.filters + f) * size[2]};
          for (const Offsets& p : outer)
            for (const Offsets& q : middle) {
              const auto from = [&](size_t tensor) { return leading[tensor] + p[tensor] + q[tensor]; };
              const double* a = operands[0].data.data() + from(kFirst);
              const double* b = operands[1].data.data() + from(kSecond);
              double* to = out.data.data() + from(kResult);
              for (const Offsets& r : inner) to[r[kResult]] += a[r[kFirst]] * b[r[kSecond]];
            }
        }
  return {std::move(out)};
}

// ---- samples

ConvAttrs attrs(std::vector<int64_t> size, std::vector<int64_t> stride, std::vector<int64_t> padding,
                std::vector<int64_t> dilation) {
  return {std::move(size), std::move(stride), std::move(padding), std::move(dilation)};
}
std::vector<TensorType> f32(const Shape& a, const Shape& b) {
  return {{DType::f32, a}, {DType::f32, b}};
}

// Padding that reaches beyond the picture, strides that leave a rest, dilation, groups, one spatial axis.
const Sample kConvSamples[] = {
    {f32({2, 2, 3, 4}, {3, 2, 3, 3}), attrs({3, 4}, {1, 1}, {1, 1}, {1, 1})},
    {f32({2, 1, 5, 4}, {2, 1, 3, 2}), attrs({3, 2}, {2, 2}, {1, 0}, {1, 1})},
    {f32({2, 1, 7}, {3, 1, 3}), attrs({3}, {1}, {0}, {2})},
    {f32({1, 2, 1, 4, 4}, {2, 2, 1, 3, 3}), attrs({2, 2}, {2, 2}, {1, 1}, {1, 1})},
};
const Sample kConvInputSamples[] = {
    {f32({2, 3, 3, 4}, {3, 2, 3, 3}), attrs({3, 4}, {1, 1}, {1, 1}, {1, 1})},
    {f32({2, 2, 3, 2}, {2, 1, 3, 2}), attrs({5, 4}, {2, 2}, {1, 0}, {1, 1})},
    {f32({2, 3, 3}, {3, 1, 3}), attrs({8}, {3}, {1}, {2})},
    {f32({2, 3, 2, 3}, {3, 2, 1, 1}), attrs({3, 6}, {2, 2}, {0, 0}, {1, 1})},
    {f32({1, 2, 2, 2, 2}, {2, 2, 1, 3, 3}), attrs({4, 4}, {2, 2}, {1, 1}, {1, 1})},
};
const Sample kConvWeightSamples[] = {
    {f32({2, 2, 3, 4}, {2, 3, 3, 4}), attrs({3, 3}, {1, 1}, {1, 1}, {1, 1})},
    {f32({2, 1, 5, 4}, {2, 2, 3, 2}), attrs({3, 2}, {2, 2}, {1, 0}, {1, 1})},
    {f32({17, 1, 4}, {17, 2, 2}), attrs({2}, {1}, {0}, {2})},
    {f32({1, 17, 2, 2}, {1, 2, 2, 2}), attrs({1, 1}, {1, 1}, {0, 0}, {1, 1})},
    {f32({1, 2, 1, 4, 4}, {1, 2, 2, 2, 2}), attrs({3, 3}, {2, 2}, {1, 1}, {1, 1})},
};

}  // namespace
}  // namespace ops

using ops::Tensor;

constinit const OpDef k_op_conv = {
    .name = "conv",
    .doc =
        "Sums x under a kernel w that moves over it: x[n, c, …], w[f, c, …] → y[n, f, …] of `size` places, "
        "place o at "
        "o * stride - padding. A group axis may follow n and lead w. Terms outside x are left out.",
    .written = "conv(x, w, …)",
    .min_operands = 2,
    .max_operands = 2,
    .traits = kReduces | kSmooth,
    .attrs = ConvAttrs{},
    .infer = ops::infer<Tensor::x, Tensor::w, Tensor::y>,
    .derivative = {ops::vjp_conv, {}},
    .lower = ContractRule{ops::specs_conv},
    .eval = ops::eval<Tensor::x, Tensor::w, Tensor::y>,
    .math = ops::called<"conv">,
    .formula = ops::write_conv,
    .samples = ops::kConvSamples,
};

constinit const OpDef k_op_conv_input = {
    .name = "conv_input",
    .doc =
        "The derivative of conv by its input, and what is called a transposed convolution: y[n, f, …], w[f, "
        "c, …] → "
        "x[n, c, …] of `size` places.",
    .min_operands = 2,
    .max_operands = 2,
    .traits = kReduces | kSmooth,
    .attrs = ConvAttrs{},
    .infer = ops::infer<Tensor::y, Tensor::w, Tensor::x>,
    .derivative = {ops::vjp_conv_input, {}},
    .lower = ContractRule{ops::specs_conv_input},
    .eval = ops::eval<Tensor::y, Tensor::w, Tensor::x>,
    .math = ops::called<"conv_input">,
    .formula = ops::write_conv_input,
    .samples = ops::kConvInputSamples,
};

constinit const OpDef k_op_conv_weight = {
    .name = "conv_weight",
    .doc = "The derivative of conv by its kernel: x[n, c, …], y[n, f, …] → w[f, c, …] of `size` places.",
    .min_operands = 2,
    .max_operands = 2,
    .traits = kReduces | kSmooth,
    .attrs = ConvAttrs{},
    .infer = ops::infer<Tensor::x, Tensor::y, Tensor::w>,
    .derivative = {ops::vjp_conv_weight, {}},
    .lower = ContractRule{ops::specs_conv_weight},
    .eval = ops::eval<Tensor::x, Tensor::y, Tensor::w>,
    .math = ops::called<"conv_weight">,
    .formula = ops::write_conv_weight,
    .samples = ops::kConvWeightSamples,
};

}  // namespace nnc
