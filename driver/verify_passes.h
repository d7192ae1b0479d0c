// --verify-passes: what each stage makes of a graph is compared with what it was given (validate/stages.h). The first that changes a
// value is named, and its graph written to a file for nnc reduce.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "driver/session.h"
#include "validate/stages.h"

namespace nnc::driver {

// The passes, and what comes after the last of them where --passes does not say otherwise.
std::vector<std::string> chosen_stages(const Session& session, std::vector<std::string> passes);

validate::StagesOptions stages_options(const Session& session, std::vector<std::string> stages);

// Says what was compared. Fails where a value changes, or a gradient is refused.
Status verify_passes(Session& session, const Graph& graph, std::vector<std::string> stages);
// All stages of each of them, as they are compiled together.
Status verify_passes(Session& session, std::span<const Graph> graphs);

// The flags that were typed and decide what the stages are and make: " --passes=simplify --threads=2".
std::string stage_flags(const Options& options);

}  // namespace nnc::driver
