// Marching squares, joined into lines; places for the heights' numbers.
#include "driver/explore/contour.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace nnc::driver {
namespace {

constexpr int kLevels = 22;
constexpr double kApart = 0.17;   // of the picture's side: no two labels are closer
constexpr double kMargin = 0.06;  // and none is closer to the frame or to a mark

// Where the level crosses the edges of the cell, by straight interpolation; in a saddle the cell's mean says
// which corners are cut off.
void cross_cell(const std::array<double, 4>& corner, double level, int row, int column,
                std::vector<int>& to) {
  static constexpr int kX[] = {0, 1, 1, 0}, kY[] = {0, 0, 1, 1};  // counter-clockwise from the lower left
  std::vector<std::array<int, 2>> at;
  for (size_t i = 0; i < 4; ++i) {
    const size_t j = (i + 1) % 4;
    if ((corner[i] < level) == (corner[j] < level)) continue;
    const double share = (level - corner[i]) / (corner[j] - corner[i]);
    at.push_back({static_cast<int>(std::lround(10 * (column + kX[i] + share * (kX[j] - kX[i])))),
                  static_cast<int>(std::lround(10 * (row + kY[i] + share * (kY[j] - kY[i]))))});
  }
  if (at.size() == 4) {
    const double mean = (corner[0] + corner[1] + corner[2] + corner[3]) / 4;
    if ((mean < level) != (corner[0] < level)) std::rotate(at.begin(), at.begin() + 1, at.end());
  }
  for (size_t i = 0; i + 1 < at.size(); i += 2)
    if (at[i] != at[i + 1]) to.insert(to.end(), {at[i][0], at[i][1], at[i + 1][0], at[i + 1][1]});
}

Contour contour_at(double level, const std::vector<double>& heights, int grid) {
  Contour contour{level, {}, {}};
  for (int row = 0; row + 1 < grid; ++row)
    for (int column = 0; column + 1 < grid; ++column) {
      const auto height = [&](int r, int c) { return heights[static_cast<size_t>(r * grid + c)]; };
      const std::array<double, 4> corner = {height(row, column), height(row, column + 1),
                                            height(row + 1, column + 1), height(row + 1, column)};
      if (std::all_of(corner.begin(), corner.end(), [](double v) { return std::isfinite(v); }))
        cross_cell(corner, level, row, column, contour.lines);
    }
  return contour;
}

// The round number nearest to `level` among those that keep it apart from its neighbors, which lie `gap` away.
double rounded_level(double level, double gap) {
  const double unit = std::pow(10, std::floor(std::log10(gap / 2)));
  return std::round(level / unit) * unit;
}

// At most one label per contour: in the middle of the piece of line that is furthest from all labels there are.
void label(std::vector<Contour>& contours, int grid, const std::vector<Point>& marks) {
  const double side = 10.0 * (grid - 1);
  std::vector<ContourLabel> placed;
  for (size_t i = 0; i < contours.size(); i += 2) {
    const std::vector<int>& lines = contours[i].lines;
    ContourLabel best;
    double best_distance = kApart * side;
    for (size_t k = 0; k + 3 < lines.size(); k += 4) {
      // A short piece does not show the line's direction.
      if (std::hypot(lines[k + 2] - lines[k], lines[k + 3] - lines[k + 1]) < 5) continue;
      ContourLabel here{(lines[k] + lines[k + 2]) / 2.0, (lines[k + 1] + lines[k + 3]) / 2.0, 0};
      const double edge = std::min({here.x, here.y, side - here.x, side - here.y});
      double distance = edge < kMargin * side ? 0 : side;
      for (const Point& mark : marks)
        if (std::hypot(here.x - mark[0], here.y - mark[1]) < kMargin * side) distance = 0;
      for (const ContourLabel& other : placed)
        distance = std::min(distance, std::hypot(here.x - other.x, here.y - other.y));
      if (distance <= best_distance) continue;
      here.angle = std::atan2(lines[k + 3] - lines[k + 1], lines[k + 2] - lines[k]);
      if (here.angle > std::numbers::pi / 2) here.angle -= std::numbers::pi;
      if (here.angle < -std::numbers::pi / 2) here.angle += std::numbers::pi;
      best = here;
      best_distance = distance;
    }
    if (best_distance <= kApart * side) continue;
    contours[i].labels.push_back(best);
    placed.push_back(best);
  }
}

}  // namespace

std::vector<Contour> contours_of(const std::vector<double>& heights, int grid, const Levels& levels,
                                 const std::vector<Point>& marks) {
  const auto level = [&](int k) {
    return levels.low + (levels.high - levels.low) * std::pow(static_cast<double>(k) / kLevels, levels.power);
  };
  std::vector<Contour> contours;
  for (int k = 1; k <= kLevels; ++k)
    contours.push_back(contour_at(rounded_level(level(k), level(k) - level(k - 1)), heights, grid));
  label(contours, grid, marks);
  return contours;
}

}  // namespace nnc::driver
