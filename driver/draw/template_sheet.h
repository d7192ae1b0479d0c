// Rows of a weight as pictures: what a unit's weights look for in the picture that it is given.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "driver/report_page/sample_picture.h"

namespace nnc::driver {

struct Template {
  std::string name;  // written under it
  std::vector<float> weights;
  float reach = 0;  // the weight that is drawn white; 0: its own template_reach
};

// The weight that is drawn white, and whose negative is drawn black: three times the root of the mean square, so that a
// few large weights do not leave the rest gray. 0 is the gray between.
float template_reach(std::span<const float> weights);

// A PNG with all of them side by side, made larger without smoothing, with so many in a line; 0: as many as make a square.
std::string template_sheet(const PictureShape& shape, std::span<const Template> templates, int in_line = 0);

}  // namespace nnc::driver
