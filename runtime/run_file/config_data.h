// The part of a run file that is about data: [data] and [input.NAME]. Used by config.cpp only.
#pragma once

#include <string>

#include "runtime/run_file/run.h"
#include "runtime/run_file/settings.h"
#include "support/diagnostic.h"

namespace nnc::runtime {

// Relative paths of the file start at its folder, those of --set at the working directory.
std::string resolve_path(const std::string& path, const Setting* setting, const std::string& file);

// Null where the run file has no such table.
void read_data_keys(const Setting* table, RunConfig& config, Diagnostics& diagnostics);
void read_input_keys(const Setting* table, RunConfig& config, Diagnostics& diagnostics);

}  // namespace nnc::runtime
