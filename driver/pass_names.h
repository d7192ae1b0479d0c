// Which passes a command runs: those that --passes names, or all but those that --disable-pass does.
#pragma once

#include <string>
#include <vector>

#include "driver/session.h"

namespace nnc::driver {

// By name, in order; differentiation is among them. An error for what is no pass, or may not be left out.
Result<std::vector<std::string>> chosen_passes(Session& session);

}  // namespace nnc::driver
