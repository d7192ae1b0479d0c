// See outputs.h.
#include "validate/outputs.h"

#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "validate/origin.h"

namespace nnc::validate {
namespace {

// How often roundings are drawn for bounds: a few samples may agree by luck, so that what looks wrong is looked at again.
constexpr int kFewSamples = 4, kManySamples = 60;
// Two doubles that agree so well need no bound: the last place of an f32.
constexpr double kClose = 0x1p-23;
// A difference so many times as large as its bound needs no better bound.
constexpr double kFarBeyond = 100;

bool is_close(double a, double b) {
  return a == b || (std::isnan(a) && std::isnan(b)) || std::fabs(a - b) <= kClose * std::fabs(a);
}

bool agree(const TensorMap& before, const Outputs& after, Tally& tally) {
  for (const auto& [name, tensor] : before) {
    const std::vector<double>& other = after.at(name);
    for (size_t i = 0; i < other.size(); ++i) {
      if (!is_close(tensor.data[i], other[i])) return false;
      ++(std::isfinite(other[i]) ? tally.checked : tally.unchecked);
    }
  }
  return true;
}

}  // namespace

const ExpectedStep& OutputComparison::bounds(int samples) {
  if (samples > samples_) {
    samples_ = samples;
    bounds_ = std::move(expect(meant_, {&inputs_, 1}, seed_, samples).front());
  }
  return bounds_;
}

std::optional<std::string> OutputComparison::compare(const TensorMap& before, const Outputs& after,
                                                     std::string_view then, std::string_view now, Tally& tally) {
  // Two graphs do in double, and nearly always so well that no bound is needed.
  Tally own;
  if (agree(before, after, own)) {
    tally += own;
    return std::nullopt;
  }
  std::optional<std::string> sentence;
  for (const int samples : {kFewSamples, kManySamples}) {
    own = {};
    sentence.reset();
    double worst = 0;  // times its bound
    for (const auto& [name, tensor] : before) {
      const Expected expected{tensor.data, bounds(samples).at(name).bound};
      const auto wrong = difference(expected, after.at(name), own);
      if (!wrong) continue;
      const double ratio = std::fabs(wrong->found - wrong->expected) / wrong->bound;
      if (ratio <= worst) continue;
      worst = std::isnan(ratio) ? std::numeric_limits<double>::infinity() : ratio;
      sentence = fmt::format("{} is {} {} and {} {}, where rounding explains {:.2g}",
                             element_text(name, tensor.type.shape, wrong->element), digits(wrong->found), now,
                             digits(wrong->expected), then, wrong->bound);
    }
    const bool is_sure = !sentence || worst > kFarBeyond;
    if (is_sure) break;
  }
  tally += own;
  return sentence;
}

}  // namespace nnc::validate
