// Reads a run file (TOML) into a RunConfig: every key known, every type checked, every default filled in,
// every override applied. Errors carry file, line, column and a suggestion, and all are reported at once.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "runtime/run_file/run.h"
#include "support/diagnostic.h"
#include "support/result.h"
#include "support/source.h"

namespace nnc::runtime {

// Reads `path`; its text is added to `sources`, so that diagnostics show its lines. `overrides` are
// "key=value" as after --set: values in TOML syntax, bare words are strings ("train.optimizer=adam");
// `phase.0.epochs=3` reaches into a phase. Paths in the file are relative to its folder, paths in overrides
// to the working directory.
Result<RunConfig> load_config(const std::string& path, std::span<const std::string> overrides,
                              Sources& sources, Diagnostics& diagnostics);

// The same for a text already in memory (a saved run, a test). `path` names it and fixes its folder.
Result<RunConfig> parse_config(const std::string& path, std::string text,
                               std::span<const std::string> overrides, Sources& sources,
                               Diagnostics& diagnostics);

// `nnc config`: one line per key, "train.batch = 32    # default", sorted, aligned.
std::string config_listing(const RunConfig& config);

}  // namespace nnc::runtime
