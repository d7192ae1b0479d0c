// What of a run file can only be told from its model and its data: nnc train asks before it begins, nnc check asks alone.
#pragma once

#include <memory>

#include "driver/session.h"
#include "runtime/data/dataset.h"
#include "runtime/store/initial_weights.h"

namespace nnc::driver {

// What train.init_from has for this model; nothing if the run file has no such key.
Result<std::shared_ptr<const runtime::InitialWeights>> read_weights(Session& session,
                                                                    const runtime::RunConfig& config,
                                                                    const frontend::Model& model);

// train.best, train.stop and the phases' schedules name what the run will measure.
Status check_watched(Session& session, const runtime::RunConfig& config, const frontend::Model& model,
                     const runtime::LoadedData& data);

}  // namespace nnc::driver
