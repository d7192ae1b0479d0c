// Axes, grid, lines and legend of a chart.
#include "driver/draw/curve.h"

#include <algorithm>
#include <cmath>

#include "driver/draw/canvas.h"

namespace nnc::driver {
namespace {

constexpr PictureSize kPicture{720, 420};
constexpr double kPlotLeft = 70, kPlotTop = 48, kPlotRight = 700, kPlotBottom = 370;

class Chart {
 public:
  explicit Chart(const std::vector<Series>& series) : series_(series) {
    double low = INFINITY, high = -INFINITY;
    for (const Series& s : series)
      for (const auto& [step, value] : s.points) {
        last_ = std::max(last_, static_cast<double>(step));
        if (!std::isfinite(value)) continue;
        low = std::min(low, value);
        high = std::max(high, value);
      }
    if (!(low <= high)) low = 0, high = 1;
    logarithmic_ = low > 0 && high / low > 100;
    if (logarithmic_) low = std::log10(low), high = std::log10(high);
    const double margin = high > low ? 0.05 * (high - low) : std::max(0.5, std::abs(low) / 2);
    low_ = low - margin;
    high_ = high + margin;
  }

  void paint(Canvas& canvas, const std::string& title) const {
    canvas.color(kInk);
    canvas.text(kPlotLeft, 28, 16, title, 0);
    axes(canvas);
    for (size_t i = 0; i < series_.size(); ++i) curve(canvas, i);
  }

 private:
  double x_of(double step) const {
    return kPlotLeft + (kPlotRight - kPlotLeft) * step / std::max(1.0, last_);
  }
  double y_of(double scaled) const {
    return kPlotBottom - (kPlotBottom - kPlotTop) * (scaled - low_) / (high_ - low_);
  }

  // Where lines cross the picture, in the scale of the axis: whole powers of ten if there are some.
  std::vector<double> levels() const {
    std::vector<double> whole;
    if (logarithmic_)
      for (double power = std::ceil(low_); power <= high_; power += std::ceil((high_ - low_) / 8))
        whole.push_back(power);
    return whole.size() > 1 ? whole : ticks(low_, high_);
  }

  void axes(Canvas& canvas) const {
    cairo().set_line_width(canvas.pen(), 1);
    for (const double level : levels()) {
      canvas.color(kFaint, 0.25);
      canvas.line(kPlotLeft, y_of(level), kPlotRight, y_of(level));
      canvas.color(kFaint);
      canvas.text(kPlotLeft - 8, y_of(level) + 4, 12,
                  fmt::format("{:.4g}", logarithmic_ ? std::pow(10, level) : level), 1);
    }
    for (const double step : ticks(0, std::max(1.0, last_))) {
      if (step != std::floor(step)) continue;
      canvas.line(x_of(step), kPlotBottom, x_of(step), kPlotBottom + 5);
      canvas.text(x_of(step), kPlotBottom + 19, 12, fmt::format("{}", static_cast<int64_t>(step)), 0.5);
    }
    canvas.text(kPlotRight, kPlotBottom + 38, 13, "step", 1);
    cairo().rectangle(canvas.pen(), kPlotLeft, kPlotTop, kPlotRight - kPlotLeft, kPlotBottom - kPlotTop);
    cairo().stroke(canvas.pen());
  }

  // One curve, in pieces where it is not finite, and its name.
  void curve(Canvas& canvas, size_t i) const {
    const Series& series = series_[i];
    canvas.color(series_color(i));
    cairo().set_line_join(canvas.pen(), CAIRO_LINE_JOIN_ROUND);
    cairo().set_line_width(canvas.pen(), 2);
    bool drawing = false;
    for (const auto& [step, value] : series.points) {
      const bool good = std::isfinite(value) && (!logarithmic_ || value > 0);
      const double x = x_of(static_cast<double>(step)),
                   y = good ? y_of(logarithmic_ ? std::log10(value) : value) : 0;
      if (good && drawing) cairo().line_to(canvas.pen(), x, y);
      if (good && !drawing) cairo().move_to(canvas.pen(), x, y);
      drawing = good;
    }
    cairo().stroke(canvas.pen());
    canvas.text(kPlotRight - 10, kPlotTop + 20 + 18 * static_cast<double>(i), 13, series.name, 1);
  }

  const std::vector<Series>& series_;
  double last_ = 0, low_ = 0, high_ = 1;
  bool logarithmic_ = false;
};

}  // namespace

std::string curve_file(const std::string& name, const std::string& title, const std::vector<Series>& series) {
  const Chart chart(series);
  return picture_file(name, kPicture, [&](Canvas& canvas) { chart.paint(canvas, title); });
}

}  // namespace nnc::driver
