// Cuts a value into panels and finds their scale.
#include "driver/draw/panels.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "driver/draw/template_sheet.h"

namespace nnc::driver {
namespace {

constexpr int64_t kLongestPanel = 1024;  // pixels of a panel's side
constexpr int64_t kLine = 128;           // numbers in a line of a strip

// Numbers for a strip's line: all of up to 128, or a divisor of them near it, so that the last line is full.
int64_t line_of(int64_t count) {
  if (count <= kLine) return std::max<int64_t>(1, count);
  for (int64_t line = kLine; line >= kLine / 4; --line)
    if (count % line == 0) return line;
  return kLine;
}

// Leading axes as one, until three are left.
std::vector<int64_t> at_most_three(std::vector<int64_t> shape) {
  while (shape.size() > 3) {
    shape[1] *= shape[0];
    shape.erase(shape.begin());
  }
  return shape;
}

// The numbers that are drawn, once those that are not finite are set to what can be drawn: 0, or the ends.
void set_scale(Panels& panels, bool shares) {
  std::vector<float> finite;
  for (const std::vector<float>& panel : panels.numbers)
    for (const float x : panel)
      if (std::isfinite(x)) finite.push_back(x);
  if (panels.form == PanelForm::picture) {
    const auto [low, high] = std::ranges::minmax_element(finite);
    if (!finite.empty()) panels.low = *low, panels.high = *high;
  } else if (shares) {
    panels.low = -1, panels.high = 0;  // of the numbers with the other sign: more is darker
  } else if (const float reach = template_reach(finite); reach > 0) {
    panels.low = -reach, panels.high = reach;
  }
  for (std::vector<float>& panel : panels.numbers)
    for (float& x : panel) {
      if (shares && panels.form != PanelForm::picture) x = -x;
      x = std::isnan(x) ? 0 : std::clamp(x, panels.low, panels.high);
    }
}

}  // namespace

Panels panels_of(const Activation& value, size_t most_panels, int64_t most_units) {
  Panels panels;
  const std::vector<int64_t> shape = at_most_three(value.shape);
  const std::vector<float>& numbers = value.numbers;
  const auto count = static_cast<int64_t>(numbers.size());
  if (count < 2) return panels;
  const bool shares = value.kind == ActivationKind::shares;
  const auto whole = [&](int64_t rows, int64_t columns) {
    const auto size = static_cast<size_t>(rows * columns);
    for (size_t i = 0; (i + 1) * size <= numbers.size() && panels.numbers.size() < most_panels; ++i)
      panels.numbers.emplace_back(numbers.begin() + static_cast<std::ptrdiff_t>(i * size),
                                  numbers.begin() + static_cast<std::ptrdiff_t>((i + 1) * size));
    panels.shape = {rows, columns};
  };
  const auto picture = value.kind == ActivationKind::input ? picture_shape(value.shape) : std::nullopt;
  if (picture) {
    panels.form = PanelForm::picture;
    panels.numbers = {numbers};
    panels.shape = *picture;
  } else if (value.is_attention() || shape.size() == 3) {
    panels.form = value.is_attention() ? PanelForm::attention : PanelForm::maps;
    whole(shape[shape.size() - 2], shape.back());
    const int64_t all = shape.size() == 3 ? shape[0] : 1;
    if (panels.numbers.size() < static_cast<size_t>(all))
      panels.note = fmt::format("the first {} of {} {}", panels.numbers.size(), all,
                                value.is_attention() ? "heads" : "maps");
  } else if (shape.size() == 2) {
    // Channels of a convolution over a sequence come first; of anything else time does.
    const size_t usual = value.kind == ActivationKind::maps ? 1 : 0;
    const size_t time = value.along.empty() ? usual : value.along[0];
    const int64_t units = shape[1 - time], places = shape[time], rows = std::min(units, most_units);
    panels.form = PanelForm::sequence;
    std::vector<float>& drawn = panels.numbers.emplace_back();
    for (int64_t u = 0; u < rows; ++u)
      for (int64_t t = 0; t < places; ++t)
        drawn.push_back(numbers[static_cast<size_t>(time == 0 ? t * units + u : u * places + t)]);
    panels.shape = {rows, places};
    if (rows < units) panels.note = fmt::format("the first {} of {} units", rows, units);
  } else {
    const int64_t line = line_of(count), lines = std::min((count + line - 1) / line, most_units);
    panels.numbers = {numbers};
    panels.numbers[0].resize(static_cast<size_t>(line * lines));
    panels.shape = {lines, line};
    if (lines * line < count) panels.note = fmt::format("the first {} of {} numbers", lines * line, count);
  }
  if (panels.shape.height > kLongestPanel || panels.shape.width > kLongestPanel) {
    panels.numbers.clear();
    panels.note = fmt::format("not drawn: {} x {} is too large", panels.shape.height, panels.shape.width);
  }
  if (!value.along.empty() && (panels.form == PanelForm::sequence || panels.form == PanelForm::attention))
    panels.words = static_cast<size_t>(panels.shape.width);
  set_scale(panels, shares);
  return panels;
}

std::string form_text(const Panels& panels) {
  const size_t count = panels.numbers.size();
  switch (panels.form) {
    case PanelForm::picture:
      return "the input";
    case PanelForm::maps:
      return count == 1 ? "one map" : fmt::format("{} maps", count);
    case PanelForm::sequence:
      return "time across, units down";
    case PanelForm::attention:
      return fmt::format("{}: a row per query, a column per key",
                         count == 1 ? "one head" : fmt::format("{} heads", count));
    case PanelForm::strip:
      return count == 0 ? "a number" : panels.shape.height > 1 ? "in lines from the left" : "from the left";
  }
  return "";
}

}  // namespace nnc::driver
