// Heights, grids and minima of a compiled loss of two parameters.
#include "driver/explore/surface.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "driver/explore/contour.h"
#include "driver/explore/trajectory.h"

namespace nnc::driver {
namespace {

constexpr int kGrid = 161;

// The loss and its gradient at a point.
class Heights {
 public:
  Heights(Stepper& stepper, const Plane& plane)
      : stepper_(stepper), plane_(plane), variables_(stepper.variables()) {}

  double loss(Point at) { return move_to(at).at("loss").data.at(0); }

  double loss(Point at, Point& slope) {
    const TensorMap values = move_to(at);
    slope = plane_.read_gradient(values);
    return values.at("loss").data.at(0);
  }

 private:
  TensorMap move_to(Point at) {
    plane_.write(variables_, at);
    stepper_.assign(variables_);
    return stepper_.step(1);
  }

  Stepper& stepper_;
  const Plane& plane_;
  TensorMap variables_;
};

bool inside(Point p, const View& view) {
  for (size_t k = 0; k < 2; ++k)
    if (!(p[k] >= view.low[k] && p[k] <= view.high[k])) return false;
  return true;
}

Point size_of(const View& view) {
  return {view.high[0] - view.low[0], view.high[1] - view.low[1]};
}

std::vector<double> sample(Heights& heights, const View& view, int grid) {
  std::vector<double> all;
  all.reserve(static_cast<size_t>(grid) * static_cast<size_t>(grid));
  const Point size = size_of(view);
  for (int row = 0; row < grid; ++row)
    for (int column = 0; column < grid; ++column)
      all.push_back(heights.loss(
          {view.low[0] + size[0] * column / (grid - 1), view.low[1] + size[1] * row / (grid - 1)}));
  return all;
}

// Newton's method with Levenberg's damping on differences of compiled gradients: each step falls or is not
// taken. Near the ground, where the loss no longer says which of two points is lower, the smaller slope does.
Minimum descend(Heights& heights, Point at, const View& view) {
  const Point size = size_of(view);
  Point slope{};
  double loss = heights.loss(at, slope), damping = -1;
  for (int round = 0; round < 100; ++round) {
    std::array<Point, 2> curve{};
    for (size_t k = 0; k < 2; ++k) {
      const double h = 1e-3 * size[k];
      Point before = at, after = at, low{}, high{};
      before[k] -= h;
      after[k] += h;
      heights.loss(before, low);
      heights.loss(after, high);
      for (size_t j = 0; j < 2; ++j) curve[k][j] = (high[j] - low[j]) / (2 * h);
    }
    const double a = curve[0][0], b = (curve[0][1] + curve[1][0]) / 2, c = curve[1][1];
    if (damping < 0) damping = 1e-3 * (std::abs(a) + std::abs(c) + 1e-12);
    bool moved = false;
    for (int tries = 0; tries < 40 && !moved; ++tries, damping *= 4) {
      const double det = (a + damping) * (c + damping) - b * b;
      if (!(det > 0) || a + damping <= 0) continue;
      const Point next = {at[0] - ((c + damping) * slope[0] - b * slope[1]) / det,
                          at[1] - ((a + damping) * slope[1] - b * slope[0]) / det};
      Point next_slope{};
      const double next_loss = heights.loss(next, next_slope);
      const bool level = std::abs(next_loss - loss) <= 1e-6 * std::abs(loss) &&
                         std::hypot(next_slope[0], next_slope[1]) < std::hypot(slope[0], slope[1]);
      if (!(next_loss < loss) && !level) continue;
      moved = std::abs(next[0] - at[0]) > 1e-7 * size[0] || std::abs(next[1] - at[1]) > 1e-7 * size[1];
      at = next;
      slope = next_slope;
      loss = next_loss;
      if (!moved) return {at, loss};
    }
    if (!moved) break;
    damping /= 64;
  }
  return {at, loss};
}

// The lowest first. Those that differ by no more than the rounding of f32 does are equally low.
void mark_lowest(std::vector<Minimum>& minima, const std::vector<double>& heights) {
  std::sort(minima.begin(), minima.end(), [](const Minimum& a, const Minimum& b) { return a.loss < b.loss; });
  double highest = -INFINITY;
  for (const double height : heights)
    if (std::isfinite(height)) highest = std::max(highest, height);
  for (Minimum& minimum : minima) {
    const double lowest = minima.front().loss;
    minimum.global = minimum.loss - lowest <= 1e-6 * std::max(highest - lowest, std::abs(lowest));
  }
}

// Grid points that none of their neighbors is below and one is above, the lowest first: on level ground there are none.
std::vector<size_t> low_points(const std::vector<double>& heights, int grid) {
  std::vector<size_t> low;
  for (int row = 0; row < grid; ++row)
    for (int column = 0; column < grid; ++column) {
      const auto height = [&](int r, int c) { return heights[static_cast<size_t>(r * grid + c)]; };
      const double here = height(row, column);
      bool lowest = std::isfinite(here), higher = false;
      for (int r = std::max(0, row - 1); lowest && r <= std::min(grid - 1, row + 1); ++r)
        for (int c = std::max(0, column - 1); c <= std::min(grid - 1, column + 1); ++c) {
          lowest = lowest && !(height(r, c) < here);
          higher = higher || height(r, c) > here;
        }
      if (lowest && higher) low.push_back(static_cast<size_t>(row * grid + column));
    }
  std::stable_sort(low.begin(), low.end(), [&](size_t a, size_t b) { return heights[a] < heights[b]; });
  return low;
}

// From the low points of the grid downhill; those that end at one place are one.
std::vector<Minimum> find_minima(Heights& heights, const std::vector<double>& grid_heights, int grid,
                                 const View& view) {
  constexpr size_t kMostMinima = 256;
  const Point size = size_of(view);
  std::vector<Minimum> found;
  for (const size_t low : low_points(grid_heights, grid)) {
    if (found.size() == kMostMinima) break;
    const auto row = static_cast<double>(low / static_cast<size_t>(grid));
    const auto column = static_cast<double>(low % static_cast<size_t>(grid));
    Minimum minimum = descend(
        heights, {view.low[0] + size[0] * column / (grid - 1), view.low[1] + size[1] * row / (grid - 1)},
        view);
    // On the way out of the picture there is no minimum to be marked.
    if (!inside(minimum.at, view)) continue;
    // Where a coordinate is 0 but for rounding, 0 is what people expect to read.
    for (size_t k = 0; k < 2; ++k)
      if (std::abs(minimum.at[k]) < 1e-5 * size[k]) minimum.at[k] = 0;
    const auto same = std::find_if(found.begin(), found.end(), [&](const Minimum& other) {
      return std::abs(other.at[0] - minimum.at[0]) < 0.02 * size[0] &&
             std::abs(other.at[1] - minimum.at[1]) < 0.02 * size[1];
    });
    if (same == found.end())
      found.push_back(minimum);
    else if (minimum.loss < same->loss)
      *same = minimum;
  }
  mark_lowest(found, grid_heights);
  return found;
}

}  // namespace

std::optional<Plane> Plane::of(Session& session, const frontend::Exploration& exploration, Span whole) {
  Plane plane;
  size_t count = 0;
  std::vector<std::string> seen;
  bool loss = false;
  std::map<NodeId, std::string> gradients;  // by param: the output
  for (const Output& output : exploration.graph.outputs) {
    loss = loss || output.kind == OutputKind::loss;
    if (output.kind == OutputKind::gradient) gradients[*output.of] = output.name;
  }
  for (const NodeId id : exploration.graph.inputs) {
    const auto& attrs = std::get<InputAttrs>(exploration.graph.nodes[id].attrs);
    if (attrs.role != Role::param) continue;
    const TensorType& type = exploration.graph.nodes[id].types.front();
    const auto elements = static_cast<size_t>(type.elements());
    seen.push_back(fmt::format("{}: {}", attrs.name, to_string(type)));
    for (size_t i = 0; i < elements && count + i < 2; ++i) {
      plane.entries_[count + i] = {attrs.name, gradients[id], i};
      plane.axes_[count + i] = elements == 1 ? attrs.name : fmt::format("{}[{}]", attrs.name, i);
    }
    count += elements;
  }
  if (loss && count == 2) return plane;
  Diagnostic& error = session.diagnostics.error(
      DiagnosticKind::not_a_surface, whole,
      !loss ? "there is no loss, and so no surface to walk down"
      : seen.empty()
          ? "a surface has two parameters, this has none"
          : fmt::format("a surface has two parameters, this has {} ({})", count, fmt::join(seen, ", ")));
  error.suggest(loss ? "param w: f32[2] = [1.0, 1.5]" : "loss = …");
  return std::nullopt;
}

Point Plane::read(const TensorMap& variables) const {
  Point point{};
  for (size_t k = 0; k < 2; ++k) {
    const auto found = variables.find(entries_[k].parameter);
    if (found != variables.end()) point[k] = found->second.data.at(entries_[k].index);
  }
  return point;
}

Point Plane::read_gradient(const TensorMap& outputs) const {
  Point point{};
  for (size_t k = 0; k < 2; ++k) point[k] = outputs.at(entries_[k].gradient).data.at(entries_[k].index);
  return point;
}

void Plane::write(TensorMap& variables, Point point) const {
  for (size_t k = 0; k < 2; ++k) variables.at(entries_[k].parameter).data.at(entries_[k].index) = point[k];
}

View view_of(Stepper& stepper, const Plane& plane, const std::vector<Trajectory>& trajectories) {
  View view{{INFINITY, INFINITY}, {-INFINITY, -INFINITY}};
  const auto include = [&](Point p) {
    for (size_t k = 0; k < 2; ++k) {
      view.low[k] = std::min(view.low[k], p[k]);
      view.high[k] = std::max(view.high[k], p[k]);
    }
  };
  for (const Trajectory& t : trajectories)
    for (size_t i = 0; i < t.points.size(); ++i)
      if (i == 0 || t.losses[i] <= t.losses[0] + std::abs(t.losses[0])) include(t.points[i]);
  const auto widen = [&](double share) {
    const Point size = size_of(view);
    const double least = std::max({0.35 * std::max(size[0], size[1]), 1e-3 * std::abs(view.low[0]), 1e-3});
    for (size_t k = 0; k < 2; ++k) {
      const double extra = share * size[k] + std::max(0.0, least - size[k]) / 2;
      view.low[k] -= extra;
      view.high[k] += extra;
    }
  };
  const View trajectories_alone = view;
  widen(0.5);
  Heights heights(stepper, plane);
  constexpr int kCoarse = 41;
  const View around = view;
  const std::vector<Minimum> minima = find_minima(heights, sample(heights, around, kCoarse), kCoarse, around);
  view = trajectories_alone;
  for (const Minimum& minimum : minima) include(minimum.at);
  widen(0.15);
  return view;
}

Surface survey(Stepper& stepper, const Plane& plane, const View& view) {
  Surface surface{view, kGrid, {}, {}, {}, {}, false};
  Heights heights(stepper, plane);
  surface.heights = sample(heights, view, kGrid);
  surface.minima = find_minima(heights, surface.heights, kGrid, view);
  std::vector<double> sorted;
  for (const double height : surface.heights)
    if (std::isfinite(height)) sorted.push_back(height);
  std::sort(sorted.begin(), sorted.end());
  surface.shade.assign(surface.heights.size(), 255);
  surface.level = !sorted.empty() && sorted.front() == sorted.back();
  if (sorted.empty() || surface.level) return surface;
  // Levels lie as powers of equal steps, so that half of them are below the median: a bowl gets evenly spaced
  // rings, a canyon many lines at its ground.
  const double low =
      surface.minima.empty() ? sorted.front() : std::min(sorted.front(), surface.minima.front().loss);
  const double high = std::max(sorted[sorted.size() * 97 / 100], std::nextafter(low, INFINITY));
  const double middle = (sorted[sorted.size() / 2] - low) / (high - low);
  const double power = std::clamp(middle > 0 ? -std::log2(middle) : 6.0, 1.0, 6.0);
  for (size_t i = 0; i < surface.heights.size(); ++i)
    if (std::isfinite(surface.heights[i])) {
      const double share = std::clamp((surface.heights[i] - low) / (high - low), 0.0, 1.0);
      surface.shade[i] = static_cast<unsigned char>(std::lround(255 * std::pow(share, 1 / power)));
    }
  std::vector<Point> marks;
  const Point size = size_of(view);
  for (const Minimum& m : surface.minima)
    marks.push_back({10 * (kGrid - 1) * (m.at[0] - view.low[0]) / size[0],
                     10 * (kGrid - 1) * (m.at[1] - view.low[1]) / size[1]});
  surface.contours = contours_of(surface.heights, kGrid, {low, high, power}, marks);
  return surface;
}

}  // namespace nnc::driver
