// The path that an optimizer takes over a surface: one optimizer's, or that of the phases of a run file.
#pragma once

#include <string>
#include <vector>

#include "driver/explore/surface.h"

namespace nnc::driver {

// The position and the loss there before each step and after the last. It ends early where a number is not
// finite.
struct Trajectory {
  std::string name;    // the optimizer's call, or the run file
  std::string detail;  // of a run file: its phases
  int64_t steps = 0;   // that were to be taken
  std::vector<Point> points;
  std::vector<double> losses;
};

// Takes `steps` steps from the stepper's position.
Trajectory walk(Stepper& stepper, const Plane& plane, std::string name, int64_t steps);

// The phases of a run file, as nnc train takes them: rates by their schedules, the optimizer's state handed on between
// phases of one optimizer. An error where a phase counts epochs or the run starts from weights of a file.
Result<Trajectory> walk_phases(Session& session, const ast::File& model, const runtime::RunConfig& config);

}  // namespace nnc::driver
