// What nnc check finds wrong with a model or a run, for the command and for editors.
#pragma once

#include <string>

#include "driver/session.h"

namespace nnc::driver {

enum class DataCheck { read, skip };

// Builds the model that `path` (FILE.nn or RUN.toml) names, for each phase of a run, and reads the run's data. One line for what
// was found good; empty after an error. `meanings` as for frontend::build_model(), of the first phase.
std::string check_model(Session& session, const std::string& path, DataCheck data = DataCheck::read,
                        frontend::Meanings* meanings = nullptr);

}  // namespace nnc::driver
