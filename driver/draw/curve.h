// A chart of numbers over steps, as SVG or PNG.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace nnc::driver {

struct Series {
  std::string name;
  std::vector<std::pair<int64_t, double>> points;  // step, value; may hold what is not finite
};

// The bytes of the file `name`, whose ending says the kind. The vertical axis is logarithmic where the values are
// positive and span more than a factor of 100.
std::string curve_file(const std::string& name, const std::string& title, const std::vector<Series>& series);

}  // namespace nnc::driver
