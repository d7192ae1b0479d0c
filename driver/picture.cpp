// Strokes and text on a surface of Cairo's.
#include "driver/picture.h"

#include <cmath>
#include <memory>
#include <numbers>

#include "driver/cairo.h"
#include "driver/report.h"

namespace nnc::driver {
namespace {

constexpr double kWidth = 920, kHeight = 700;
constexpr double kLeft = 60, kTop = 44, kSize = 600;  // the square of the map

struct Color {
  double r, g, b;
};
constexpr Color kInk{0.11, 0.12, 0.14}, kFaint{0.40, 0.44, 0.47}, kContour{0.36, 0.48, 0.58};
constexpr Color kLow{0.651, 0.792, 0.914}, kHigh{0.988, 0.984, 0.973};

// As in the page; from the ninth way on they come again.
constexpr std::string_view kWayColors[] = {"#2f7fd1", "#e0662c", "#2f9e5f", "#c8479b",
                                           "#8a6fd1", "#b08a1e", "#2aa3a8", "#d1495b"};

class Painter {
 public:
  Painter(cairo_t* pen, const Picture& picture) : pen_(pen), picture_(picture), view_(picture.surface.view) {}

  void paint() {
    color({1, 1, 1});
    cairo().paint(pen_);
    cairo().select_font_face(pen_, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
    color(kInk);
    text(kLeft, 28, 18, picture_.title, 0);
    cairo().save(pen_);
    cairo().rectangle(pen_, kLeft, kTop, kSize, kSize);
    cairo().clip(pen_);
    ground();
    contours();
    ways();
    minima();
    cairo().restore(pen_);
    axes();
    legend();
  }

 private:
  void color(Color c, double opacity = 1) { cairo().set_source_rgba(pen_, c.r, c.g, c.b, opacity); }
  void color_of_way(size_t i, double opacity = 1) {
    const std::string_view hex = kWayColors[i % std::size(kWayColors)].substr(1);
    const unsigned long rgb = std::stoul(std::string(hex), nullptr, 16);
    color({static_cast<double>(rgb >> 16) / 255, static_cast<double>(rgb >> 8 & 255) / 255,
           static_cast<double>(rgb & 255) / 255},
          opacity);
  }
  // `anchor`: 0 the text begins at x, 0.5 it is centered there, 1 it ends there.
  void text(double x, double y, double size, const std::string& words, double anchor) {
    cairo().set_font_size(pen_, size);
    cairo_text_extents_t extents;
    cairo().text_extents(pen_, words.c_str(), &extents);
    cairo().move_to(pen_, x - anchor * extents.x_advance, y);
    cairo().show_text(pen_, words.c_str());
  }
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
    color(kContour, 0.55);
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

  void ways() {
    cairo().set_line_join(pen_, CAIRO_LINE_JOIN_ROUND);
    const auto bounded = [](double v) { return std::clamp(v, -1e4, 1e4); };
    for (size_t w = 0; w < picture_.ways.size(); ++w) {
      const std::vector<Point>& points = picture_.ways[w].points;
      for (const Point& p : points) cairo().line_to(pen_, bounded(x_of(p[0])), bounded(y_of(p[1])));
      color(kHigh, 0.75);
      cairo().set_line_width(pen_, 4.5);
      cairo().stroke_preserve(pen_);
      color_of_way(w);
      cairo().set_line_width(pen_, 2.2);
      cairo().stroke(pen_);
      if (points.empty()) continue;
      cairo().arc(pen_, bounded(x_of(points.back()[0])), bounded(y_of(points.back()[1])), 6, 0,
                  2 * std::numbers::pi);
      cairo().fill_preserve(pen_);
      color({1, 1, 1});
      cairo().set_line_width(pen_, 1.6);
      cairo().stroke(pen_);
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
    color(kInk);
    cairo().set_line_width(pen_, 1.8);
    cairo().stroke(pen_);
  }

  void minima() {
    for (const Minimum& m : picture_.surface.minima) mark(x_of(m.at[0]), y_of(m.at[1]), m.global);
  }

  void axes() {
    cairo().set_line_width(pen_, 1);
    color(kFaint);
    cairo().rectangle(pen_, kLeft, kTop, kSize, kSize);
    cairo().stroke(pen_);
    for (size_t k = 0; k < 2; ++k) {
      const double raw = (view_.high[k] - view_.low[k]) / 5, unit = std::pow(10, std::floor(std::log10(raw)));
      const double step = raw <= unit       ? unit
                          : raw <= 2 * unit ? 2 * unit
                          : raw <= 5 * unit ? 5 * unit
                                            : 10 * unit;
      for (double i = std::ceil(view_.low[k] / step); i * step <= view_.high[k]; ++i) {
        const std::string words = fmt::format("{:.4g}", i * step + 0.0);
        const double x = k == 0 ? x_of(i * step) : kLeft, y = k == 0 ? kTop + kSize : y_of(i * step);
        cairo().move_to(pen_, x, y);
        cairo().rel_line_to(pen_, k == 0 ? 0 : -5, k == 0 ? 5 : 0);
        cairo().stroke(pen_);
        if (k == 0)
          text(x, y + 19, 12, words, 0.5);
        else
          text(x - 9, y + 4, 12, words, 1);
      }
    }
    text(kLeft + kSize, kTop + kSize + 36, 13, picture_.axes[0], 1);
    text(8, kTop + 4, 13, picture_.axes[1], 0);
  }

  void legend() {
    double y = kTop + 12;
    constexpr double kX = kLeft + kSize + 24;
    for (size_t w = 0; w < picture_.ways.size(); ++w) {
      const Way& way = picture_.ways[w];
      color_of_way(w);
      cairo().arc(pen_, kX, y - 4, 5, 0, 2 * std::numbers::pi);
      cairo().fill(pen_);
      color(kInk);
      text(kX + 12, y, 13, way.name, 0);
      color(kFaint);
      text(kX + 12, y + 17, 12,
           way.losses.empty()
               ? "the loss is not finite at the start"
               : fmt::format("loss {:.4g} after {} steps", way.losses.back(), way.losses.size() - 1),
           0);
      y += 46;
    }
    for (const Minimum& m : picture_.surface.minima) {
      mark(kX, y - 4, m.global);
      color(kInk);
      text(kX + 16, y, 13, m.global ? "global minimum" : "local minimum", 0);
      color(kFaint);
      text(kX + 16, y + 17, 12, fmt::format("({:.4g}, {:.4g}), loss {:.4g}", m.at[0], m.at[1], m.loss), 0);
      y += 46;
      if (y > kHeight - 40) break;
    }
  }

  cairo_t* pen_;
  const Picture& picture_;
  const View& view_;
};

void paint_on(cairo_surface_t* surface, const Picture& picture, double scale) {
  cairo_t* pen = cairo().create(surface);
  cairo().scale(pen, scale, scale);
  Painter(pen, picture).paint();
  cairo().destroy(pen);
}

}  // namespace

std::string picture_svg(const Picture& picture) {
  std::string bytes;
  cairo_surface_t* surface = cairo().svg_surface_create_for_stream(append_bytes, &bytes, kWidth, kHeight);
  paint_on(surface, picture, 1);
  cairo().surface_finish(surface);
  cairo().surface_destroy(surface);
  return bytes;
}

std::string picture_png(const Picture& picture) {
  constexpr double kScale = 2;
  std::string bytes;
  cairo_surface_t* surface = cairo().image_surface_create(
      CAIRO_FORMAT_RGB24, static_cast<int>(kScale * kWidth), static_cast<int>(kScale * kHeight));
  paint_on(surface, picture, kScale);
  cairo().surface_write_to_png_stream(surface, append_bytes, &bytes);
  cairo().surface_destroy(surface);
  return bytes;
}

}  // namespace nnc::driver
