// nnc inspect FILE --tensor NAME: one tensor of a checkpoint, as numbers or as pictures of its rows.
#pragma once

#include "driver/session.h"

namespace nnc::driver {

// Whether any flag is given that only means something with --tensor.
bool asks_for_tensor(const Options& options, FileKind kind);

// `path` is a checkpoint, a run folder or a run file; of a run it is the checkpoint that nnc eval would use. Returns the
// exit code.
int show_tensor(Session& session, const std::string& path, FileKind kind);

}  // namespace nnc::driver
