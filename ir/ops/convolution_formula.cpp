// How convolutions are written: those by input and by kernel as convolutions, too, where there are no groups.
#include "ir/ops/convolution_formula.h"

#include <algorithm>

namespace nnc::ops {
namespace {

// Numbers that are as usual everywhere are left out.
formula::Numbers unless_all(const std::vector<int64_t>& numbers, int64_t usual) {
  return std::ranges::count(numbers, usual) == std::ssize(numbers) ? formula::Numbers() : numbers;
}

// A convolution of x with w of `size` places, and what of it is not as usual.
formula::ExprId conv(formula::Formula& f, formula::ExprId x, formula::ExprId w, const ConvAttrs& attrs) {
  const formula::Numbers fit = formula::places_of(attrs, f.shape(x), f.shape(w));
  return f.call(Fn::conv, {x, w},
                {fit == attrs.size ? formula::Numbers() : attrs.size, unless_all(attrs.stride, 1),
                 unless_all(attrs.padding, 0), unless_all(attrs.dilation, 1)});
}

bool is_grouped(const Notation& n) {
  return n.shape(0).size() > std::get<ConvAttrs>(n.node.attrs).size.size() + 2;
}

Writings write_conv_call(Notation& n, Fn fn) {
  const auto& [size, stride, padding, dilation] = std::get<ConvAttrs>(n.node.attrs);
  return write_call(n, fn, {size, unless_all(stride, 1), unless_all(padding, 0), unless_all(dilation, 1)});
}

}  // namespace

Writings write_conv(Notation& n) {
  return n.whole(conv(n.formula, n.exact(0), n.exact(1), std::get<ConvAttrs>(n.node.attrs)));
}

// A convolution of y with the kernel turned around: y spread by the stride, its border as wide as the kernel reaches, less what
// padding has added.
Writings write_conv_input(Notation& n) {
  const auto& [size, stride, padding, dilation] = std::get<ConvAttrs>(n.node.attrs);
  formula::Formula& f = n.formula;
  const size_t spatial = size.size(), lead = n.shape(0).size() - spatial;
  ConvAttrs back{size, std::vector<int64_t>(spatial, 1), {}, dilation};
  formula::Numbers flipped;
  for (size_t i = 0; i < spatial; ++i) {
    flipped.push_back(static_cast<int64_t>(lead + i));
    back.padding.push_back(dilation[i] * (n.shape(1)[lead + i] - 1) - padding[i]);
  }
  if (is_grouped(n) || *std::ranges::min_element(back.padding) < 0) return write_conv_call(n, Fn::conv_input);
  formula::ExprId y = n.exact(0);
  if (!unless_all(stride, 1).empty()) y = f.call(Fn::spread, {y}, {stride});
  const formula::ExprId turned = f.call(Fn::swap, {f.call(Fn::flip, {n.exact(1)}, {flipped})});
  return n.whole(conv(f, y, turned, back));
}

// A convolution of x with y, samples in the place of channels: the strides are between the taps now.
Writings write_conv_weight(Notation& n) {
  const auto& [size, stride, padding, dilation] = std::get<ConvAttrs>(n.node.attrs);
  if (is_grouped(n)) return write_conv_call(n, Fn::conv_weight);
  formula::Formula& f = n.formula;
  const formula::ExprId x = f.call(Fn::swap, {n.exact(0)}), y = f.call(Fn::swap, {n.exact(1)});
  return n.whole(f.call(Fn::swap, {conv(f, x, y, {size, dilation, padding, stride})}));
}

}  // namespace nnc::ops
