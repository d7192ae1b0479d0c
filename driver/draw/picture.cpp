// Strokes and text on a surface of Cairo's.
#include "driver/draw/picture.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "driver/draw/canvas.h"
#include "driver/report.h"

namespace nnc::driver {
namespace {

constexpr double kWidth = 920, kHeight = 720;
constexpr double kLeft = 60, kTop = 64, kSize = 600;  // the square of the map

constexpr Color kContour{0.36, 0.48, 0.58}, kLow{0.651, 0.792, 0.914}, kHigh{0.988, 0.984, 0.973};

class Painter {
 public:
  Painter(Canvas& canvas, const Picture& picture)
      : canvas_(canvas), pen_(canvas.pen()), picture_(picture), view_(picture.surface.view) {}

  void paint() {
    canvas_.color(kInk);
    canvas_.text(kLeft, 28, 18, picture_.title, 0);
    cairo().save(pen_);
    cairo().rectangle(pen_, kLeft, kTop, kSize, kSize);
    cairo().clip(pen_);
    ground();
    contours();
    heights();
    trajectories();
    minima();
    cairo().restore(pen_);
    axes();
    legend();
  }

 private:
  double x_of(double x) const { return kLeft + (x - view_.low[0]) / (view_.high[0] - view_.low[0]) * kSize; }
  double y_of(double y) const {
    return kTop + kSize - (y - view_.low[1]) / (view_.high[1] - view_.low[1]) * kSize;
  }

  void ground() {
    const int n = picture_.surface.grid;
    cairo_surface_t* image = cairo().image_surface_create(CAIRO_FORMAT_RGB24, n, n);
    unsigned char* pixels = cairo().image_surface_get_data(image);
    const int stride = cairo().image_surface_get_stride(image);
    for (int row = 0; row < n; ++row)
      for (int column = 0; column < n; ++column) {
        const double h = picture_.surface.shade[static_cast<size_t>((n - 1 - row) * n + column)] / 255.0;
        const auto mix = [&](double a, double b) { return static_cast<uint32_t>(255 * (a + (b - a) * h)); };
        const uint32_t pixel = mix(kLow.r, kHigh.r) << 16 | mix(kLow.g, kHigh.g) << 8 | mix(kLow.b, kHigh.b);
        std::memcpy(pixels + row * stride + column * 4, &pixel, sizeof pixel);
      }
    cairo().surface_mark_dirty(image);
    cairo().save(pen_);
    cairo().translate(pen_, kLeft, kTop);
    cairo().scale(pen_, kSize / n, kSize / n);
    cairo().set_source_surface(pen_, image, 0, 0);
    cairo().pattern_set_extend(cairo().get_source(pen_), CAIRO_EXTEND_PAD);
    cairo().paint(pen_);
    cairo().restore(pen_);
    cairo().surface_destroy(image);
  }

  void contours() {
    const double cell = kSize / (picture_.surface.grid - 1) / 10;
    canvas_.color(kContour, 0.55);
    cairo().set_line_width(pen_, 0.7);
    for (const Contour& contour : picture_.surface.contours) {
      for (size_t i = 0; i + 3 < contour.lines.size(); i += 4) {
        cairo().move_to(pen_, kLeft + contour.lines[i] * cell, kTop + kSize - contour.lines[i + 1] * cell);
        cairo().line_to(pen_, kLeft + contour.lines[i + 2] * cell,
                        kTop + kSize - contour.lines[i + 3] * cell);
      }
      cairo().stroke(pen_);
    }
  }

  void heights() {
    const double cell = kSize / (picture_.surface.grid - 1) / 10;
    for (const Contour& contour : picture_.surface.contours)
      for (const ContourLabel& label : contour.labels)
        canvas_.turned_text(kLeft + label.x * cell, kTop + kSize - label.y * cell, 10,
                            fmt::format("{:.6g}", contour.value), -label.angle, kHigh);
  }

  // A line through all points, a dot for each where they do not run together, and a large one at the end.
  void trajectories() {
    cairo().set_line_join(pen_, CAIRO_LINE_JOIN_ROUND);
    const auto bounded = [](double v) { return std::clamp(v, -1e4, 1e4); };
    for (size_t i = 0; i < picture_.trajectories.size(); ++i) {
      std::vector<Point> at;
      for (const Point& p : picture_.trajectories[i].points)
        at.push_back({bounded(x_of(p[0])), bounded(y_of(p[1]))});
      if (at.empty()) continue;
      for (const Point& p : at) cairo().line_to(pen_, p[0], p[1]);
      canvas_.color(kHigh, 0.75);
      cairo().set_line_width(pen_, 4.5);
      cairo().stroke_preserve(pen_);
      canvas_.color(series_color(i), 0.8);
      cairo().set_line_width(pen_, 1.4);
      cairo().stroke(pen_);
      canvas_.color(series_color(i));
      for (const Point& p : at) canvas_.dot(p[0], p[1], 2.2);
      canvas_.color(kWhite);
      canvas_.dot(at.back()[0], at.back()[1], 7);
      canvas_.color(series_color(i));
      canvas_.dot(at.back()[0], at.back()[1], 5.5);
    }
  }

