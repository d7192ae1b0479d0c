// A pen on a surface of Cairo's, and what all pictures share: colors, text, tick marks, the files they become.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "driver/draw/cairo.h"
#include "driver/session.h"

namespace nnc::driver {

struct Color {
  double r, g, b;
};
inline constexpr Color kWhite{1, 1, 1}, kInk{0.11, 0.12, 0.14}, kFaint{0.40, 0.44, 0.47};
// The color of curve `i`, as in the pages; they repeat from the ninth on.
Color series_color(size_t i);

class Canvas {
 public:
  explicit Canvas(cairo_t* pen);  // paints it white

  cairo_t* pen() const { return pen_; }
  void color(Color c, double opacity = 1);
  // `anchor`: 0 the text begins at x, 0.5 it is centered there, 1 it ends there.
  void text(double x, double y, double size, const std::string& words, double anchor);
  // The same, centered at the point and turned by `angle` (clockwise, in radians), on a ground of the color `behind`.
  void turned_text(double x, double y, double size, const std::string& words, double angle, Color behind);
  void line(double x0, double y0, double x1, double y1);
  void dot(double x, double y, double radius);

 private:
  cairo_t* pen_;
};

// About five round numbers from `low` to `high`.
std::vector<double> ticks(double low, double high);

struct PictureSize {
  double width, height;
};
// The bytes of a file of that kind (by the ending of `name`: .svg, else PNG with 2 pixels per unit).
std::string picture_file(const std::string& name, PictureSize size,
                         const std::function<void(Canvas&)>& paint);

// An error for each name that does not tell the kind of picture, and one if Cairo is missing; `pages`: .html is accepted too.
Status check_picture_names(Session& session, const std::vector<std::string>& names, bool pages);

}  // namespace nnc::driver
