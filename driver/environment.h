// What a run was trained with and where: environment.json of its folder, for reports. It says nothing that training
// depends on, and nothing of it is part of a run's identity.
#pragma once

#include <string>

#include "driver/session.h"
#include "frontend/model.h"
#include "runtime/data/dataset.h"
#include "runtime/run_file/run.h"

namespace nnc::driver {

// Written at the start of each session of a run. Besides the machine: sizes, and where each key of the configuration
// came from, which config.toml does not hold.
Status write_environment(const std::string& folder, const runtime::RunConfig& config,
                         const frontend::Model& model, const runtime::LoadedData& data, int threads,
                         const Options& options, Diagnostics& diagnostics);

// "AMD EPYC 9654", from /proc/cpuinfo; "unknown processor" where it does not say.
std::string processor_name();

// "avx2" or "avx512": what --isa says, or the processor has.
std::string instruction_set(const Options& options);

}  // namespace nnc::driver
