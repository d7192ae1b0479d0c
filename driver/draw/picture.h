// The picture of trajectories over a surface as a file: SVG or PNG, both drawn by Cairo from the same strokes.
#pragma once

#include <string>
#include <vector>

#include "driver/explore/surface.h"
#include "driver/explore/trajectory.h"

namespace nnc::driver {

struct Picture {
  std::string title;
  std::array<std::string, 2> axes;
  const Surface& surface;
  const std::vector<Trajectory>& trajectories;
};

// The bytes of the file `name`, whose ending says the kind: an SVG of 920 x 700, or a PNG of twice that.
std::string picture_of(const std::string& name, const Picture& picture);

}  // namespace nnc::driver
