#pragma once

#include "driver/session.h"

namespace nnc::driver {

// Runs the text as nnc run does; gives the exit code.
int run_text(Session& session, const std::string& path);

}  // namespace nnc::driver
