// A loss of two parameters as a surface: its height anywhere, on a grid, as contours, and its minima. Every
// height comes from the compiled program, the same that `nnc run` steps with.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "driver/explore.h"

namespace nnc::driver {

using Point = std::array<double, 2>;

// The part of the plane that is drawn.
struct View {
  Point low{}, high{};
};

struct Contour {
  double value = 0;  // of the loss
  // Pieces of line, x0 y0 x1 y1 each, in tenths of a grid cell from the view's lower left corner.
  std::vector<int> lines;
};

struct Minimum {
  Point at{};
  double loss = 0;
  bool global = false;  // the lowest of those found
};

// One optimizer's way: where it stood, and the loss there, before each step and after the last. It ends early
// where a number is not finite.
struct Way {
  std::string name;  // the optimizer's call
  std::vector<Point> points;
  std::vector<double> losses;
};

// Which entries of the parameters are the two that the picture is about: w[0] and w[1], or x and y.
class Plane {
 public:
  // Nothing, with an error in the session, if the parameters do not have two entries in all or there is no
  // loss.
  static std::optional<Plane> of(Session& session, const frontend::Exploration& exploration, Span whole);

  const std::array<std::string, 2>& axes() const { return axes_; }
  Point read(const TensorMap& variables) const;
  void write(TensorMap& variables, Point point) const;

 private:
  struct Entry {
    std::string parameter;
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
  std::vector<Minimum> minima;  // within the view, the lowest first
};

// Takes `steps` steps from where the stepper stands.
Way walk(Stepper& stepper, const Plane& plane, std::string name, int64_t steps);

// What shows all ways but where they leave: points no higher than twice the start's loss, the minima around
// them, and a margin.
View view_of(Stepper& stepper, const Plane& plane, const std::vector<Way>& ways);

// Heights, contours and minima within the view. The stepper's parameters are moved about.
Surface survey(Stepper& stepper, const Plane& plane, const View& view);

}  // namespace nnc::driver
