// A loss of two parameters as a surface: its height anywhere, on a grid, as contours, and its minima. Every
// height comes from the compiled program, the same that `nnc run` steps with.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "driver/explore/explore.h"

namespace nnc::driver {

struct Trajectory;

using Point = std::array<double, 2>;

// The part of the plane that is drawn.
struct View {
  Point low{}, high{};
};

// Where the height is written on a contour: in tenths of a grid cell, and the direction of the line there.
struct ContourLabel {
  double x = 0, y = 0;
  // Counter-clockwise from the x axis, in radians, from -pi/2 to pi/2: no text is upside down.
  double angle = 0;
};

struct Contour {
  double value = 0;  // of the loss: a number of few digits
  // Pieces of line, x0 y0 x1 y1 each, in tenths of a grid cell from the view's lower left corner.
  std::vector<int> lines;
  std::vector<ContourLabel> labels;
};

struct Minimum {
  Point at{};
  double loss = 0;
  bool global = false;  // no found one is lower; several may be global if they differ by rounding only
};

// Which entries of the parameters are the two that the picture is about: w[0] and w[1], or x and y.
class Plane {
 public:
  // Nothing, with an error in the session, if the parameters do not have two entries in all or there is no
  // loss.
  static std::optional<Plane> of(Session& session, const frontend::Exploration& exploration, Span whole);

  const std::array<std::string, 2>& axes() const { return axes_; }
  Point read(const TensorMap& variables) const;
  // The slope, of what a step gives.
  Point read_gradient(const TensorMap& outputs) const;
  void write(TensorMap& variables, Point point) const;

 private:
  struct Entry {
    std::string parameter, gradient;  // the input, and the output that is its gradient
    size_t index;
  };
  std::array<Entry, 2> entries_;
  std::array<std::string, 2> axes_;
};

struct Surface {
  View view;
  int grid = 0;                      // heights per side
  std::vector<double> heights;       // [grid, grid], rows from the bottom; may hold what is not finite
  std::vector<unsigned char> shade;  // the same, from 0 at the lowest to 255, as contours are spaced
  std::vector<Contour> contours;
  std::vector<Minimum> minima;  // within the view, the lowest first; at most 256
  bool level = false;           // all heights are equal
};

// What shows all trajectories but where they leave: points no higher than twice the start's loss, the minima around
// them, and a margin.
View view_of(Stepper& stepper, const Plane& plane, const std::vector<Trajectory>& trajectories);

// Heights, contours and minima within the view. The stepper's parameters are moved about.
Surface survey(Stepper& stepper, const Plane& plane, const View& view);

}  // namespace nnc::driver