  void mark(double x, double y, bool global) {
    cairo().new_path(pen_);
    for (int i = 0; global && i < 10; ++i) {
      const double r = i % 2 == 0 ? 10 : 4.5, angle = std::numbers::pi * (i / 5.0 - 0.5);
      cairo().line_to(pen_, x + r * std::cos(angle), y + r * std::sin(angle));
    }
    if (global) {
      cairo().close_path(pen_);
    } else {
      cairo().move_to(pen_, x - 6, y - 6);
      cairo().line_to(pen_, x + 6, y + 6);
      cairo().move_to(pen_, x - 6, y + 6);
      cairo().line_to(pen_, x + 6, y - 6);
    }
    canvas_.color(kInk);
    cairo().set_line_width(pen_, 1.8);
    cairo().stroke(pen_);
  }

  void minima() {
    for (const Minimum& m : picture_.surface.minima) mark(x_of(m.at[0]), y_of(m.at[1]), m.global);
  }

  void axes() {
    cairo().set_line_width(pen_, 1);
    canvas_.color(kFaint);
    cairo().rectangle(pen_, kLeft, kTop, kSize, kSize);
    cairo().stroke(pen_);
    for (size_t k = 0; k < 2; ++k) {
      for (const double at : ticks(view_.low[k], view_.high[k])) {
        const std::string words = fmt::format("{:.4g}", at);
        const double x = k == 0 ? x_of(at) : kLeft, y = k == 0 ? kTop + kSize : y_of(at);
        cairo().move_to(pen_, x, y);
        cairo().rel_line_to(pen_, k == 0 ? 0 : -5, k == 0 ? 5 : 0);
        cairo().stroke(pen_);
        if (k == 0)
          canvas_.text(x, y + 19, 12, words, 0.5);
        else
          canvas_.text(x - 9, y + 4, 12, words, 1);
      }
    }
    canvas_.text(kLeft + kSize, kTop + kSize + 36, 13, picture_.axes[0], 1);
    canvas_.text(8, kTop - 10, 13, picture_.axes[1], 0);  // above the ticks' numbers
  }

  void legend() {
    double y = kTop + 12;
    constexpr double kX = kLeft + kSize + 24;
    for (size_t i = 0; i < picture_.trajectories.size(); ++i) {
      const Trajectory& trajectory = picture_.trajectories[i];
      canvas_.color(series_color(i));
      cairo().arc(pen_, kX, y - 4, 5, 0, 2 * std::numbers::pi);
      cairo().fill(pen_);
      canvas_.color(kInk);
      canvas_.text(kX + 12, y, 13, trajectory.name, 0);
      canvas_.color(kFaint);
      canvas_.text(kX + 12, y + 17, 12,
                   trajectory.losses.empty()
                       ? "the loss is not finite at the start"
                       : fmt::format("loss {:.4g} after {} steps", trajectory.losses.back(),
                                     trajectory.losses.size() - 1),
                   0);
      y += 46;
    }
    const auto& found = picture_.surface.minima;
    const auto lowest = std::count_if(found.begin(), found.end(), [](const Minimum& m) { return m.global; });
    for (const Minimum& m : picture_.surface.minima) {
      mark(kX, y - 4, m.global);
      canvas_.color(kInk);
      canvas_.text(kX + 16, y, 13,
                   m.global ? lowest == 1 ? "lowest minimum" : fmt::format("one of {} lowest", lowest)
                            : "local minimum",
                   0);
      canvas_.color(kFaint);
      canvas_.text(kX + 16, y + 17, 12,
                   fmt::format("({:.4g}, {:.4g}), loss {:.4g}", m.at[0], m.at[1], m.loss), 0);
      y += 46;
      if (y > kHeight - 40) break;
    }
  }

  Canvas& canvas_;
  cairo_t* pen_;
  const Picture& picture_;
  const View& view_;
};

}  // namespace

std::string picture_of(const std::string& name, const Picture& picture) {
  return picture_file(name, {kWidth, kHeight}, [&](Canvas& canvas) { Painter(canvas, picture).paint(); });
}

}  // namespace nnc::driver
