// Which arguments of a model count the classes of which of its data columns.
#pragma once

#include "runtime/data/dataset.h"

namespace nnc::driver {

// For every argument that is "auto" in the run file. Empty where the model cannot be built with a stand-in for it.
runtime::AutoArguments auto_arguments(const runtime::RunConfig& config);

}  // namespace nnc::driver
