// What must be there before the first step besides good data: memory for the programs and room on the disk for the
// checkpoints. Everything that is missing is said at once.
#pragma once

#include <span>

#include "codegen/program.h"
#include "driver/session.h"

namespace nnc::driver {

// Bytes of one checkpoint of a run of these bundles: the largest, without its header.
uint64_t checkpoint_bytes(std::span<const Bundle* const> bundles);

// Whether the disk of the run folder has room for the checkpoints that are kept, the best one and the one being
// written, less those that are there already; reports both numbers if not.
Status check_disk(Session& session, const runtime::RunConfig& config, uint64_t checkpoint);

}  // namespace nnc::driver
