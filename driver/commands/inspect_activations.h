// nnc inspect RUN --activations INPUT: what a trained model computes on the way, as a table, as JSON or as a picture.
#pragma once

#include "driver/session.h"

namespace nnc::driver {

// `path` is a run folder or a run file. Returns the exit code.
int show_activations(Session& session, const std::string& path);

}  // namespace nnc::driver
