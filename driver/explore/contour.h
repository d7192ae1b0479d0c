// Lines of equal height over a grid, and the heights written on some of them.
#pragma once

#include <vector>

#include "driver/explore/surface.h"

namespace nnc::driver {

// Heights low + (high - low) * (k / n)^power, so that they can be denser near the ground.
struct Levels {
  double low, high, power;
};

// `heights`: [grid, grid], rows from the bottom. Lines leave out cells with a corner that is not finite. Nothing is
// written close to `marks`, which are in tenths of a grid cell.
std::vector<Contour> contours_of(const std::vector<double>& heights, int grid, const Levels& levels,
                                 const std::vector<Point>& marks);

}  // namespace nnc::driver
