// The picture of ways over a surface as a file: SVG or PNG, both drawn by Cairo from the same strokes.
#pragma once

#include <string>
#include <vector>

#include "driver/surface.h"

namespace nnc::driver {

struct Picture {
  std::string title;
  std::array<std::string, 2> axes;
  const Surface& surface;
  const std::vector<Way>& ways;
};

// The bytes of the file; `png` is 2 pixels per unit of the SVG, 1840 x 1400 of them.
std::string picture_svg(const Picture& picture);
std::string picture_png(const Picture& picture);

}  // namespace nnc::driver
