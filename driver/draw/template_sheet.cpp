// Lays out and colors the rows of a weight.
#include "driver/draw/template_sheet.h"

#include <algorithm>
#include <cmath>

namespace nnc::driver {
namespace {

constexpr int kTile = 128, kGap = 12,
              kCaption = 22;    // pixels; the longer side of a picture is at least kTile
constexpr int kSmallTile = 48;  // of many in a line
constexpr int kMostLarge = 8;
constexpr double kTextSize = 14;

}  // namespace

float template_reach(std::span<const float> weights) {
  double squares = 0;
  for (const float w : weights) squares += double{w} * w;
  return static_cast<float>(3 *
                            std::sqrt(squares / static_cast<double>(std::max<size_t>(1, weights.size()))));
}

std::string template_sheet(const PictureShape& shape, std::span<const Template> templates, int in_line) {
  const int count = static_cast<int>(templates.size());
  const int square = std::max(5, static_cast<int>(std::ceil(std::sqrt(count))));
  const int columns = std::min(count, in_line > 0 ? in_line : square);
  const int rows = (count + columns - 1) / columns;
  const int tile = in_line > kMostLarge ? kSmallTile : kTile;
  const auto times = static_cast<int>(std::max<int64_t>(1, tile / std::max(shape.width, shape.height)));
  const int width = static_cast<int>(shape.width) * times, height = static_cast<int>(shape.height) * times;
  cairo_surface_t* sheet = cairo().image_surface_create(CAIRO_FORMAT_RGB24, kGap + columns * (width + kGap),
                                                        kGap + rows * (height + kCaption + kGap));
  cairo_t* pen = cairo().create(sheet);
  cairo().set_source_rgba(pen, 1, 1, 1, 1);
  cairo().paint(pen);
  cairo().select_font_face(pen, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
  cairo().set_font_size(pen, kTextSize);
  for (int i = 0; i < count; ++i) {
    const Template& shown = templates[static_cast<size_t>(i)];
    const float reach = shown.reach > 0 ? shown.reach : template_reach(shown.weights);
    // A row of zeros is gray, not black.
    cairo_surface_t* image =
        surface_of_row(shape, shown.weights, reach > 0 ? -reach : -1.0f, reach > 0 ? reach : 1.0f);
    const double x = kGap + i % columns * (width + kGap);
    const double y = kGap + i / columns * (height + kCaption + kGap);
    cairo().save(pen);
    cairo().translate(pen, x, y);
    cairo().scale(pen, times, times);
    cairo().set_source_surface(pen, image, 0, 0);
    cairo().pattern_set_filter(cairo().get_source(pen), CAIRO_FILTER_NEAREST);
    cairo().paint(pen);
    cairo().restore(pen);
    cairo().surface_destroy(image);
    cairo_text_extents_t extents;
    cairo().text_extents(pen, shown.name.c_str(), &extents);
    cairo().set_source_rgba(pen, 0.11, 0.12, 0.14, 1);
    cairo().move_to(pen, x + (width - extents.x_advance) / 2, y + height + kTextSize + 2);
    cairo().show_text(pen, shown.name.c_str());
  }
  cairo().destroy(pen);
  std::string png;
  cairo().surface_write_to_png_stream(sheet, append_bytes, &png);
  cairo().surface_destroy(sheet);
  return png;
}

}  // namespace nnc::driver
