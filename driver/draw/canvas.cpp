// The pen, and files of SVG and PNG.
#include "driver/draw/canvas.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace nnc::driver {

Color series_color(size_t i) {
  static constexpr uint32_t kColors[] = {0x2f7fd1, 0xe0662c, 0x2f9e5f, 0xc8479b,
                                         0x8a6fd1, 0xb08a1e, 0x2aa3a8, 0xd1495b};
  const uint32_t rgb = kColors[i % std::size(kColors)];
  return {(rgb >> 16) / 255.0, (rgb >> 8 & 255) / 255.0, (rgb & 255) / 255.0};
}

Canvas::Canvas(cairo_t* pen) : pen_(pen) {
  color(kWhite);
  cairo().paint(pen_);
  cairo().select_font_face(pen_, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
}

void Canvas::color(Color c, double opacity) {
  cairo().set_source_rgba(pen_, c.r, c.g, c.b, opacity);
}

void Canvas::text(double x, double y, double size, const std::string& words, double anchor) {
  cairo().set_font_size(pen_, size);
  cairo_text_extents_t extents;
  cairo().text_extents(pen_, words.c_str(), &extents);
  cairo().move_to(pen_, x - anchor * extents.x_advance, y);
  cairo().show_text(pen_, words.c_str());
  cairo().new_path(pen_);  // the next line does not begin where the text ended
}

void Canvas::turned_text(double x, double y, double size, const std::string& words, double angle,
                         Color behind) {
  cairo().save(pen_);
  cairo().translate(pen_, x, y);
  cairo().rotate(pen_, angle);
  cairo().set_font_size(pen_, size);
  cairo_text_extents_t extents;
  cairo().text_extents(pen_, words.c_str(), &extents);
  const double width = extents.x_advance;
  cairo().rectangle(pen_, -width / 2 - 2, -size / 2, width + 4, size);
  color(behind);
  cairo().fill(pen_);
  color(kFaint);
  cairo().move_to(pen_, -width / 2, 0.35 * size);
  cairo().show_text(pen_, words.c_str());
  cairo().new_path(pen_);
  cairo().restore(pen_);
}

void Canvas::line(double x0, double y0, double x1, double y1) {
  cairo().move_to(pen_, x0, y0);
  cairo().line_to(pen_, x1, y1);
  cairo().stroke(pen_);
}

void Canvas::dot(double x, double y, double radius) {
  cairo().new_path(pen_);
  cairo().arc(pen_, x, y, radius, 0, 2 * std::numbers::pi);
  cairo().fill(pen_);
}

std::vector<double> ticks(double low, double high) {
  const double raw = (high - low) / 5, unit = std::pow(10, std::floor(std::log10(raw)));
  const double step = raw <= unit       ? unit
                      : raw <= 2 * unit ? 2 * unit
                      : raw <= 5 * unit ? 5 * unit
                                        : 10 * unit;
  std::vector<double> all;
  for (double i = std::ceil(low / step); i * step <= high; ++i) all.push_back(i * step + 0.0);
  return all;
}

std::string picture_file(const std::string& name, PictureSize size,
                         const std::function<void(Canvas&)>& paint) {
  const bool svg = name.ends_with(".svg");
  const double scale = svg ? 1 : 2;
  std::string bytes;
  cairo_surface_t* surface =
      svg ? cairo().svg_surface_create_for_stream(append_bytes, &bytes, size.width, size.height)
          : cairo().image_surface_create(CAIRO_FORMAT_RGB24, static_cast<int>(scale * size.width),
                                         static_cast<int>(scale * size.height));
  cairo_t* pen = cairo().create(surface);
  cairo().scale(pen, scale, scale);
  Canvas canvas(pen);
  paint(canvas);
  cairo().destroy(pen);
  if (!svg) cairo().surface_write_to_png_stream(surface, append_bytes, &bytes);
  cairo().surface_finish(surface);
  cairo().surface_destroy(surface);
  return bytes;
}

Status check_picture_names(Session& session, const std::vector<std::string>& names, bool pages) {
  const auto is = [](const std::string& name, std::string_view suffix) {
    return name.size() > suffix.size() && name.ends_with(suffix);
  };
  bool pictures = false;
  for (const std::string& name : names) {
    const bool picture = is(name, ".svg") || is(name, ".png");
    pictures = pictures || picture;
    if (picture || (pages && is(name, ".html"))) continue;
    session.diagnostics
        .error_at(DiagnosticKind::wrong_file_kind, "-o " + name, "the name does not tell the kind of picture")
        .suggest(pages ? "a name that ends in .html, .svg or .png" : "a name that ends in .svg or .png");
  }
  if (pictures && !session.diagnostics.has_errors() && !has_cairo())
    session.diagnostics
        .error_at(DiagnosticKind::wrong_file_kind, "-o", "drawing needs Cairo, which is not installed")
        .suggest(pages ? "the package libcairo2, or a page: a name that ends in .html"
                       : "the package libcairo2");
  if (session.diagnostics.has_errors()) return Failure();
  return Done();
}

}  // namespace nnc::driver
