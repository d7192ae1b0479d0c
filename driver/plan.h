// The models that the phases of a run train, one for each step that differs; and what makes them these and no others.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "driver/session.h"

namespace nnc::driver {

// What one optimizer's phases run.
struct PhaseBuild {
  LoadedModel loaded;
  frontend::Model model;
  std::vector<Graph> graphs;
  Bundle bundle;
};

// One build per distinct step, in order of first use.
struct Plan {
  std::vector<std::unique_ptr<PhaseBuild>> builds;
  std::vector<size_t> of_phase;  // index into `builds`
};

Result<Plan> plan_phases(Session& session, const runtime::RunConfig& config);

// A run is the same run as long as its graphs are.
std::string identity_text(const Plan& plan);
// The same of the model file that `config` names, under these settings. Empty if it does not build, which nobody is told.
std::string model_text(const Session& session, const runtime::RunConfig& config);

}  // namespace nnc::driver
