// The keys of a run file that say how long a phase is, which optimizer it has, how its rate changes and which
// parameters have settings of their own. They are in [train], or in each [[phase]].
#pragma once

#include <span>

#include "runtime/formats/table_reader.h"
#include "runtime/run_file/run.h"

namespace nnc::runtime {

// The keys of a phase, all of which are errors in [train] beside [[phase]].
std::span<const char* const> phase_keys();

// Reads one phase from `owner` through its reader. `config.data` must have been read.
Phase read_phase(TableReader& reader, const Setting& owner, RunConfig& config, Diagnostics& diagnostics);

}  // namespace nnc::runtime
